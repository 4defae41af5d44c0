/**
 * A chain of models that acts as one: if a model cannot answer, the next one is called. The last
 * failure is the failure of the chain.
 *
 * A refusal that would apply to other models as well is final: a call over a budget, an invalid
 * request, content that a provider refuses (a fallback must not search for a provider that accepts
 * it).
 */
import * as Llm from "@crewline/core/Llm"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

const final: ReadonlySet<Llm.Reason["_tag"]> = new Set<Llm.Reason["_tag"]>([
  "BudgetExceeded",
  "ContentRefused",
  "InvalidRequest"
])

/** At least one model; each call tries them in order from the first. */
export const make = (models: readonly [Llm.Model, ...ReadonlyArray<Llm.Model>]): Llm.Model => {
  const [first, ...others] = models
  if (others.length === 0) return first
  const ask = (index: number, request: Llm.Request): Effect.Effect<Llm.Answer, Llm.LlmError> => {
    const next = models[index + 1]
    // What a model streamed before it failed cannot be taken back: its successor is not streamed
    // behind it.
    let streamed = false
    const { onDelta } = request
    const own: Llm.Request =
      onDelta === undefined || next === undefined
        ? request
        : {
            ...request,
            onDelta: (delta) => {
              streamed = true
              onDelta(delta)
            }
          }
    const answer = models[index]!.generate(own)
    if (next === undefined) return answer
    return Effect.catch(answer, (error) => {
      if (final.has(error.reason._tag)) return Effect.fail(error)
      request.onNotice?.({
        kind: "fell-back",
        model: error.model,
        message: `${error.message.replace(/(?<![.\s])[.\s]*$/, ".")} Asking ${next.reference} instead.`
      })
      if (!streamed) return ask(index + 1, request)
      const { onDelta: _, ...silent } = request
      return ask(index + 1, silent)
    })
  }
  return { reference: models.map((model) => model.reference).join(" | "), generate: (request) => ask(0, request) }
}

/** `Llm.resolve` from a function that knows single references: a list of them becomes a chain. */
export const resolving =
  (one: (reference: string | undefined) => Effect.Effect<Llm.Model, Llm.LlmError>): Llm.Llm["Service"]["resolve"] =>
  (reference) =>
    typeof reference === "string" || reference === undefined
      ? one(reference)
      : Effect.flatMap(
          Effect.forEach(reference, (each) => Effect.result(Effect.suspend(() => one(each)))),
          (results) => {
            // One that is not configured here cannot answer: the next one is asked, as of any other
            // that cannot.
            const models = results.map((result, index) =>
              Result.isSuccess(result)
                ? result.success
                : { reference: reference[index]!, generate: () => Effect.fail(result.failure) }
            )
            const failure = results.every(Result.isFailure) ? results[0]?.failure : undefined
            if (failure !== undefined) return Effect.fail(failure)
            return Arr.isReadonlyArrayNonEmpty(models) ? Effect.succeed(make(models)) : Effect.fail(nobody)
          }
        )

const nobody = new Llm.LlmError({
  model: "(none)",
  reason: new Llm.UnknownModel({ description: "The list of models is empty: expected at least one." })
})
