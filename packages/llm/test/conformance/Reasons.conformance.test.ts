/**
 * Every reason for which a call of a provider can fail, provoked at every provider, complete and
 * streamed: reported by the server or on the way to it. Reasons that a server never reports are
 * listed with its subject.
 */
import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { anthropic } from "./AnthropicSubject.ts"
import { ollama } from "./OllamaSubject.ts"
import { compatible, openAi } from "./OpenAiSubject.ts"
import { responses } from "./ResponsesSubject.ts"
import { type ModelOptions, type Subject, unfinished } from "./Subject.ts"

/**
 * What detects each reason: the server reports it, or it occurs on the way to any server, or a
 * wrapper detects it before the request.
 */
const foundBy: { readonly [Tag in Llm.Reason["_tag"]]: "server" | "way" | "wrapper" } = {
  RateLimited: "server",
  Overloaded: "server",
  ContextTooLong: "server",
  ContentRefused: "server",
  InvalidRequest: "server",
  Authentication: "server",
  QuotaExhausted: "server",
  MalformedAnswer: "server",
  Timeout: "way",
  Network: "way",
  BudgetExceeded: "wrapper",
  CircuitOpen: "wrapper",
  UnknownModel: "wrapper",
  MissingPackage: "wrapper"
}

const whole: Llm.Request = { messages: [{ role: "user", content: "otters" }], tools: [], toolChoice: "auto" }
const followed: Llm.Request = { ...whole, onDelta: () => {} }

const failure = (subject: Subject, handler: FakeProvider.Handler, fields: Llm.Request, options?: ModelOptions) =>
  Effect.gen(function* () {
    const provider = yield* Scoped.start(handler)
    const model = subject.model(new URL(provider.baseURL).origin, options)
    return (yield* Effect.flip(model.generate(fields))).reason
  }).pipe(Effect.scoped)

const explains = (subject: Subject): void => {
  for (const [kind, fields] of Object.entries({ whole, streamed: followed })) {
    for (const { handler, reason: tag, retryAfterMillis, what } of subject.failures) {
      it.live(`${what}, ${kind}: ${tag}`, () =>
        Effect.gen(function* () {
          const reason = yield* failure(subject, handler, fields)
          assert.strictEqual(reason._tag, tag)
          assert.strictEqual("retryAfterMillis" in reason ? reason.retryAfterMillis : undefined, retryAfterMillis)
          assert.strictEqual(reason.requestId, "req_1")
          assert.isAbove(reason.description.length, 0)
        })
      )
    }
  }

  it("each reason that a server can report is among the failures, or its absence is explained", () => {
    const given = new Set(subject.failures.map(({ reason }) => reason))
    for (const [tag, by] of Object.entries(foundBy) as Array<[Llm.Reason["_tag"], string]>) {
      const isNever = subject.never?.[tag] !== undefined
      if (by === "server") assert.notStrictEqual(given.has(tag), isNever, tag)
      if (by === "wrapper") assert.isFalse(given.has(tag) || isNever, tag)
    }
  })

  // In parallel, because each of them waits for a timeout.
  it.live("a closed port, a closed connection, and silence: before the answer, and during it", () =>
    Effect.gen(function* () {
      const closing: FakeProvider.Handler = (_, response) => response.destroy()
      const silent: FakeProvider.Handler = () => {}
      const half = (last: (response: FakeProvider.Responder) => void): FakeProvider.Handler => {
        return (_, response) => {
          response.begin(200, { "content-type": "application/json", "content-length": "100" })
          response.write('{"mo', () => last(response))
        }
      }
      const lost = (response: FakeProvider.Responder) => response.destroy()
      const begun = (last: typeof lost) => unfinished(subject, ["Sea ot"], last)
      const cases: ReadonlyArray<readonly [string, Llm.Reason["_tag"], Llm.Request, FakeProvider.Handler]> = [
        ["closed, whole", "Network", whole, closing],
        ["closed, streamed", "Network", followed, closing],
        ["closed in the middle, whole", "Network", whole, half(lost)],
        ["closed in the middle, streamed", "Network", followed, begun(lost)],
        ["silent, whole", "Timeout", whole, silent],
        ["silent, streamed", "Timeout", followed, silent],
        ["silent in the middle, whole", "Timeout", whole, half(() => {})],
        ["silent in the middle, streamed", "Timeout", followed, begun(() => {})]
      ]
      const ended = yield* Effect.forEach(
        cases,
        ([what, tag, fields, handler]) =>
          Effect.map(failure(subject, handler, fields, tag === "Timeout" ? { timeoutMillis: 150 } : {}), (reason) => [
            what,
            reason._tag
          ]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        ended,
        cases.map(([what, tag]) => [what, tag])
      )
      const nobody = subject.model("http://127.0.0.1:1")
      for (const fields of [whole, followed]) {
        const { reason } = yield* Effect.flip(nobody.generate(fields))
        assert.strictEqual(reason._tag, "Network")
        assert.isTrue(reason.isRetryable)
      }
    })
  )
}

describe.each([openAi, responses, compatible, anthropic, ollama])("$name", (subject) => {
  explains(subject)
})
