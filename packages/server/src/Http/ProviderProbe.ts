/** Tests a stored provider with one small call. */
import * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Tested } from "../Api/LlmProviders.ts"

const defaultTimeoutMillis = 30_000
const maxTextLength = 1_000

const request: Llm.Request = {
  messages: [{ role: "user", content: [{ type: "text", text: "Reply with the word OK." }] }],
  tools: [],
  toolChoice: "none",
  // A limit that reasoning models do not reach before they answer.
  options: { maxOutputTokens: 1_024 }
}

type FailureName = (Tested & { readonly ok: false })["reason"]

const names: { readonly [Tag in Llm.Reason["_tag"]]: FailureName } = {
  RateLimited: "rate-limited",
  Overloaded: "overloaded",
  ContextTooLong: "context-too-long",
  ContentRefused: "content-refused",
  InvalidRequest: "invalid-request",
  Authentication: "authentication",
  QuotaExhausted: "quota-exhausted",
  Network: "network",
  Timeout: "timeout",
  MalformedAnswer: "malformed-answer",
  BudgetExceeded: "budget-exceeded",
  CircuitOpen: "circuit-open",
  UnknownModel: "unknown-model",
  MissingPackage: "missing-package"
}

/** Calls `provider/model` the way agents do. A call that fails is a result as well. */
export const run = Effect.fn("ProviderProbe.run")(function* (options: {
  readonly provider: string
  readonly model: string
  readonly timeoutMillis?: number | undefined
}): Effect.fn.Return<Tested, never, Llm.Llm> {
  const { model, provider, timeoutMillis = defaultTimeoutMillis } = options
  const llm = yield* Llm.Llm
  const reference = `${provider}/${model}`
  const start = yield* Clock.currentTimeMillis
  const call = Effect.flatMap(llm.resolve(reference), (resolved) => resolved.generate(request))
  return yield* call.pipe(
    Effect.timeoutOrElse({
      duration: timeoutMillis,
      orElse: () =>
        Effect.fail(
          new Llm.LlmError({
            model: reference,
            reason: new Llm.Timeout({ description: `The provider did not answer within ${timeoutMillis} ms.` })
          })
        )
    }),
    Effect.matchEffect({
      onSuccess: (answer) =>
        Effect.map(Clock.currentTimeMillis, (end): Tested => {
          const text = answer.parts.map((part) => (part.type === "text" ? part.text : "")).join("")
          const { model, usage } = answer
          return { ok: true, model, latencyMillis: end - start, usage, text: text.slice(0, maxTextLength) }
        }),
      onFailure: ({ reason }) =>
        Effect.map(Clock.currentTimeMillis, (end): Tested => {
          const { _tag, description: message, requestId } = reason
          const told = { model, latencyMillis: end - start, reason: names[_tag], message }
          return { ok: false, ...told, ...(requestId !== undefined && { requestId }) }
        })
    })
  )
})
