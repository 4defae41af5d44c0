/**
 * Validates JSON against a JSON Schema (draft 2020-12) and says everything that is wrong in words that a person, or a model
 * that has to mend its answer, can act on. Never throws: a value or schema that cannot be worked through is an error like any
 * other. Dynamic references (`$dynamicRef`) are the one part of the draft that is not supported; `check` refuses them.
 */
import * as Cfworker from "@cfworker/json-schema"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as SchemaKeywords from "./JsonSchemaValidator/Keywords.ts"

/** One thing that is wrong with a value or a schema. */
export interface Violation {
  /** JSON pointer to it; empty for the whole. */
  readonly path: string
  /** What is wrong, to be read after the path: `must be a string, not a number`. */
  readonly message: string
}

export interface Validator {
  /** Everything that is wrong with the value, the same thing once; empty when it is valid. */
  readonly validate: (value: unknown) => ReadonlyArray<Violation>
}

const validators = new WeakMap<object, Validator>()

/** The validator of a schema: compiled once per schema object, which must not change afterwards. */
export const make = (schema: JsonSchema.JsonSchema): Validator => {
  const known = validators.get(schema)
  if (known !== undefined) return known
  const validator = compile(schema)
  validators.set(schema, validator)
  return validator
}

/** What keeps this from being a usable JSON Schema (draft 2020-12); empty when nothing does. */
export const check = (schema: unknown): ReadonlyArray<Violation> => {
  const violations = SchemaKeywords.check(schema)
  if (violations.length > 0 || !Predicate.isReadonlyObject(schema)) return violations
  try {
    const lookup = Cfworker.dereference(structuredClone(schema))
    return Object.values(lookup).flatMap((part) => {
      if (typeof part === "boolean" || part.$ref === undefined || part.__absolute_ref__ === undefined) return []
      if (lookup[part.__absolute_ref__] === undefined)
        return [{ path: "", message: `has a $ref to ${quote(part.$ref)}, which is not in the schema` }]
      return leadsNowhere(part, lookup)
        ? [{ path: "", message: `has a $ref to ${quote(part.$ref)} that leads back to itself` }]
        : []
    })
  } catch (error) {
    return [{ path: "", message: `cannot be used as a JSON Schema: ${words(error)}` }]
  }
}

/** A violation as one line: `/title must be a string, not a number`. */
export const describe = (violation: Violation): string => `${violation.path || "The value"} ${violation.message}`

const compile = (schema: JsonSchema.JsonSchema): Validator => {
  let lookup: { [uri: string]: Cfworker.Schema | boolean }
  let own: Cfworker.Schema
  try {
    // The validator notes absolute references in the schema itself, which may be frozen.
    own = structuredClone(schema) as Cfworker.Schema
    lookup = Cfworker.dereference(own)
  } catch (error) {
    const broken = [{ path: "", message: `cannot be validated, because its schema is not usable: ${words(error)}` }]
    return { validate: () => broken }
  }
  return {
    validate: (value) => {
      try {
        const { errors, valid } = Cfworker.validate(value, own, "2020-12", lookup, false)
        return valid ? [] : distinct(translate(errors, value, own))
      } catch (error) {
        return [{ path: "", message: `cannot be validated: ${words(error)}` }]
      }
    }
  }
}

const words = (error: unknown): string =>
  error instanceof RangeError
    ? "it is nested too deeply"
    : error instanceof Error
      ? error.message.split("\n")[0]!
      : String(error)

/** A chain of references that ends in no schema. */
const leadsNowhere = (part: Cfworker.Schema, lookup: { [uri: string]: Cfworker.Schema | boolean }): boolean => {
  const seen = new Set<unknown>()
  let next: Cfworker.Schema | boolean | undefined = part
  while (typeof next === "object" && next.__absolute_ref__ !== undefined) {
    if (seen.has(next)) return true
    seen.add(next)
    next = lookup[next.__absolute_ref__]
  }
  return false
}

// From the validator's errors to words

