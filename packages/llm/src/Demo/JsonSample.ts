/**
 * A JSON value that is valid for a JSON Schema (draft 2020-12), by rule and without chance; strings
 * and numbers may be suggested, so that the value is about something. Schemas that contradict
 * themselves have no such value: then what comes nearest is given.
 */
import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import type { JsonSchema } from "effect/JsonSchema"
import type { Json } from "effect/Schema"
import * as Predicate from "effect/Predicate"
import * as PatternSample from "./PatternSample.ts"

/** Where a value is wanted. */
export interface Place {
  /** The nearest property name; empty at the root. */
  readonly name: string
  /** The nth item of its list, from 0. */
  readonly index: number
  readonly schema: JsonSchema
}

export interface Suggestions {
  /**
   * Tried first, cut or filled up to the length the schema wants; dropped where it does not fit.
   */
  readonly string?: (place: Place) => string | undefined
  /** Tried first; dropped where it does not fit. */
  readonly number?: (place: Place) => number | undefined
  /** Which of the allowed values to prefer. */
  readonly choice?: (place: Place, values: ReadonlyArray<unknown>) => unknown
}

export interface Options extends Suggestions {
  /** Whether properties that are not required are given. Default: false. */
  readonly optional?: boolean
  /** Items of a list that wants no number of its own. Default: 1. */
  readonly items?: number
}

export const make = (given: JsonSchema, options: Options = {}): Json => {
  const schema = withNamedRoot(given)
  const attempts: ReadonlyArray<Options> = [
    options,
    { ...options, optional: false },
    { optional: false },
    { optional: true }
  ]
  const validator = JsonSchemaValidator.make(schema)
  const validation = JsonSchemaValidator.makeWork()
  let first: Json | undefined
  for (const attempt of attempts) {
    const value = new Sampler(schema, attempt, validation).value(schema, { name: "", index: 0 }, 0)
    if (validator.validate(value).length === 0) return value
    first ??= value
  }
  return first ?? null
}

/**
 * Parts are validated by themselves, where `#` would be the part: references to the root get a
 * name.
 */
const withNamedRoot = (schema: JsonSchema): JsonSchema => {
  const name = "crewline-root"
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rename)
    if (!Predicate.isObject(value)) return value
    const entries = Object.entries(value).map(([key, child]) =>
      key === "$ref" && child === "#" ? [key, `#/$defs/${name}`] : [key, rename(child)]
    )
    return Object.fromEntries(entries)
  }
  if (!JSON.stringify(schema).includes('"$ref":"#"')) return schema
  const renamed = rename(schema)
  if (!Predicate.isObject(renamed)) return schema
  const { $defs, ...root } = renamed
  return { ...root, $defs: { ...(Predicate.isObject($defs) ? $defs : {}), [name]: root } }
}

type Where = Omit<Place, "schema">

const deepest = 12
/**
 * Values, and schemas held against one, that an attempt makes; where a schema wants more, the rest
 * is `null`.
 */
const maxWork = 20_000
/** Items and properties of one value; characters of one string. */
const maxEntries = 1_000
const maxCharacters = 100_000

class Sampler {
  readonly #root: JsonSchema
  readonly #options: Options
  /** What reading all of the schema costs: validation does. */
  readonly #reading: number
  #left = maxWork
  /** What all validations of all attempts may cost together. */
  readonly #validation: JsonSchemaValidator.Work

  constructor(root: JsonSchema, options: Options, validation: JsonSchemaValidator.Work) {
    this.#root = root
    this.#options = options
    this.#validation = validation
    this.#reading = 1 + Math.floor(JSON.stringify(root).length / 4_096)
  }

