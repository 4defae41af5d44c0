/**
 * What the keywords of a JSON Schema (draft 2020-12) may hold. A wrong one would be passed over in
 * silence, or throw, when a value is validated. Recurses nowhere.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Pattern from "../Pattern.ts"
import * as Wording from "./Wording.ts"
import type { Place } from "./Wording.ts"

/** Says what is wrong, to be read after a pointer, or nothing. */
type Rule = (value: unknown) => string | undefined

const types: ReadonlySet<unknown> = new Set(["array", "boolean", "integer", "null", "number", "object", "string"])

const type: Rule = (value) =>
  (Array.isArray(value) ? value.length > 0 && value.every((one) => types.has(one)) : types.has(value))
    ? undefined
    : `is ${Wording.show(value)}, but must be one or more of ${[...types].join(", ")}`
const string: Rule = (value) => (typeof value === "string" ? undefined : "must be a string")
const number: Rule = (value) => (typeof value === "number" ? undefined : "must be a number")
const count: Rule = (value) =>
  Number.isInteger(value) && Number(value) >= 0 ? undefined : "must be a whole number, 0 or more"
const positive: Rule = (value) =>
  typeof value === "number" && value > 0 ? undefined : "must be a number greater than 0"
const boolean: Rule = (value) => (typeof value === "boolean" ? undefined : "must be true or false")
const array: Rule = (value) => (Array.isArray(value) ? undefined : "must be an array")
const strings: Rule = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? undefined : "must be an array of strings"
const stringsByName: Rule = (value) =>
  Predicate.isReadonlyObject(value) && Object.values(value).every((one) => strings(one) === undefined)
    ? undefined
    : "must be an object of arrays of strings"
const pattern: Rule = (value) => {
  if (typeof value !== "string") return "must be a regular expression as a string"
  return Option.getOrUndefined(Result.getFailure(Pattern.make(value)))
}
const unsupported: Rule = () => "is not supported: use $ref"

const rules: { readonly [keyword: string]: Rule } = {
  type,
  enum: array,
  required: strings,
  dependentRequired: stringsByName,
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: positive,
  minLength: count,
  maxLength: count,
  minItems: count,
  maxItems: count,
  minContains: count,
  maxContains: count,
  minProperties: count,
  maxProperties: count,
  uniqueItems: boolean,
  pattern,
  format: string,
  title: string,
  description: string,
  $ref: string,
  $id: string,
  $anchor: string,
  $schema: string,
  $comment: string,
  $dynamicRef: unsupported,
  $recursiveRef: unsupported
}

/** Keywords that hold a schema, a list of schemas, and schemas by name. */
const one: ReadonlySet<string> = new Set([
  "items",
  "contains",
  "additionalProperties",
  "unevaluatedProperties",
  "unevaluatedItems",
  "propertyNames",
  "not",
  "if",
  "then",
  "else"
])
const several: ReadonlySet<string> = new Set(["prefixItems", "allOf", "anyOf", "oneOf"])
const named: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "properties",
  "patternProperties",
  "dependentSchemas"
])

/** The schemas in a schema, each with the steps that lead to it. */
export const subschemas = (schema: {
  readonly [keyword: string]: unknown
}): ReadonlyArray<readonly [steps: ReadonlyArray<string>, schema: { readonly [keyword: string]: unknown }]> => {
  const found: Array<readonly [ReadonlyArray<string>, { readonly [keyword: string]: unknown }]> = []
  const add = (steps: ReadonlyArray<string>, value: unknown) => {
    if (Predicate.isReadonlyObject(value)) found.push([steps, value])
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (one.has(keyword)) add([keyword], value)
    else if (several.has(keyword) && Array.isArray(value))
      value.forEach((part, index) => add([keyword, String(index)], part))
    else if (named.has(keyword) && Predicate.isReadonlyObject(value))
      for (const [name, part] of Object.entries(value)) add([keyword, name], part)
  }
  return found
}

/** Calls `report` for each thing that keeps the value from being a JSON Schema. */
export const check = (root: unknown, report: (place: Place, message: string) => void): void => {
  const pending: Array<{ place: Place; schema: unknown }> = [{ place: Wording.root, schema: root }]
  const seen = new Set<unknown>()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { place, schema } = next
    if (typeof schema === "boolean" && place !== Wording.root) continue
    if (!Predicate.isReadonlyObject(schema)) {
      const message = "must be a schema (an object, true or false)"
      report(place, place === Wording.root ? "must be a JSON Schema object" : message)
      continue
    }
    if (seen.has(schema)) continue
    seen.add(schema)
    const inside: typeof pending = []
    for (const [keyword, value] of Object.entries(schema)) {
      const here = { parent: place, key: keyword }
      if (one.has(keyword)) {
        inside.push({ place: here, schema: value })
      } else if (several.has(keyword)) {
        if (Array.isArray(value) && value.length > 0)
          value.forEach((part, index) => inside.push({ place: { parent: here, key: String(index) }, schema: part }))
        else report(here, "must be a list of at least one schema")
      } else if (named.has(keyword)) {
        if (!Predicate.isReadonlyObject(value)) {
          report(here, "must be an object of schemas by name")
          continue
        }
        for (const [name, part] of Object.entries(value)) {
          const wrong = keyword === "patternProperties" ? pattern(name) : undefined
          if (wrong !== undefined) report({ parent: here, key: name }, wrong)
          inside.push({ place: { parent: here, key: name }, schema: part })
        }
      } else if (Object.hasOwn(rules, keyword)) {
        const wrong = rules[keyword]!(value)
        if (wrong !== undefined) report(here, wrong)
      }
    }
    for (const one of inside.reverse()) pending.push(one)
  }
}
