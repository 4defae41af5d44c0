/**
 * The model `scripted/demo`: lets any crew run with no key and no network. It calls each of the
 * task's tools once, with arguments that are valid for the tool's schema and taken from the prompt
 * where that shows some; then it answers with text, or with JSON that is valid for the declared
 * schema, quoting from what the tools and the earlier tasks gave. Asked to generate a crew, it
 * answers with a small one that is always the same. Every answer states that it is a demonstration.
 * The same request always gets the same answer.
 *
 * It costs nothing; tokens are estimated (one for every four characters).
 */
import type * as Llm from "@crewline/core/Llm"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as DemoAnswer from "./Demo/Answer.ts"
import * as DemoArguments from "./Demo/Arguments.ts"
import * as DemoGeneration from "./Demo/Generation.ts"
import * as DemoReading from "./Demo/Reading.ts"
import * as TokenEstimate from "./Scripted/TokenEstimate.ts"
import * as Words from "./Scripted/Words.ts"
import type { Provider } from "./Provider.ts"

export interface Options {
  /**
   * The pause between two words of a streamed answer, in milliseconds, so that a live view looks
   * alive. Default: 15.
   */
  readonly wordDelayMillis?: number
}

/** The reference of the model. */
export const reference = "scripted/demo"

/** The provider `scripted` with its one model, `demo`. */
export const make = (options: Options = {}): Provider => {
  const { wordDelayMillis = 15 } = options
  const model: Llm.Model = {
    reference,
    generate: (request) =>
      Effect.suspend(() => {
        const reading = DemoReading.read(request)
        const call = toolCall(request, reading)
        if (call !== undefined) return Effect.succeed(answer(request, [call], "tool-calls"))
        const generated = DemoGeneration.answer(reading)
        const text =
          generated !== undefined
            ? JSON.stringify(generated)
            : reading.schema === undefined
              ? DemoAnswer.text(reading)
              : DemoAnswer.json(reading, reading.schema)
        const whole = answer(request, [{ type: "text", text }], "stop")
        const { onDelta } = request
        return onDelta === undefined
          ? Effect.succeed(whole)
          : Effect.as(Words.say(text, wordDelayMillis, onDelta), whole)
      })
  }
  return { name: "scripted", models: ["demo"], model: () => model }
}

const answer = (
  request: Llm.Request,
  parts: ReadonlyArray<Response.PartEncoded>,
  finishReason: Response.FinishReason
): Llm.Answer => ({ parts, finishReason, usage: TokenEstimate.usage(request, parts), model: reference })

/**
 * The next tool that was not called yet: one a turn, so that later ones can use what earlier ones
 * gave.
 */
const toolCall = (request: Llm.Request, reading: DemoReading.Reading): Response.PartEncoded | undefined => {
  if (request.toolChoice === "none") return undefined
  const tool = request.tools.find(({ name }) => !reading.called.has(name))
  if (tool === undefined) return undefined
  const id = `demo-${reading.called.size + 1}`
  return { type: "tool-call", id, name: tool.name, params: DemoArguments.make(tool.parameters, reading) }
}
