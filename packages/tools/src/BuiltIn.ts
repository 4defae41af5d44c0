/**
 * Makes built-in tools. Their schemas are as short as possible, because every request carries them.
 */
import * as StandardSchema from "@crewline/core/StandardSchema"
import * as Tool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Equal from "effect/Equal"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"

export interface Options<A> extends Omit<Tool.Options<Schema.Decoder<A>>, "parameters" | "source"> {
  readonly parameters: Schema.Decoder<A>
}

/** Makes a tool. Throws a `TypeError` when name or parameters cannot be used. */
export const make = <A>({ parameters, ...options }: Options<A>): Toolbox.Tool => {
  const full = Result.getOrThrow(StandardSchema.jsonSchema(parameters, { onExcessProperty: "error" }))
  const schema = StandardSchema.make(parameters, { onExcessProperty: "error" })
  // The output of the standard schema is the decoded type of the Effect schema, which the compiler
  // cannot see: the standard schema is typed by its own interface.
  const typed = { schema, jsonSchema: lean(full) } as unknown as Schema.Decoder<A>
  return Tool.make({ ...options, parameters: typed, source: "built-in" })
}

/** Removes keywords that models do not need: calls are validated against the full schema. */
const lean = <A>(schema: A): A => {
  // The rest keeps its type: the removed keywords are optional.
  if (Array.isArray(schema)) return schema.map(lean) as A
  if (!Predicate.isReadonlyObject(schema)) return schema
  const { anyOf } = schema
  if (Array.isArray(anyOf)) {
    const main = mainOf(anyOf)
    if (main !== undefined) return lean(main as A)
  }
  const entries = Object.entries(schema).flatMap(([key, value]) => (isEmpty(key, value) ? [] : [[key, lean(value)]]))
  return Object.fromEntries(entries) as A
}

/**
 * What to ask models for where one value, or a number, is accepted in place of a list or a text:
 * calls that give it are repaired.
 */
const mainOf = ([one, other, ...more]: ReadonlyArray<unknown>): unknown => {
  if (!Predicate.isReadonlyObject(one) || !Predicate.isReadonlyObject(other) || more.length > 0) return undefined
  if (one["type"] === "string" && other["type"] === "number") return one
  return other["type"] === "array" && Equal.equals(other["items"], one) ? other : undefined
}

const isEmpty = (key: string, value: unknown): boolean =>
  (key === "maximum" && value === Number.MAX_SAFE_INTEGER) ||
  ((key === "minLength" || key === "minimum") && value === 1) ||
  (key === "additionalProperties" && value === false)