  value(given: unknown, where: Where, depth: number): Json {
    if (--this.#left < 0 || depth > 4 * deepest) return null
    const schema = this.#resolve(given)
    if (schema === undefined) return null
    const place = { ...where, schema }
    if ("const" in schema) return schema["const"] as Json
    const { enum: values } = schema
    if (Array.isArray(values) && values.length > 0) return this.#choose(place, values, schema)
    for (const keyword of ["oneOf", "anyOf"] as const) {
      const branches = schema[keyword]
      if (Array.isArray(branches) && branches.length > 0) return this.#branch(schema, keyword, branches, where, depth)
    }
    switch (typeOf(schema)) {
      case "object":
        return this.#object(schema, where, depth)
      case "array":
        return this.#array(schema, where, depth)
      case "string":
        return this.#string(place)
      case "integer":
      case "number":
        return this.#number(place)
      case "boolean":
        return true
      default:
        return null
    }
  }

  /** References followed and `allOf` put together with what stands next to it. */
  #resolve(given: unknown, depth = 0): JsonSchema | undefined {
    if (given === true || given === undefined) return {}
    if (!Predicate.isObject(given) || depth > deepest) return undefined
    const { $ref, allOf, ...rest } = given
    let schema: JsonSchema = rest
    if (typeof $ref === "string") schema = merge(schema, this.#resolve(this.#lookUp($ref), depth + 1) ?? {})
    if (Array.isArray(allOf)) for (const part of allOf) schema = merge(schema, this.#resolve(part, depth + 1) ?? {})
    return schema
  }

  #lookUp(reference: string): unknown {
    if (reference === "#") return this.#root
    if (!reference.startsWith("#/")) return undefined
    let current: unknown = this.#root
    for (const step of reference.slice(2).split("/")) {
      const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")
      current = typeof current === "object" && current !== null ? (current as Record<string, unknown>)[key] : undefined
    }
    return current
  }

  #choose(place: Place, values: ReadonlyArray<unknown>, schema: JsonSchema): Json {
    const { enum: _, ...rest } = schema
    // What stands next to the values may exclude some.
    const valid = Object.keys(rest).length === 0 ? values : values.filter((value) => this.#isValid(value, schema))
    const candidates = valid.length === 0 ? values : valid
    return (this.#options.choice?.(place, candidates) ?? candidates[place.index % candidates.length]) as Json
  }

  #branch(
    schema: JsonSchema,
    keyword: "oneOf" | "anyOf",
    branches: ReadonlyArray<unknown>,
    where: Where,
    depth: number
  ): Json {
    const { [keyword]: _, ...beside } = schema
    let first: Json | undefined
    // Deep inside a recursive schema the way out is most often the last branch (`null`, a leaf).
    const order = depth > deepest / 2 ? branches.toReversed() : branches
    for (const branch of order) {
      if (this.#left < 0) break
      const value = this.value(merge(beside, this.#resolve(branch) ?? {}), where, depth + 1)
      if (this.#isValid(value, schema)) return value
      first ??= value
    }
    return first ?? null
  }

  /** With the definitions of the root, which references need. */
  #isValid(value: unknown, schema: JsonSchema): boolean {
    this.#left -= this.#reading
    if (this.#left < 0 || this.#validation.left < 0) return true
    const { $defs, definitions } = this.#root
    const whole = {
      ...schema,
      ...($defs === undefined ? {} : { $defs }),
      ...(definitions === undefined ? {} : { definitions })
    }
    return JsonSchemaValidator.make(whole).validate(value, this.#validation).length === 0
  }

  #object(schema: JsonSchema, where: Where, depth: number): Json {
    const properties = Predicate.isObject(schema["properties"]) ? schema["properties"] : {}
    const required = new Set(strings(schema["required"]))
    const names = new Set(required)
    if (this.#options.optional === true && depth < deepest / 2)
      for (const name of Object.keys(properties)) names.add(name)
    const dependents = Predicate.isObject(schema["dependentRequired"]) ? schema["dependentRequired"] : {}
    for (const name of names) for (const dependent of strings(dependents[name])) names.add(dependent)
    const out: Record<string, Json> = {}
    if (depth > deepest) return out
    // In the order of declaration, as a reader expects them.
    const ordered = [...Object.keys(properties).filter((name) => names.has(name)), ...names]
    for (const name of new Set(ordered)) {
      const child = properties[name] ?? this.#additional(schema, name)
      if (child === false) continue
      out[name] = this.value(child, { name, index: where.index }, depth + 1)
    }
    const missing = Math.min(numberOf(schema["minProperties"]) ?? 0, maxEntries) - Object.keys(out).length
    const spare = Object.keys(properties).filter((name) => !names.has(name))
    for (let n = 1; n <= missing; n++) {
      const name = spare[n - 1] ?? `key${n}${names.has(`key${n}`) ? "a" : ""}`
      out[name] = this.value(properties[name] ?? this.#additional(schema, name), { name, index: n }, depth + 1)
    }
    return out
  }

  /** What a property without a declaration of its own has to be. */
  #additional(schema: JsonSchema, name: string): unknown {
    const patterns = Predicate.isObject(schema["patternProperties"]) ? schema["patternProperties"] : {}
    for (const [pattern, child] of Object.entries(patterns))
      if (PatternSample.matcher(pattern)?.(name) === true) return child
    const additional = schema["additionalProperties"]
    return Predicate.isObject(additional) ? additional : { type: "string" }
  }

  #array(schema: JsonSchema, where: Where, depth: number): Json {
    const prefix = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : []
    const least = Math.max(numberOf(schema["minItems"]) ?? 0, 0)
    const most = numberOf(schema["maxItems"]) ?? Infinity
    const closed = schema["items"] === false
    const wanted = depth > deepest / 2 ? least : Math.max(least, this.#options.items ?? 1, prefix.length)
    const count = Math.min(wanted, most, closed ? prefix.length : Infinity, maxEntries)
    const out: Array<Json> = []
    const seen = new Set<string>()
    const unique = schema["uniqueItems"] === true
    for (let index = 0; out.length < count && index < count * 4 + 8; index++) {
      const item = prefix[out.length] ?? schema["items"] ?? { type: "string" }
      const value = this.value(item, { name: where.name, index: unique ? index : out.length }, depth + 1)
      if (unique && seen.has(JSON.stringify(value))) continue
      seen.add(JSON.stringify(value))
      out.push(value)
    }
    const { contains } = schema
    if (contains !== undefined) {
      const wants = Math.min(numberOf(schema["minContains"]) ?? 1, maxEntries)
      for (let n = 0; n < wants; n++) {
        const value = this.value(contains, { name: where.name, index: n }, depth + 1)
        if (out.length >= most) out[n] = value
        else out.push(value)
      }
    }
    return out
  }

  #string(place: Place): string {
    const { format, pattern } = place.schema
    const least = numberOf(place.schema["minLength"]) ?? 0
    const most = numberOf(place.schema["maxLength"]) ?? Infinity
    const fits = (text: string): boolean => this.#isValid(text, { ...place.schema, type: "string" })
    const suggested = this.#options.string?.(place)
    if (suggested !== undefined) {
      const cut = sized(suggested, least, most)
      if (fits(cut)) return cut
    }
    const known = typeof format === "string" ? formats[format]?.(place.index) : undefined
    if (known !== undefined && fits(known)) return known
    if (typeof pattern === "string") {
      const matching = PatternSample.make(pattern)
      if (matching !== undefined) {
        for (const text of [matching, sized(matching, least, most), matching + matching]) if (fits(text)) return text
        return matching
      }
    }
    const plain = place.name === "" ? "text" : place.name
    return sized(place.index === 0 ? plain : `${plain} ${place.index + 1}`, least, most)
  }

  #number(place: Place): number {
    const { schema } = place
    const whole = typeOf(schema) === "integer"
    const step = numberOf(schema["multipleOf"]) ?? (whole ? 1 : undefined)
    const above = numberOf(schema["exclusiveMinimum"])
    const below = numberOf(schema["exclusiveMaximum"])
    const least = Math.max(numberOf(schema["minimum"]) ?? -Infinity, above ?? -Infinity)
    const most = Math.min(numberOf(schema["maximum"]) ?? Infinity, below ?? Infinity)
    const fits = (value: number): boolean =>
      this.#isValid(value, schema) && (!whole || Number.isInteger(value)) && Number.isFinite(value)
    const suggested = this.#options.number?.(place)
    if (suggested !== undefined) for (const value of [suggested, Math.round(suggested)]) if (fits(value)) return value
    const candidates: Array<number> = [1 + place.index, 1, 0]
    if (step !== undefined) {
      const start = Number.isFinite(least) ? Math.ceil(least / step) : Math.min(0, Math.floor(most / step))
      for (let n = 0; n < 3; n++) candidates.push((start + n + place.index) * step, (start + n) * step)
    }
    if (Number.isFinite(least)) candidates.push(least + place.index, least, least + 1)
    if (Number.isFinite(least) && Number.isFinite(most)) candidates.push((least + most) / 2)
    if (Number.isFinite(most)) candidates.push(most, most - 1, most - 0.5)
    if (Number.isFinite(least)) candidates.push(least + 0.5)
    return candidates.find(fits) ?? 1
  }
}

// --- keywords ---------------------------------------------------------------------------------------------------------------------

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

const strings = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : []

/** The first type that says something, or what the other keywords imply. */
const typeOf = (schema: JsonSchema): string => {
  const { type } = schema
  if (typeof type === "string") return type
  if (Array.isArray(type)) return String(type.find((one) => one !== "null") ?? "null")
  if ("properties" in schema || "required" in schema || "additionalProperties" in schema || "minProperties" in schema) {
    return "object"
  }
  if ("items" in schema || "prefixItems" in schema || "minItems" in schema || "contains" in schema) return "array"
  if ("minimum" in schema || "maximum" in schema || "multipleOf" in schema || "exclusiveMinimum" in schema)
    return "number"
  return "string"
}

/** Both schemas at once, as far as that can be said in one. */
const merge = (a: JsonSchema, b: JsonSchema): JsonSchema => {
  const out: Record<string, unknown> = { ...a }
  for (const [key, value] of Object.entries(b)) {
    const known = out[key]
    if (known === undefined) out[key] = value
    else if (key === "properties" && Predicate.isObject(known) && Predicate.isObject(value)) {
      const properties: Record<string, unknown> = { ...known }
      for (const [name, child] of Object.entries(value)) {
        const other = properties[name]
        properties[name] = other === undefined ? child : { allOf: [other, child] }
      }
      out[key] = properties
    } else if (key === "required") out[key] = [...new Set([...strings(known), ...strings(value)])]
    else if (key === "type") out[key] = narrower(known, value)
    else if (key === "enum" && Array.isArray(known) && Array.isArray(value)) {
      const allowed = new Set(value.map((one) => JSON.stringify(one)))
      out[key] = known.filter((one) => allowed.has(JSON.stringify(one)))
    } else if (/^(min|exclusiveMin)/.test(key)) out[key] = Math.max(Number(known), Number(value))
    else if (/^(max|exclusiveMax)/.test(key)) out[key] = Math.min(Number(known), Number(value))
    else if (key === "additionalProperties") out[key] = known === false || value === false ? false : value
    else if (key === "anyOf" || key === "oneOf") out[key === "anyOf" ? "oneOf" : "anyOf"] ??= value
  }
  return out
}

const narrower = (a: unknown, b: unknown): unknown => {
  const left = Array.isArray(a) ? a : [a]
  const right = Array.isArray(b) ? b : [b]
  const both = left.filter((type) => right.includes(type) || (type === "integer" && right.includes("number")))
  if (both.length === 0 && left.includes("number") && right.includes("integer")) return "integer"
  return both.length === 1 ? both[0] : both
}

/**
 * Cut at a word where it is too long, filled up where it is too short. Lengths are code points, as
 * in the draft.
 */
const sized = (text: string, least: number, most: number): string => {
  let points = Array.from(text)
  if (points.length > most) {
    points = points.slice(0, most)
    const space = points.lastIndexOf(" ")
    if (space > most * 0.6 && space >= least) points = points.slice(0, space)
  }
  const length = Math.min(least, maxCharacters)
  if (points.length < length) {
    const filling = Array.from(`${text.includes(" ") ? " " : ""}${text || "a"}`)
    while (points.length < length) for (const point of filling) points.push(point)
    points.length = length
  }
  return points.join("")
}

const formats: { readonly [format: string]: (index: number) => string } = {
  "date-time": (index) => `2026-01-01T00:00:${two(index)}Z`,
  date: (index) => `2026-01-${two((index % 28) + 1)}`,
  time: (index) => `12:00:${two(index)}Z`,
  duration: (index) => `P${index + 1}D`,
  email: (index) => `demo${index || ""}@example.com`,
  "idn-email": (index) => `demo${index || ""}@example.com`,
  hostname: (index) => `demo${index || ""}.example.com`,
  "idn-hostname": (index) => `demo${index || ""}.example.com`,
  ipv4: (index) => `192.0.2.${(index % 250) + 1}`,
  ipv6: (index) => `2001:db8::${index + 1}`,
  uri: (index) => `https://example.com/${index || ""}`,
  "uri-reference": (index) => `/demo/${index || ""}`,
  iri: (index) => `https://example.com/${index || ""}`,
  "iri-reference": (index) => `/demo/${index || ""}`,
  "uri-template": () => "https://example.com/{id}",
  uuid: (index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
  "json-pointer": () => "/demo",
  "relative-json-pointer": () => "0/demo",
  regex: () => "^demo$"
}

const two = (index: number): string => String(index % 60).padStart(2, "0")
