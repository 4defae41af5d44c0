/** Converts the result of a tool to text for the model. */
import type * as Prompt from "effect/ai/Prompt"

/** What was written for the model where there is such a text, else the result as JSON. */
export const textOf = (part: Prompt.ToolResultPartEncoded): string => {
  if (part.modelOutput !== undefined) {
    return part.modelOutput.map((output) => (output.type === "text" ? output.text : `[${output.mediaType}]`)).join("\n")
  }
  return typeof part.result === "string" ? part.result : (JSON.stringify(part.result) ?? "")
}
