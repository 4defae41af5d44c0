/**
 * The parts of a model's answer as they are recorded: safe to stringify, and each call with an id
 * of its own, whatever the model wrote.
 */
import type * as Response from "effect/ai/Response"
import * as JsonDepth from "../JsonDepth.ts"

type Parts = ReadonlyArray<Response.PartEncoded>

/** `taken`: ids of calls that were made before in the conversation. */
export const recordable = (parts: Parts, taken: ReadonlySet<string> = new Set()): Parts =>
  distinctCalls(withinDepth(parts), taken)

/**
 * The parts, with another id for a call whose id is empty or that of an earlier call of the
 * conversation: results, approvals and waits are recorded by it, and providers refuse a
 * conversation with two calls of one id.
 */
export const distinctCalls = (parts: Parts, taken: ReadonlySet<string> = new Set()): Parts => {
  const ids = new Set(taken)
  let isDistinct = true
  for (const part of parts) {
    if (part.type !== "tool-call") continue
    if (part.id === "" || ids.has(part.id)) isDistinct = false
    ids.add(part.id)
  }
  if (isDistinct) return parts
  const seen = new Set(taken)
  return parts.map((part) => {
    if (part.type !== "tool-call") return part
    let { id } = part
    if (id === "" || seen.has(id)) {
      for (let n = 2; id === "" || ids.has(id); n++) id = `${part.id || "call"}_${n}`
      ids.add(id)
    }
    seen.add(id)
    return id === part.id ? part : { ...part, id }
  })
}

/**
 * The parts, with the arguments of a tool call and the metadata left out where they are nested too
 * deep. Such a call is answered like one whose arguments cannot be parsed.
 */
export const withinDepth = (parts: Parts): Parts =>
  parts.some((part) => JsonDepth.isTooDeep(part)) ? parts.map(shallow) : parts

const shallow = (part: Response.PartEncoded): Response.PartEncoded => {
  if (!JsonDepth.isTooDeep(part)) return part
  const { metadata: _metadata, ...rest } = part
  // Without its metadata and its arguments a part has no nesting left.
  return (rest.type === "tool-call" ? { ...rest, params: `(${JsonDepth.tooDeep})` } : rest) as Response.PartEncoded
}
