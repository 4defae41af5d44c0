/** Schemas and values designed to take long, or to cause a long response. */
import type * as JsonSchema from "effect/JsonSchema"
import { describe, expect, it } from "vitest"
import * as JsonSchemaValidator from "../../src/JsonSchemaValidator.ts"

const told = (schema: JsonSchema.JsonSchema, value: unknown) =>
  JsonSchemaValidator.make(schema).validate(value).map(JsonSchemaValidator.describe)

const doubling = (levels: number, keyword: "allOf" | "anyOf" | "oneOf"): JsonSchema.JsonSchema => ({
  $ref: "#/$defs/a0",
  $defs: Object.fromEntries(
    Array.from({ length: levels }, (_, level) => [
      `a${level}`,
      level === levels - 1
        ? { type: "string" }
        : { [keyword]: [{ $ref: `#/$defs/a${level + 1}` }, { $ref: `#/$defs/a${level + 1}` }] }
    ])
  )
})

describe("a schema", () => {
  it.each(["allOf", "anyOf", "oneOf"] as const)(
    "whose %s doubles at each level is rejected before it is evaluated",
    (keyword) => {
      expect(told(doubling(60, keyword), 1)).toEqual([
        "The value cannot be validated: validating it against the schema takes too many steps"
      ])
    }
  )

  it.each([
    [{ allOf: [{ $ref: "#" }] }],
    [{ anyOf: [{ $ref: "#" }, { type: "string" }] }],
    [{ not: { $ref: "#" } }],
    [{ if: { $ref: "#" } }]
  ])("that validates a value against itself endlessly is an error: %j", (schema) => {
    expect(told(schema, 1)[0]).toMatch(/^The value cannot be validated: /)
  })

  it("with a long chain of references is refused", () => {
    const count = 20_000
    const schema = {
      $ref: "#/$defs/a0",
      $defs: Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`a${index}`, { $ref: `#/$defs/a${(index + 1) % count}` }])
      )
    }
    const circle = JsonSchemaValidator.check(schema)
    expect(circle).toHaveLength(101)
    expect(circle[0]).toEqual({ path: "", message: 'has a $ref to "#/$defs/a0" that refers back to itself' })
    const chain = JsonSchemaValidator.check({ ...schema, $defs: { ...schema.$defs, [`a${count - 1}`]: {} } })
    expect(chain).toHaveLength(101)
    expect(chain[0]!.message).toBe('has a $ref to "#/$defs/a0" that leads through more than 100 other references')
  })

  it("with a pattern that backtracks matches in linear time", () => {
    const text = `${"a".repeat(50_000)}!`
    expect(told({ pattern: "^(a+)+$" }, text)).toHaveLength(1)
    expect(told({ patternProperties: { "^(a+)+$": false } }, { [text]: 1 })).toEqual([])
    expect(told({ format: "url" }, `http://${"a".repeat(50_000)}!`)).toEqual([])
    expect(told({ format: "duration" }, `P${"1".repeat(500_000)}Y`)).toEqual([])
  })

  it("with many patterns is stopped when their total cost is too high", () => {
    const patterns = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`[ab]{0,900}[ab]{0,900}c${index}`, {}])
    )
    expect(told({ patternProperties: patterns }, { ["ab".repeat(700)]: 1 })[0]).toMatch(
      /^The value cannot be validated: the pattern .* takes too many steps for a text of 1400 characters$/
    )
  })

  it("with large patterns is stopped before all are compiled", () => {
    const patterns = (source: string, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`${source}${index}`, true]))
    const stopped = "The value cannot be validated: the regular expressions of its schema are too many or too large"
    // Each would be compiled for each key, and some take a millisecond.
    for (const [source, count] of [
      ["(?:x{900}){5}", 200],
      ["[^\\p{L}]", 2_100]
    ] as const)
      expect(told({ patternProperties: patterns(source, count) }, { a: 1, b: 1 })).toEqual([stopped])
    expect(told({ patternProperties: patterns("(?:x{90}){5}", 200) }, { a: 1, b: 1 })).toEqual([])
  })

  it("with more keywords than can be checked for every value is stopped", () => {
    const names = Array.from({ length: 2_000 }, (_, index) => `n${index}`)
    const byName = Object.fromEntries(names.map((name) => [name, true]))
    const formats = Array.from({ length: 30 }, () => ({ format: "uri-template" }))
    for (const [items, value] of [
      [{ required: names }, {}],
      [{ type: names.map(() => "string") }, 1],
      [{ dependentRequired: { a: names } }, { a: 1 }],
      [{ dependentSchemas: byName }, {}],
      [{ properties: byName }, {}],
      [{ allOf: names.map(() => true) }, {}],
      [{ allOf: formats }, "{a}".repeat(3_000)]
    ] as const) {
      expect(
        told(
          { items },
          Array.from({ length: 1_000 }, () => value)
        )
      ).toEqual(["The value cannot be validated: validating it against the schema takes too many steps"])
    }
  })

  it("is stopped when several validations together cost too much", () => {
    const work = JsonSchemaValidator.makeWork()
    const { validate } = JsonSchemaValidator.make({ items: { type: "integer" } })
    const items = Array.from({ length: 300_000 }, (_, index) => index)
    expect([1, 2, 3, 4].map(() => validate(items, work).length)).toEqual([0, 0, 0, 1])
    expect(validate(items)).toEqual([])
  })

  it("that compares items again on every level is stopped", () => {
    let deep: unknown = "x".repeat(500_000)
    for (let level = 0; level < 190; level++) deep = [deep]
    const schema = { $ref: "#/$defs/list", $defs: { list: { uniqueItems: true, items: { $ref: "#/$defs/list" } } } }
    expect(told(schema, deep)).toEqual([
      "The value cannot be validated: validating it against the schema takes too many steps"
    ])
  })

  it("with more problems than a call has room for arguments gets a hundred", () => {
    const schema = { properties: Object.fromEntries(Array.from({ length: 130_000 }, (_, index) => [`p${index}`, 1])) }
    expect(JsonSchemaValidator.check(schema)).toHaveLength(101)
    const valid = { properties: Object.fromEntries(Array.from({ length: 130_000 }, (_, index) => [`p${index}`, {}])) }
    expect(JsonSchemaValidator.check(valid)).toEqual([])
  })

  it("gets at most 100 problems", () => {
    const wrong = { properties: Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`p${index}`, 1])) }
    const problems = JsonSchemaValidator.check(wrong)
    expect(problems).toHaveLength(101)
    expect(problems.at(-1)).toEqual({ path: "", message: "has 4900 more problems" })
  })
})

