/**
 * Messages and answers as the semantic conventions want them in spans: JSON of roles and parts.
 * Bytes of files are left out, their type is told; signatures and other things of providers are
 * nobody's content.
 *
 * Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (schemas of `gen_ai.input.messages`
 * and `gen_ai.output.messages`).
 */
import type * as Llm from "@crewline/core/Llm"
import type * as Prompt from "effect/ai/Prompt"

type Part = { readonly type: string; readonly [field: string]: unknown }

/** For `gen_ai.input.messages`. */
export const input = (messages: Llm.Request["messages"]): string =>
  JSON.stringify(messages.map(({ content, role }) => ({ role, parts: partsOf(content) })))

/** For `gen_ai.output.messages`. */
export const output = ({ finishReason: reason, parts }: Llm.Answer): string =>
  JSON.stringify([{ role: "assistant", parts: parts.flatMap(partOf), finish_reason: finishReason(reason) }])

/** The conventions' word for a reason to stop. */
export const finishReason = (reason: Llm.Answer["finishReason"]): string => {
  switch (reason) {
    case "tool-calls":
      return "tool_call"
    case "content-filter":
      return "content_filter"
    default:
      return reason
  }
}

const partsOf = (content: Prompt.MessageEncoded["content"]): ReadonlyArray<Part> =>
  typeof content === "string" ? [{ type: "text", content }] : content.flatMap(partOf)

type AnyPart = Exclude<Prompt.MessageEncoded["content"], string>[number] | Llm.Answer["parts"][number]

const partOf = (part: AnyPart): ReadonlyArray<Part> => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return [{ type: part.type, content: part.text }]
    case "tool-call":
      return [{ type: "tool_call", id: part.id, name: part.name, arguments: part.params }]
    case "tool-result":
      return [{ type: "tool_call_response", id: part.id, response: part.result }]
    case "file":
      return [{ type: "blob", mime_type: part.mediaType, modality: part.mediaType.split("/")[0] ?? "" }]
    default:
      return []
  }
}
