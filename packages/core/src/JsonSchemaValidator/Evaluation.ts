/**
 * Holds a value against a schema, keyword by keyword, and collects what is wrong. Ends with
 * `Stopped` where the schema makes the work grow without bound: references that lead back to
 * themselves, or alternatives that double at each level.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Pattern from "../Pattern.ts"
import { alternatives, Findings } from "./Findings.ts"
import * as Formats from "./Formats.ts"
import * as Json from "./Json.ts"
import type { Schema, Targets } from "./References.ts"
import * as Wording from "./Wording.ts"
import type { Place } from "./Wording.ts"

/**
 * The value cannot be validated; the message says why, to be read after "cannot be validated: ".
 */
export class Stopped extends Error {}

/** Schemas that one value, or the values in it, may be held against: about a second. */
const maxWork = 1_000_000
/** Schemas in each other, and values in each other. */
const maxDepth = 600

/** The properties and items that a schema or one of its parts has looked at, for `unevaluated…`. */
type Seen = Set<string | number>

export type Work = Json.Work

export const makeWork = (): Work => ({
  left: maxWork,
  spent: () => {
    throw new Stopped("validating it against the schema takes too many steps")
  }
})

export class Evaluation {
  readonly #targets: Targets
  readonly #work: Work
  readonly #patternWork = Pattern.makeWork()
  /** By source: those that the value was held against. */
  readonly #patterns = new Map<string, Pattern.Pattern>()
  #depth = 0

  constructor(targets: Targets, work = makeWork()) {
    this.#targets = targets
    this.#work = work
  }

