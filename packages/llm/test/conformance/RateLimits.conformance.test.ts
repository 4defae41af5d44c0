/** Rate limits in the headers of providers, as sent, and calls that respect them. */
import type { Notice } from "@crewline/core/ExecutionEvent"
import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as PromptEstimate from "../../src/PromptEstimate.ts"
import * as RateLimit from "../../src/RateLimit.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { anthropic } from "./AnthropicSubject.ts"
import { ollama } from "./OllamaSubject.ts"
import { compatible, openAi } from "./OpenAiSubject.ts"
import { responses } from "./ResponsesSubject.ts"
import { answerWith, type Subject, unfinished } from "./Subject.ts"

const request = (fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [{ role: "user", content: "otters" }],
  tools: [],
  toolChoice: "auto",
  ...fields
})

const at = (subject: Subject, provider: Scoped.FakeProvider): Llm.Model =>
  subject.model(new URL(provider.baseURL).origin)

/** Adds these headers to answers. */
const saying =
  (headers: Readonly<Record<string, string>> | undefined, handler: FakeProvider.Handler): FakeProvider.Handler =>
  (received, response) => {
    for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value)
    return handler(received, response)
  }

const states = [
  { of: "requests", limit: 100, remaining: 7, resetMillis: 30_000 },
  { of: "tokens", limit: 4_000, remaining: 1_000, resetMillis: 60_000 }
]

describe.each([openAi, responses, compatible, anthropic, ollama])("the rate limits of $name", (subject) => {
  const { rateLimitHeaders } = subject
  const expected = rateLimitHeaders === undefined ? [] : [states]
  const slowDown = FakeProvider.json({ error: { message: "slow down" } }, 429)
  const cases: ReadonlyArray<readonly [string, FakeProvider.Handler, boolean]> = [
    ["a whole answer", answerWith({ text: "Otters." }), false],
    ["a streamed answer", answerWith({ text: "Otters." }), true],
    ["a refusal", slowDown, false],
    ["the refusal of a streamed answer", slowDown, true]
  ]

  it.live.each(cases)("are reported with %s", ([, handler, streamed]) =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(saying(rateLimitHeaders, handler))
      const told: Array<unknown> = []
      const onRateLimits = (each: unknown) => told.push(each)
      const ask = request({ onRateLimits, ...(streamed && { onDelta: () => {} }) })
      yield* Effect.exit(at(subject, provider).generate(ask))
      assert.deepStrictEqual(told, expected)
    }).pipe(Effect.scoped)
  )

  it.live("are reported when a stream starts, whatever happens to it", () =>
    Effect.gen(function* () {
      const cut = unfinished(subject, ["Sea ot"])
      const provider = yield* Scoped.start(saying(rateLimitHeaders, cut))
      const told: Array<unknown> = []
      let toldBefore: number | undefined
      const onDelta = () => {
        toldBefore ??= told.length
      }
      yield* Effect.flip(at(subject, provider).generate(request({ onDelta, onRateLimits: (each) => told.push(each) })))
      assert.strictEqual(toldBefore, expected.length)
      assert.deepStrictEqual(told, expected)
    }).pipe(Effect.scoped)
  )

  it.live("are not reported without headers", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(answerWith({ text: "Otters." }))
      const onRateLimits = () => assert.fail("nothing was said")
      yield* at(subject, provider).generate(request({ onRateLimits }))
    }).pipe(Effect.scoped)
  )

  it.effect("are respected: a call waits until it is allowed", () =>
    Effect.gen(function* () {
      yield* PromptEstimate.counter
      // Nothing is left of 100 requests that are restored in 30 s: one in 300 ms.
      const none = Object.fromEntries(
        Object.entries(rateLimitHeaders ?? {}).map(([name, value]) => [name, value === "7" ? "0" : value])
      )
      const provider = yield* Scoped.start(saying(none, answerWith({ text: "Otters." })))
      const limiter = yield* RateLimit.makeLocalLimiter
      const model = RateLimit.make({ limiter, key: "account" })(at(subject, provider))
      const notices: Array<Notice> = []
      const ask = request({ onDelta: () => {}, onNotice: (notice) => void notices.push(notice) })
      yield* model.generate(ask)
      assert.deepStrictEqual(notices, [])
      const second = yield* Effect.forkChild(model.generate(ask), { startImmediately: true })
      yield* TestClock.adjust(299)
      if (rateLimitHeaders !== undefined) assert.strictEqual(provider.received.length, 1)
      yield* TestClock.adjust(1)
      yield* Fiber.join(second)
      assert.strictEqual(provider.received.length, 2)
      const told = notices.map(({ delayMillis, kind, message }) => [kind, delayMillis, message])
      const message = "The call waited 300 ms for the provider's own rate limit: 0 of 100 requests were left."
      assert.deepStrictEqual(told, rateLimitHeaders === undefined ? [] : [["limited", 300, message]])
    }).pipe(Effect.scoped)
  )
})
