/**
 * A model without a provider: answers what the test tells it to, and counts.
 */
import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as Fallback from "@crewline/llm/Fallback"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What the model does with a request: the text of its answer. */
export type Answer = (request: Llm.Request, model: string) => Effect.Effect<string, Llm.LlmError>

/** Answers every request by its text; streamed answers come word by word. */
export const layer = (answer: Answer): Layer.Layer<Llm.Llm> =>
  Layer.succeed(Llm.Llm, {
    resolve: Fallback.resolving((reference = "fake/model") =>
      Effect.succeed({
        reference,
        generate: (request: Llm.Request) =>
          Effect.map(answer(request, reference), (text): Llm.Answer => {
            if (request.onDelta !== undefined) for (const word of text.split(/(?<= )/)) request.onDelta(word)
            return {
              parts: [{ type: "text", text }],
              finishReason: "stop",
              usage: { ...Usage.zero, requests: 1, inputTokens: 10, outputTokens: 5 },
              model: reference
            }
          })
      })
    )
  })

/** Names the task that it was asked for. */
export const echo: Answer = (request) => Effect.succeed(`Done: ${request.caller?.taskId ?? "nothing"}.`)