  /** True when the value is valid; otherwise `out` has what is wrong. */
  evaluate(schema: unknown, value: unknown, at: Place, out: Findings, seen?: Seen): boolean {
    Json.spend(this.#work, 1)
    if (schema === false) return out.add("false", at, () => "is not allowed here")
    if (!Predicate.isObject(schema)) return true
    if (++this.#depth > maxDepth) throw new Stopped("it is nested too deeply")
    const before = out.total
    // Only `unevaluated…` asks, and it sees what stands beside it and inside of that.
    const own = seen ?? ("unevaluatedProperties" in schema || "unevaluatedItems" in schema ? new Set() : undefined)
    this.#anywhere(schema, value, at, out)
    this.#inPlace(schema, value, at, out, own)
    if (typeof value === "string") this.#string(schema, value, at, out)
    else if (typeof value === "number") number(schema, value, at, out)
    else if (Array.isArray(value)) this.#array(schema, value, at, out, own)
    else if (Predicate.isObject(value)) this.#object(schema, value, at, out, own)
    this.#depth--
    return out.total === before
  }

  /** Whether it is valid, without saying why not. */
  #holds(schema: unknown, value: unknown, at: Place, seen?: Seen): boolean {
    return this.evaluate(schema, value, at, new Findings(0), seen)
  }

  #anywhere(schema: Schema, value: unknown, at: Place, out: Findings): void {
    const { type } = schema
    if (Array.isArray(type)) Json.spend(this.#work, type.length)
    if (type !== undefined && !(Array.isArray(type) ? type : [type]).some((one) => Json.isOf(one, value))) {
      const expected = () => (Array.isArray(type) ? type : [type]).map(Wording.kind).join(" or ")
      out.add("type", at, () => `must be ${expected()}, not ${Wording.kindOf(value)}`)
    }
    if ("const" in schema && !Json.isEqual(value, schema["const"], this.#work))
      out.add("const", at, () => `must be ${Wording.show(schema["const"])}, not ${Wording.show(value)}`)
    const allowed = schema["enum"]
    if (Array.isArray(allowed) && !allowed.some((one) => Json.isEqual(value, one, this.#work)))
      out.add("enum", at, () => `must be one of ${Wording.list(allowed)}, not ${Wording.show(value)}`)
  }

  /** The keywords that hold other schemas against the same value. */
  #inPlace(schema: Schema, value: unknown, at: Place, out: Findings, seen: Seen | undefined): void {
    // What a part that fails has looked at does not count.
    const part = (one: unknown, into: Findings): boolean => {
      const inside: Seen | undefined = seen && new Set()
      const isValid = this.evaluate(one, value, at, into, inside)
      if (isValid && seen !== undefined) for (const key of inside!) seen.add(key)
      return isValid
    }
    const target = this.#targets.get(schema)
    if (target !== undefined) part(target, out)
    const { allOf, anyOf, not, oneOf } = schema
    if (not !== undefined && this.#holds(not, value, at))
      out.add("not", at, () => 'must not match the schema under "not"')
    if (Array.isArray(allOf)) for (const one of allOf) part(one, out)
    if (Array.isArray(anyOf)) {
      const branches = anyOf.map(() => new Findings(out.room))
      // All of them, because each may look at other properties.
      if (anyOf.filter((one, index) => part(one, branches[index]!)).length === 0) alternatives(branches, at, out)
    }
    if (Array.isArray(oneOf)) {
      const branches = oneOf.map(() => new Findings(out.room))
      const valid = oneOf.filter((one, index) => part(one, branches[index]!)).length
      if (valid === 0) alternatives(branches, at, out)
      else if (valid > 1)
        out.add("oneOf", at, () => "matches several of the forms of oneOf, but must match exactly one")
    }
    if (schema["if"] !== undefined) {
      const branch = part(schema["if"], new Findings(0)) ? schema["then"] : schema["else"]
      if (branch !== undefined) part(branch, out)
    }
    if (!Predicate.isObject(value)) return
    for (const [name, dependent] of this.#entries(schema["dependentSchemas"]))
      if (Object.hasOwn(value, name)) part(dependent, out)
  }

  #string(schema: Schema, text: string, at: Place, out: Findings): void {
    const { format, maxLength, minLength, pattern } = schema
    if (typeof format === "string") Json.spend(this.#work, Formats.cost(format, text))
    if (maxLength !== undefined || minLength !== undefined) Json.spendText(this.#work, text)
    if (typeof minLength === "number" || typeof maxLength === "number") {
      const length = lengthOf(text)
      if (typeof minLength === "number" && length < minLength)
        out.add("minLength", at, () =>
          minLength === 1 ? "must not be empty" : `must have at least ${Wording.counted(minLength, "character")}`
        )
      if (typeof maxLength === "number" && length > maxLength)
        out.add("maxLength", at, () => `must have at most ${Wording.counted(maxLength, "character")}`)
    }
    if (typeof pattern === "string" && !this.#matches(pattern, text))
      out.add("pattern", at, () => `must match the regular expression ${pattern}, not be ${Wording.show(text)}`)
    if (typeof format === "string" && !Formats.has(format, text))
      out.add("format", at, () => `must have the format ${format}, not ${Wording.show(text)}`)
  }

  #matches(source: string, text: string): boolean {
    const result = Result.flatMap(this.#pattern(source), (pattern) => pattern.test(text, this.#patternWork))
    if (Result.isSuccess(result)) return result.success
    throw new Stopped(`the pattern ${Wording.show(source)} ${result.failure}`)
  }

  #pattern(source: string): Result.Result<Pattern.Pattern, string> {
    const known = this.#patterns.get(source)
    if (known !== undefined) return Result.succeed(known)
    return Result.map(Pattern.make(source), (pattern) => {
      // Each time, though it may have been compiled before: every process has to come to the same
      // answer.
      this.#patternWork.left -= pattern.compilation
      if (this.#patternWork.left < 0)
        throw new Stopped("the regular expressions of its schema are too many or too large")
      this.#patterns.set(source, pattern)
      return pattern
    })
  }

  /** What a keyword lists: looking at each is work. */
  #each(list: unknown): ReadonlyArray<unknown> {
    if (!Array.isArray(list)) return []
    Json.spend(this.#work, list.length)
    return list
  }

  #entries(value: unknown): ReadonlyArray<[string, unknown]> {
    const entries = Predicate.isObject(value) ? Object.entries(value) : []
    Json.spend(this.#work, entries.length)
    return entries
  }

  #object(schema: Schema, value: Schema, at: Place, out: Findings, seen: Seen | undefined): void {
    const keys = Object.keys(value)
    Json.spend(this.#work, keys.length)
    const { maxProperties, minProperties, propertyNames, required } = schema
    for (const name of this.#each(required))
      if (!Object.hasOwn(value, String(name)))
        out.add("required", at, () => `must have the property ${Wording.show(name)}`)
    if (typeof minProperties === "number" && keys.length < minProperties)
      out.add("minProperties", at, () => `must have at least ${Wording.counted(minProperties, "property")}`)
    if (typeof maxProperties === "number" && keys.length > maxProperties)
      out.add("maxProperties", at, () => `must have at most ${Wording.counted(maxProperties, "property")}`)
    if (propertyNames !== undefined) for (const key of keys) this.evaluate(propertyNames, key, { parent: at, key }, out)
    for (const [name, others] of this.#entries(schema["dependentRequired"])) {
      if (!Object.hasOwn(value, name)) continue
      for (const other of this.#each(others))
        if (!Object.hasOwn(value, String(other)))
          out.add("dependentRequired", at, () => `has ${Wording.show(name)} but does not have ${Wording.show(other)}`)
    }
    this.#properties(schema, value, keys, at, out, seen)
  }

  #properties(
    schema: Schema,
    value: Schema,
    keys: ReadonlyArray<string>,
    at: Place,
    out: Findings,
    seen: Seen | undefined
  ): void {
    const here: Set<string> = new Set()
    const child = (part: unknown, key: string) => {
      here.add(key)
      seen?.add(key)
      this.evaluate(part, value[key], { parent: at, key }, out)
    }
    for (const [name, part] of this.#entries(schema["properties"])) if (Object.hasOwn(value, name)) child(part, name)
    for (const [pattern, part] of this.#entries(schema["patternProperties"])) {
      Json.spend(this.#work, keys.length)
      for (const key of keys) if (this.#matches(pattern, key)) child(part, key)
    }
    const { additionalProperties, unevaluatedProperties } = schema
    if (additionalProperties !== undefined) for (const key of keys) if (!here.has(key)) child(additionalProperties, key)
    if (unevaluatedProperties !== undefined)
      for (const key of keys) if (!seen!.has(key)) child(unevaluatedProperties, key)
  }

  #array(schema: Schema, value: ReadonlyArray<unknown>, at: Place, out: Findings, seen: Seen | undefined): void {
    const { items, maxItems, minItems, prefixItems, unevaluatedItems, uniqueItems } = schema
    if (typeof maxItems === "number" && value.length > maxItems)
      out.add("maxItems", at, () => `must have at most ${Wording.counted(maxItems, "item")}`)
    if (typeof minItems === "number" && value.length < minItems)
      out.add("minItems", at, () =>
        minItems === 1 ? "must not be empty" : `must have at least ${Wording.counted(minItems, "item")}`
      )
    const child = (part: unknown, index: number) => {
      seen?.add(index)
      this.evaluate(part, value[index], { parent: at, key: String(index) }, out)
    }
    const prefix: ReadonlyArray<unknown> = Array.isArray(prefixItems) ? prefixItems : []
    const prefixed = Math.min(prefix.length, value.length)
    for (let index = 0; index < prefixed; index++) child(prefix[index], index)
    if (items !== undefined) for (let index = prefixed; index < value.length; index++) child(items, index)
    this.#contains(schema, value, at, out, seen)
    if (unevaluatedItems !== undefined)
      for (let index = 0; index < value.length; index++) if (!seen!.has(index)) child(unevaluatedItems, index)
    const pair = uniqueItems === true ? Json.repeated(value, this.#work) : undefined
    if (pair !== undefined)
      out.add("uniqueItems", at, () => `must have unique items: items ${pair[0]} and ${pair[1]} are equal`)
  }

  #contains(
    { contains, maxContains, minContains = 1 }: Schema,
    value: ReadonlyArray<unknown>,
    at: Place,
    out: Findings,
    seen: Seen | undefined
  ): void {
    if (contains === undefined) return
    let found = 0
    value.forEach((item, index) => {
      if (!this.#holds(contains, item, at)) return
      found++
      seen?.add(index)
    })
    const least = Number(minContains)
    if (found < least)
      out.add("contains", at, () =>
        least === 1
          ? 'must contain an item that matches the schema under "contains"'
          : `must contain at least ${Wording.counted(least, "item")} that match "contains", not ${found}`
      )
    if (typeof maxContains === "number" && found > maxContains)
      out.add(
        "maxContains",
        at,
        () => `must contain at most ${Wording.counted(maxContains, "item")} that match "contains", not ${found}`
      )
  }
}

const number = (schema: Schema, value: number, at: Place, out: Findings): void => {
  const { exclusiveMaximum, exclusiveMinimum, maximum, minimum, multipleOf } = schema
  const check = (keyword: string, limit: unknown, isValid: (limit: number) => boolean, words: string) => {
    if (typeof limit === "number" && !isValid(limit))
      out.add(keyword, at, () => `must be ${words} ${Wording.show(limit)}, not ${Wording.show(value)}`)
  }
  check("minimum", minimum, (limit) => value >= limit, "at least")
  check("maximum", maximum, (limit) => value <= limit, "at most")
  check("exclusiveMinimum", exclusiveMinimum, (limit) => value > limit, "greater than")
  check("exclusiveMaximum", exclusiveMaximum, (limit) => value < limit, "less than")
  check("multipleOf", multipleOf, (divisor) => Json.isMultiple(value, divisor), "a multiple of")
}

/** In code points. */
const lengthOf = (text: string): number => {
  let length = text.length
  for (let index = 0; index < text.length - 1; index++) if (text.codePointAt(index)! > 0xffff) length--
  return length
}
