/** A model without a provider: returns the answers of the test, and counts. */
import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as Fallback from "@crewline/llm/Fallback"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** Handles a request: returns the text of the answer. */
export type Answer = (request: Llm.Request, model: string) => Effect.Effect<string, Llm.LlmError>

/** Answers every request with the text for it; streamed answers come word by word. */
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

/** The name of the requested task. */
export const echo: Answer = (request) => Effect.succeed(`Done: ${request.caller?.taskId ?? "nothing"}.`)
