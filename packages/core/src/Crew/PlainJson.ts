/**
 * A frozen copy of a value as plain JSON, whatever it was: what JSON cannot hold is reported and left out. Keys that are
 * `undefined` are absent; `-0` is `0`. The key `__proto__` is refused, because assigning it would change an object's nature.
 */
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as JsonDepth from "../JsonDepth.ts"

export type Path = ReadonlyArray<string | number>

export interface Fault {
  readonly path: Path
  /** To be read after the path: `must be JSON, but is a function`. */
  readonly message: string
}

/** JSON by keys: neither a list nor `null`. */
export const isObject = (json: Schema.Json | undefined): json is Schema.JsonObject => Predicate.isObject(json)

/** A value that refers to the same object again and again unfolds without end. */
const nodesAtMost = 5_000_000

/** The copy, or `undefined` when nothing of the value is JSON. */
export const copy = (
  value: unknown
): { readonly json: Schema.Json | undefined; readonly faults: ReadonlyArray<Fault> } => {
  const faults: Array<Fault> = []
  const path: Array<string | number> = []
  let nodes = 0
  const refuse = (message: string): undefined => {
    faults.push({ path: [...path], message })
    return undefined
  }
  const walk = (current: unknown): Schema.Json | undefined => {
    if (++nodes > nodesAtMost) return nodes === nodesAtMost + 1 ? refuse("is too large") : undefined
    switch (typeof current) {
      case "string":
      case "boolean":
        return current
      case "number":
        if (!Number.isFinite(current)) return refuse(`must be JSON, but is ${current}`)
        return current === 0 ? 0 : current
      case "object":
        break
      default:
        return refuse(`must be JSON, but is ${current === undefined ? "undefined" : `a ${typeof current}`}`)
    }
    if (current === null) return null
    if (path.length >= JsonDepth.maxDepth) return refuse(JsonDepth.tooDeep)
    if (Array.isArray(current)) {
      const items: Array<Schema.Json> = []
      for (let index = 0; index < current.length; index++) {
        path.push(index)
        const item = walk(current[index])
        path.pop()
        // A hole would move the items after it, and their paths with them.
        items.push(item === undefined ? null : item)
      }
      return Object.freeze(items)
    }
    const prototype: unknown = Object.getPrototypeOf(current)
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null)
      return refuse(`must be JSON, but is ${nameOf(current)}`)
    const record: { [key: string]: Schema.Json } = {}
    for (const key of Object.keys(current)) {
      path.push(key)
      if (key === "__proto__") refuse("is a name that JavaScript reserves: choose another")
      else {
        const property = (current as { readonly [key: string]: unknown })[key]
        const item = property === undefined ? undefined : walk(property)
        if (item !== undefined) record[key] = item
      }
      path.pop()
    }
    return Object.freeze(record)
  }
  try {
    return { json: walk(value), faults }
  } catch (error) {
    // A getter or a proxy of the caller's.
    return { json: undefined, faults: [{ path: [...path], message: `cannot be read: ${String(error)}` }] }
  }
}

const nameOf = (value: object): string => {
  const name = value.constructor?.name
  return name ? `an instance of ${name}` : "an object of a class"
}
