/** JSON in the text of a model. */
import type * as Schema from "effect/Schema"
import * as JsonDepth from "../JsonDepth.ts"

/** JSON from the text of a model: as it stands, inside a code fence, or the one object or array in the text. */
export const parse = (text: string): { readonly value: Schema.Json } | { readonly reason: string } => {
  const candidates = [text.trim()]
  const inFence = fenced(text)
  if (inFence !== undefined) candidates.push(inFence)
  const from = text.search(/[[{]/)
  const to = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"))
  if (from >= 0 && to > from) candidates.push(text.slice(from, to + 1))
  let reason = ""
  for (const candidate of candidates) {
    try {
      const value = JSON.parse(candidate) as Schema.Json
      if (!JsonDepth.isTooDeep(value)) return { value }
      if (reason === "") reason = `the value ${JsonDepth.tooDeep}`
    } catch (error) {
      if (reason === "") reason = error instanceof Error ? error.message : String(error)
    }
  }
  return { reason }
}

/** What stands in the first code fence. Line by line, because a regular expression takes cubic time for a text of empty lines. */
const fenced = (text: string): string | undefined => {
  const lines = text.split("\n")
  const opening = lines.findIndex((line) => {
    const end = line.trimEnd()
    return end.endsWith("```") || end.endsWith("```json")
  })
  if (opening === -1) return undefined
  const closing = lines.findIndex((line, index) => index > opening && line.trimStart().startsWith("```"))
  return closing === -1 ? undefined : lines.slice(opening + 1, closing).join("\n")
}
