/**
 * What the keywords of a JSON Schema (draft 2020-12) may hold. A wrong one would be passed over in silence, or throw, when a
 * value is validated. Recurses nowhere.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Pattern from "../Pattern.ts"

/** Says what is wrong, to be read after a pointer, or nothing. */
type Rule = (value: unknown) => string | undefined

const types: ReadonlySet<unknown> = new Set(["array", "boolean", "integer", "null", "number", "object", "string"])

const type: Rule = (value) =>
  (Array.isArray(value) ? value.length > 0 && value.every((one) => types.has(one)) : types.has(value))
    ? undefined
    : `is ${JSON.stringify(value)}, but must be one or several of ${[...types].join(", ")}`
const string: Rule = (value) => (typeof value === "string" ? undefined : "must be a string")
const number: Rule = (value) => (typeof value === "number" ? undefined : "must be a number")
const count: Rule = (value) =>
  Number.isInteger(value) && Number(value) >= 0 ? undefined : "must be a whole number, 0 or more"
const positive: Rule = (value) => (typeof value === "number" && value > 0 ? undefined : "must be a number over 0")
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

const escape = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1")

/** Everything that keeps the value from being a JSON Schema; `path` is a JSON pointer. */
export const check = (root: unknown): ReadonlyArray<{ readonly path: string; readonly message: string }> => {
  if (!Predicate.isReadonlyObject(root)) return [{ path: "", message: "must be a JSON Schema, which is an object" }]
  const found: Array<{ path: string; message: string }> = []
  const pending: Array<{ path: string; schema: unknown }> = [{ path: "", schema: root }]
  const seen = new Set<unknown>()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, schema } = next
    if (typeof schema === "boolean") continue
    if (!Predicate.isReadonlyObject(schema)) {
      found.push({ path, message: "must be a schema: an object, true or false" })
      continue
    }
    if (seen.has(schema)) continue
    seen.add(schema)
    for (const [keyword, value] of Object.entries(schema)) {
      const here = `${path}/${escape(keyword)}`
      if (one.has(keyword)) {
        pending.push({ path: here, schema: value })
      } else if (several.has(keyword)) {
        if (Array.isArray(value) && value.length > 0)
          value.forEach((part, index) => pending.push({ path: `${here}/${index}`, schema: part }))
        else found.push({ path: here, message: "must be a list of at least one schema" })
      } else if (named.has(keyword)) {
        if (!Predicate.isReadonlyObject(value)) {
          found.push({ path: here, message: "must be an object of schemas by name" })
          continue
        }
        for (const [name, part] of Object.entries(value)) {
          const wrong = keyword === "patternProperties" ? pattern(name) : undefined
          if (wrong !== undefined) found.push({ path: `${here}/${escape(name)}`, message: wrong })
          pending.push({ path: `${here}/${escape(name)}`, schema: part })
        }
      } else if (Object.hasOwn(rules, keyword)) {
        const wrong = rules[keyword]!(value)
        if (wrong !== undefined) found.push({ path: here, message: wrong })
      }
    }
  }
  return found.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}