/** Their errors are repeated, in more detail, by the errors that follow them. */
const wrappers: ReadonlySet<string> = new Set([
  "$ref",
  "$recursiveRef",
  "allOf",
  "if",
  "properties",
  "patternProperties",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "dependentSchemas",
  "prefixItems",
  "items",
  "additionalItems",
  "unevaluatedItems"
])

const translate = (
  errors: ReadonlyArray<Cfworker.OutputUnit>,
  value: unknown,
  schema: Cfworker.Schema
): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  for (let index = 0; index < errors.length; index++) {
    const error = errors[index]!
    if (error.keyword === "anyOf" || error.keyword === "oneOf" || error.keyword === "contains") {
      const inside = `${error.keywordLocation}/`
      let end = index + 1
      while (end < errors.length && (errors[end]!.keywordLocation.startsWith(inside) || isFalse(errors[end]!))) end++
      const nested = errors.slice(index + 1, end)
      index = end - 1
      if (error.keyword === "contains" || nested.length === 0) violations.push(plain(error, value, schema))
      else violations.push(...alternatives(error, nested, value, schema))
    } else if (!wrappers.has(error.keyword)) {
      violations.push(plain(error, value, schema))
    }
  }
  return violations
}

const isFalse = (error: Cfworker.OutputUnit): boolean => error.keyword === "false"

/**
 * Of the forms that a value may take it has none. When one of them fits in kind and fails only inside, its errors are what
 * helps; when none fits in kind, the list of kinds is.
 */
const alternatives = (
  error: Cfworker.OutputUnit,
  nested: ReadonlyArray<Cfworker.OutputUnit>,
  value: unknown,
  schema: Cfworker.Schema
): ReadonlyArray<Violation> => {
  const branches = new Map<string, Array<Cfworker.OutputUnit>>()
  let current: Array<Cfworker.OutputUnit> = []
  for (const one of nested) {
    if (!isFalse(one)) {
      const branch = one.keywordLocation.slice(error.keywordLocation.length + 1).split("/", 1)[0]!
      current = branches.get(branch) ?? []
      branches.set(branch, current)
    }
    current.push(one)
  }
  const path = pointer(error.instanceLocation)
  const translated = [...branches.values()].map((branch) => translate(branch, value, schema))
  const inKind = [...branches.values()].flatMap((branch, index) =>
    branch.some((one) => one.instanceLocation === error.instanceLocation && kinds.has(one.keyword)) ||
    isWrongVariant(branch)
      ? []
      : [translated[index]!]
  )
  if (inKind.length > 0) return inKind.reduce((best, other) => (other.length < best.length ? other : best))
  const messages = [...new Set(translated.flat().map((one) => (one.path === path ? one.message : describe(one))))]
  const types = messages.map((message) => /^must be (.+), not (.+)$/.exec(message))
  if (types.every((match) => match !== null))
    return [{ path, message: `must be ${types.map((match) => match![1]).join(" or ")}, not ${types[0]![2]}` }]
  return [{ path, message: `has none of the allowed forms: it ${messages.join("; or ")}` }]
}

const kinds: ReadonlySet<string> = new Set(["type", "const", "enum", "false"])

/** The variants of a tagged union differ in a constant: one with another tag was not meant. */
const isWrongVariant = (branch: ReadonlyArray<Cfworker.OutputUnit>): boolean =>
  branch.some((one) => one.keyword === "const")

