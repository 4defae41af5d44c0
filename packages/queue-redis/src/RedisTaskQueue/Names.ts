/**
 * Names as they stand in keys and members: the bytes that the scripts separate with never occur in
 * them.
 */
import * as Lua from "./Lua.ts"

// oxlint-disable-next-line no-control-regex -- these control characters are the separators
const special = /[\u001d-\u001f]/g
// oxlint-disable-next-line no-control-regex
const escaped = /\u001e([defx])([0-9a-f]{4})?/g

/** Between the parts of a member. */
export const separator = Lua.SEP
/** Between the entries of a list. */
export const listSeparator = Lua.LIST

const letters: { readonly [character: string]: string } = { "\u001d": "d", "\u001e": "e", "\u001f": "f" }

export const encode = (name: string): string => {
  const safe = name.replace(special, (character) => `\u001e${letters[character]}`)
  if (safe.isWellFormed()) return safe
  // Half a surrogate pair has no UTF-8.
  return Array.from(safe, (character) =>
    character.isWellFormed() ? character : `\u001ex${character.charCodeAt(0).toString(16)}`
  ).join("")
}

export const decode = (name: string): string =>
  name.includes("\u001e")
    ? name.replace(escaped, (_, letter: string, code: string | undefined) =>
        letter === "x"
          ? String.fromCharCode(Number.parseInt(code!, 16))
          : String.fromCharCode(0x1d + "def".indexOf(letter)) + (code ?? "")
      )
    : name

/** The parts of a member. `Lua/record/layout.lua` has its layout. */
export const parseMember = (member: string) => {
  const laneEnd = member.indexOf(separator)
  const tenantEnd = member.indexOf(separator, laneEnd + 1)
  const place = member.slice(tenantEnd + Lua.PLACE_AT - 1)
  const executionEnd = place.indexOf(separator)
  return {
    lane: decode(member.slice(0, laneEnd)),
    tenant: decode(member.slice(laneEnd + 1, tenantEnd)),
    executionId: decode(place.slice(0, executionEnd)),
    taskId: decode(place.slice(executionEnd + 1))
  }
}