describe("a value", () => {
  it("gets at most 100 violations, none of them long", () => {
    const long = "x".repeat(100_000)
    const value = Array.from({ length: 5_000 }, () => ({ [long]: { [long]: long } }))
    const schema = {
      items: {
        additionalProperties: { additionalProperties: { enum: [1, { a: long }], format: "email" } }
      }
    }
    const violations = told(schema, value)
    expect(violations).toHaveLength(101)
    expect(violations.at(-1)).toBe("The value has 9900 more problems")
    expect(violations.join("\n").length).toBeLessThan(64_000)
  })

  it("with many distinct items passes uniqueItems", () => {
    const items = Array.from({ length: 50_000 }, (_, index) => ({ index }))
    expect(told({ uniqueItems: true }, items)).toEqual([])
    expect(told({ uniqueItems: true }, [...items, { index: 7 }])).toEqual([
      "The value must have unique items: items 7 and 50000 are equal"
    ])
  })

  it("that is large passes", () => {
    const items = Array.from({ length: 100_000 }, (_, index) => ({ id: index, name: `n${index}` }))
    const schema = {
      type: "array",
      items: {
        type: "object",
        properties: { id: { type: "integer" }, name: { type: "string", pattern: "^n\\d+$" } },
        required: ["id", "name"],
        additionalProperties: false
      }
    }
    expect(told(schema, items)).toEqual([])
  })
})