const plain = (error: Cfworker.OutputUnit, value: unknown, schema: Cfworker.Schema): Violation => {
  const path = pointer(error.instanceLocation)
  const parameter = at(schema, error.keywordLocation.slice(1), true)
  const actual = at(value, path, false)
  const message = (): string => {
    switch (error.keyword) {
      case "false":
        return "is not allowed here"
      case "type":
        return `must be ${(Array.isArray(parameter) ? parameter : [parameter]).map(kind).join(" or ")}, not ${kindOf(actual)}`
      case "const":
        return `must be ${show(parameter)}, not ${show(actual)}`
      case "enum":
        return `must be one of ${Array.isArray(parameter) ? parameter.map(show).join(", ") : "the listed values"}, not ${show(actual)}`
      case "required":
        return `lacks the property ${/"(.*)"/s.exec(error.error)?.[0] ?? ""}`
      case "minLength":
        return parameter === 1 ? "must not be empty" : `must have at least ${counted(parameter, "character")}`
      case "maxLength":
        return `must have at most ${counted(parameter, "character")}`
      case "minItems":
        return parameter === 1 ? "must not be empty" : `must have at least ${counted(parameter, "item")}`
      case "maxItems":
        return `must have at most ${counted(parameter, "item")}`
      case "minProperties":
        return `must have at least ${counted(parameter, "property")}`
      case "maxProperties":
        return `must have at most ${counted(parameter, "property")}`
      case "minimum":
        return `must be at least ${show(parameter)}, not ${show(actual)}`
      case "maximum":
        return `must be at most ${show(parameter)}, not ${show(actual)}`
      case "exclusiveMinimum":
        return `must be greater than ${show(parameter)}, not ${show(actual)}`
      case "exclusiveMaximum":
        return `must be less than ${show(parameter)}, not ${show(actual)}`
      case "multipleOf":
        return `must be a multiple of ${show(parameter)}, not ${show(actual)}`
      case "pattern":
        return `must match the regular expression ${typeof parameter === "string" ? parameter : ""}, not be ${show(actual)}`
      case "format":
        return `must be written as ${typeof parameter === "string" ? parameter : "its format"}, not ${show(actual)}`
      case "uniqueItems":
        return `must not repeat an item: ${error.error.replace(/^Duplicate items at indexes (\d+) and (\d+)\.$/, "items $1 and $2 are equal")}`
      case "oneOf":
        return "has several of the forms of which it may have only one"
      case "not":
        return "has the form that it must not have"
      case "contains":
        return "must contain an item of the required form"
      default:
        return error.error.replace(/^Instance (has|does)/, "$1").replace(/\.$/, "")
    }
  }
  return { path, message: message() }
}

/** From the URI fragment of the validator to a plain JSON pointer. */
const pointer = (location: string): string => decodeURI(location.slice(1)).replaceAll("%23", "#")

/** What a pointer leads to. In a schema the pointer runs through references, which count as a step. */
const at = (root: unknown, path: string, inSchema: boolean): unknown => {
  let current = root
  for (const step of path.split("/").slice(1)) {
    const key = (inSchema ? decodeURI(step).replaceAll("%23", "#") : step).replaceAll("~1", "/").replaceAll("~0", "~")
    if (inSchema && key === "$ref" && Predicate.isReadonlyObject(current) && typeof current["$ref"] === "string") {
      current = resolve(root, current["$ref"])
    } else if (typeof current === "object" && current !== null && Object.hasOwn(current, key)) {
      current = (current as { [key: string]: unknown })[key]
    } else {
      return undefined
    }
  }
  return current
}

/** Only references by pointer, which is what message texts need; others leave the parameter out of the text. */
const resolve = (root: unknown, reference: string): unknown =>
  reference === "#"
    ? root
    : reference.startsWith("#/")
      ? at(root, decodeURIComponent(reference.slice(1)), false)
      : undefined

const quote = (text: string): string => JSON.stringify(text)

const show = (value: unknown): string => {
  const text = value === undefined ? "absent" : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

const counted = (count: unknown, one: "character" | "item" | "property"): string =>
  `${show(count)} ${count === 1 ? one : one === "property" ? "properties" : `${one}s`}`

const kind = (type: unknown): string => {
  switch (type) {
    case "null":
      return "null"
    case "array":
    case "object":
    case "integer":
      return `an ${type}`
    default:
      return `a ${String(type)}`
  }
}

const kindOf = (value: unknown): string =>
  value === undefined ? "absent" : value === null ? "null" : Array.isArray(value) ? "an array" : kind(typeof value)

const distinct = (violations: ReadonlyArray<Violation>): ReadonlyArray<Violation> => {
  const seen = new Set<string>()
  return violations.filter((violation) => {
    const key = describe(violation)
    return !seen.has(key) && seen.add(key)
  })
}
