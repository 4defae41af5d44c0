/**
 * The limit on how deep JSON from outside may be nested. JSON written by a model, a tool or a
 * client is checked where it enters; after that it may be walked, validated and stringified by
 * recursion. Without the limit a value 5,000 levels deep exhausts the stack in `JSON.stringify`.
 */

/** Levels of arrays and objects in each other. */
export const maxDepth = 200

/**
 * True when arrays and objects are nested in each other more than `max` levels. Does not recurse;
 * stops at the limit, so that cycles end.
 */
export const isTooDeep = (value: unknown, max: number = maxDepth): boolean => {
  let level: ReadonlyArray<object> = isContainer(value) ? [value] : []
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === max) return true
    const below: Array<object> = []
    for (const container of level)
      for (const child of Object.values(container)) if (isContainer(child)) below.push(child)
    level = below
  }
  return false
}

/** To be read after what it says it of. */
export const tooDeep = `is nested more than ${maxDepth} levels deep`

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null
