/**
 * The limit on how large JSON of a tool may be. A result is recorded in the log and sent to the
 * model with every further turn: one without a bound would fill both.
 */

/** Characters of JSON, before strings are escaped: 1 MiB. */
export const maxSize = 1024 * 1024

/**
 * True when a value is longer as JSON than `max` characters. Does not recurse; stops at the limit,
 * so that cycles end.
 */
export const isTooLarge = (value: unknown, max: number = maxSize): boolean => {
  const left: Array<unknown> = [value]
  let size = 0
  while (left.length > 0) {
    const next = left.pop()
    if (typeof next === "string") size += next.length + 2
    else if (typeof next !== "object" || next === null) size += String(next).length
    else {
      // Brackets, and the commas between; every entry takes a character at least.
      const entries = Object.keys(next)
      size += 1 + Math.max(1, entries.length)
      if (size + entries.length > max) return true
      if (!Array.isArray(next)) for (const key of entries) size += key.length + 3
      for (const child of Object.values(next)) left.push(child)
    }
    if (size > max) return true
  }
  return false
}
