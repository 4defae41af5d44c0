/**
 * The ids by which people know asks: that of the execution and that of the ask within it, in one
 * part of a URL. Neither holds a "~", and only the latter holds a "/".
 */

export const encode = (executionId: string, ask: string): string => `${executionId}~${ask.replaceAll("/", "~")}`

/** What ids consist of: nothing that a URL escapes. */
export const pattern = /^[A-Za-z0-9_.~-]+$/

/** `undefined`: it is the id of no ask. */
export const decode = (id: string): { readonly executionId: string; readonly ask: string } | undefined => {
  const at = id.indexOf("~")
  if (at <= 0 || !pattern.test(id) || !id.includes("~", at + 1)) return undefined
  return { executionId: id.slice(0, at), ask: id.slice(at + 1).replaceAll("~", "/") }
}
