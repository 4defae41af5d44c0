/**
 * The text of a result for a model: all of it, or its beginning with instructions to read the rest.
 * The log contains the whole result.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as JsonSize from "../JsonSize.ts"
import * as Tool from "../Tool.ts"
import { type Tool as AnyTool, ToolRetry } from "../Toolbox.ts"

/** The name of the tool that reads the rest of a result. */
export const name = "tool_result"

/** Truncated results, by the id of their call. */
export type Cut = Map<string, Schema.Json>

const textOf = (result: Schema.Json): string => (typeof result === "string" ? result : JSON.stringify(result))

/** The result or its beginning. A truncated result is added to `cut`. */
export const of = (
  result: Schema.Json,
  {
    callId,
    cut,
    max = Tool.defaultMaxResult
  }: { readonly callId: string; readonly cut: Cut; readonly max: number | undefined }
): Schema.Json => {
  if (!JsonSize.isTooLarge(result, max)) return result
  cut.set(callId, result)
  return part(textOf(result), { callId, from: 0, max })
}

const part = (
  text: string,
  { callId, from, max }: { readonly callId: string; readonly from: number; readonly max: number }
): string => {
  // A surrogate pair is one character.
  const end = from + max < text.length && /[\uD800-\uDBFF]/.test(text[from + max - 1]!) ? from + max - 1 : from + max
  const shown = text.slice(from, end)
  const where = `Characters ${from + 1} to ${from + shown.length} of ${text.length}.`
  if (end >= text.length) return from === 0 ? shown : `${shown}\n\n[${where}]`
  return `${shown}\n\n[${where} To continue, call ${name} ${JSON.stringify({ call: callId, from: end })}]`
}

/** Reads the rest of truncated results. */
export const tool = (cut: Cut): AnyTool =>
  Tool.make({
    name,
    description: "Reads the rest of a truncated result.",
    parameters: {
      type: "object",
      properties: {
        call: { type: "string", description: "The call, as shown in the result." },
        from: { type: "integer", minimum: 0, description: "Where to continue, as shown in the result." }
      },
      required: ["call", "from"],
      additionalProperties: false
    },
    idempotent: true,
    kind: "read",
    source: "built-in",
    origin: "agent",
    // Its results are excerpts already.
    maxResult: Number.POSITIVE_INFINITY,
    execute: ({ call, from }) => {
      const callId = typeof call === "string" ? call : ""
      const result = cut.get(callId)
      if (result === undefined) {
        const known = [...cut.keys()].map((id) => JSON.stringify(id)).join(", ")
        return Effect.fail(
          new ToolRetry({ message: `That call has no truncated result. Calls that have one: ${known}.` })
        )
      }
      const text = textOf(result)
      const start = typeof from === "number" ? from : 0
      return start < text.length
        ? part(text, { callId, from: start, max: Tool.defaultMaxResult })
        : Effect.fail(new ToolRetry({ message: `The result has ${text.length} characters; ${start} is past its end.` }))
    }
  })
