/** The parts of a model's answer as they are recorded: safe to stringify, whatever the model wrote. */
import type * as Response from "effect/ai/Response"
import * as JsonDepth from "../JsonDepth.ts"

/**
 * The parts, with the arguments of a tool call and the metadata left out where they are nested too deep. Such a call is answered
 * like one whose arguments cannot be parsed.
 */
export const withinDepth = (parts: ReadonlyArray<Response.PartEncoded>): ReadonlyArray<Response.PartEncoded> =>
  parts.some((part) => JsonDepth.isTooDeep(part)) ? parts.map(shallow) : parts

const shallow = (part: Response.PartEncoded): Response.PartEncoded => {
  if (!JsonDepth.isTooDeep(part)) return part
  const { metadata: _metadata, ...rest } = part
  // Without its metadata and its arguments a part has no nesting left.
  return (rest.type === "tool-call" ? { ...rest, params: `(${JsonDepth.tooDeep})` } : rest) as Response.PartEncoded
}
