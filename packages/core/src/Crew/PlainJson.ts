/**
 * A frozen copy of a value as plain JSON, whatever it was: what JSON cannot hold is reported and
 * left out. Keys that are `undefined` are absent; `-0` is `0`. The key `__proto__` is refused,
 * because assigning it would change an object's nature.
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

/** What a value may unfold to that refers to the same objects again and again. */
const maxNodes = 5_000_000
/** More are counted, and not described. */
const maxFaults = 100

export interface Copied {
  /** Absent when nothing of the value is JSON. */
  readonly json: Schema.Json | undefined
  /** What was left out, each thing once; after a hundred how many there are besides. */
  readonly faults: ReadonlyArray<Fault>
}

/**
 * Copies each object once, however often the value refers to it: the copy refers to the same copy
 * as often.
 */
export const copy = (value: unknown): Copied => {
  const copier = new Copier()
  try {
    const json = copier.walk(value)
    const others = { path: [], message: `has ${copier.more} more such values` }
    return { json, faults: copier.more === 0 ? copier.faults : [...copier.faults, others] }
  } catch (error) {
    // A getter or a proxy of the caller's.
    const message = `cannot be read: ${String(error)}`
    return { json: undefined, faults: [{ path: [...copier.path], message }] }
  }
}

/** An array or object that was copied before. */
interface Known {
  readonly json: Schema.Json | undefined
  /** Values in it, itself included. */
  readonly nodes: number
  /** Levels of arrays and objects, itself included. */
  readonly height: number
}

class Copier {
  readonly faults: Array<Fault> = []
  more = 0
  readonly path: Array<string | number> = []
  readonly #known = new Map<object, Known>()
  /** What contains the current value. */
  readonly #around = new Set<object>()
  readonly #circular = new Set<object>()
  #nodes = 0
  /** Levels below the array or object that is walked, as far as they were seen. */
  #height = 0

  walk(value: unknown): Schema.Json | undefined {
    if (this.#hasTooMany(1)) return undefined
    switch (typeof value) {
      case "string":
      case "boolean":
        return value
      case "number":
        if (!Number.isFinite(value)) return this.#refuse(`must be JSON, but is ${value}`)
        return value === 0 ? 0 : value
      case "object":
        return value === null ? null : this.#container(value)
      default:
        return this.#refuse(`must be JSON, but is ${value === undefined ? "undefined" : `a ${typeof value}`}`)
    }
  }

  #container(value: object): Schema.Json | undefined {
    if (this.#around.has(value)) {
      if (this.#circular.has(value)) return undefined
      this.#circular.add(value)
      return this.#refuse("contains itself")
    }
    const known = this.#known.get(value)
    if (this.path.length + (known?.height ?? 1) > JsonDepth.maxDepth) return this.#refuse(JsonDepth.tooDeep)
    if (known !== undefined) {
      this.#height = Math.max(this.#height, known.height)
      return this.#hasTooMany(known.nodes) ? undefined : known.json
    }
    const nodes = this.#nodes
    const beside = this.#height
    this.#height = 0
    this.#around.add(value)
    const json = Array.isArray(value) ? this.#array(value) : this.#object(value)
    this.#around.delete(value)
    const height = this.#height + 1
    this.#height = Math.max(beside, height)
    this.#known.set(value, { json, nodes: this.#nodes - nodes, height })
    return json
  }

  #array(value: ReadonlyArray<unknown>): Schema.Json {
    const items: Array<Schema.Json> = []
    for (let index = 0; index < value.length; index++) {
      this.path.push(index)
      const item = this.walk(value[index])
      this.path.pop()
      // A hole would move the items after it, and their paths with them.
      items.push(item === undefined ? null : item)
    }
    return Object.freeze(items)
  }

  #object(value: object): Schema.Json | undefined {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null)
      return this.#refuse(`must be JSON, but is ${nameOf(value)}`)
    const record: { [key: string]: Schema.Json } = {}
    for (const key of Object.keys(value)) {
      this.path.push(key)
      if (key === "__proto__") this.#refuse("is a reserved name in JavaScript: choose another")
      else {
        const property = (value as { readonly [key: string]: unknown })[key]
        const item = property === undefined ? undefined : this.walk(property)
        if (item !== undefined) record[key] = item
      }
      this.path.pop()
    }
    return Object.freeze(record)
  }

  #hasTooMany(nodes: number): boolean {
    const had = this.#nodes
    this.#nodes += nodes
    if (had <= maxNodes && this.#nodes > maxNodes) this.#refuse("is too large")
    return this.#nodes > maxNodes
  }

  #refuse(message: string): undefined {
    if (this.faults.length < maxFaults) this.faults.push({ path: [...this.path], message })
    else this.more++
  }
}

const nameOf = (value: object): string => {
  const name = value.constructor?.name
  return name ? `an instance of ${name}` : "an instance of a class"
}
