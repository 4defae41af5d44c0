import type * as JsonSchema from "effect/JsonSchema"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as JsonSchemaValidator from "../src/JsonSchemaValidator.ts"

const told = (schema: JsonSchema.JsonSchema, value: unknown) =>
  JsonSchemaValidator.make(schema).validate(value).map(JsonSchemaValidator.describe)

describe("validate", () => {
  it("accepts valid values", () => {
    const schema = {
      type: "object",
      properties: {
        a: { $ref: "#/$defs/positive" },
        b: { type: "array", prefixItems: [{ const: 1 }], items: { type: "string" } }
      },
      required: ["a"],
      unevaluatedProperties: false,
      $defs: { positive: { type: "integer", exclusiveMinimum: 0 } }
    }
    expect(told(schema, { a: 3, b: [1, "x"] })).toEqual([])
  })

  it("reports all violations at once, with pointers", () => {
    const schema = {
      type: "object",
      properties: {
        title: { type: "string", minLength: 1 },
        "a/b ~ü#%": { type: ["integer", "null"] },
        tags: { type: "array", items: { enum: ["p", "q"] }, uniqueItems: true, maxItems: 2 },
        score: { $ref: "#/$defs/score" }
      },
      required: ["title", "author"],
      additionalProperties: false,
      $defs: { score: { type: "number", minimum: 1, maximum: 3, multipleOf: 0.5 } }
    }
    expect(told(schema, { title: "", "a/b ~ü#%": "x", tags: ["p", "p", "z"], score: 4.2, extra: 1 })).toEqual([
      'The value must have the property "author"',
      "/title must not be empty",
      "/a~1b ~0ü#% must be an integer or null, not a string",
      "/tags must have at most 2 items",
      '/tags/2 must be one of "p", "q", not "z"',
      "/tags must have unique items: items 0 and 1 are equal",
      "/score must be at most 3, not 4.2",
      "/score must be a multiple of 0.5, not 4.2",
      "/extra is not allowed here"
    ])
  })

  for (const [schema, value, message] of [
    [{ type: "string" }, undefined, "The value is absent"],
    [{ type: "boolean" }, [], "The value must be a boolean, not an array"],
    [{ const: { a: 1 } }, { a: 2 }, 'The value must be {"a":1}, not {"a":2}'],
    [{ pattern: "^a+$" }, "b", 'The value must match the regular expression ^a+$, not be "b"'],
    [{ format: "email" }, "b", 'The value must have the format email, not "b"'],
    [{ minLength: 3 }, "b", "The value must have at least 3 characters"],
    [{ maxLength: 3 }, "four", "The value must have at most 3 characters"],
    [{ minItems: 1 }, [], "The value must not be empty"],
    [{ minProperties: 1 }, {}, "The value must have at least 1 property"],
    [{ maxProperties: 0 }, { a: 1 }, "The value must have at most 0 properties"],
    [{ exclusiveMinimum: 1 }, 1, "The value must be greater than 1, not 1"],
    [{ exclusiveMaximum: 1 }, 1, "The value must be less than 1, not 1"],
    [{ minimum: 1 }, 0, "The value must be at least 1, not 0"],
    [{ not: { type: "string" } }, "a", 'The value must not match the schema under "not"'],
    [{ contains: { type: "string" } }, [1], 'The value must contain an item that matches the schema under "contains"'],
    [
      { oneOf: [{ type: "number" }, { type: "integer" }] },
      1,
      "The value matches several of the forms of oneOf, but must match exactly one"
    ],
    [{ dependentRequired: { a: ["b"] } }, { a: 1 }, 'The value has "a" but does not have "b"'],
    [{ propertyNames: { maxLength: 1 } }, { ab: 1 }, "/ab must have at most 1 character"],
    [false, 1, "The value is not allowed here"]
  ] as ReadonlyArray<[JsonSchema.JsonSchema, unknown, string]>) {
    it(`says "${message}"`, () =>
      expect(told(typeof schema === "boolean" ? { allOf: [schema] } : schema, value)).toEqual([message]))
  }

  describe("of several forms", () => {
    const shape = {
      anyOf: [
        {
          type: "object",
          properties: { kind: { const: "circle" }, radius: { type: "number" } },
          required: ["kind", "radius"]
        },
        {
          type: "object",
          properties: { kind: { const: "square" }, side: { type: "number" } },
          required: ["kind", "side"]
        },
        { type: "null" }
      ]
    }
    it("reports the violations of the intended form", () => {
      expect(told(shape, { kind: "square", side: "3" })).toEqual(["/side must be a number, not a string"])
      expect(told({ properties: { shape } }, { shape: { kind: "circle" } })).toEqual([
        '/shape must have the property "radius"'
      ])
    })
    it("lists the kinds if none matches", () => {
      expect(told({ anyOf: [{ type: "string" }, { type: "null" }] }, 3)).toEqual([
        "The value must be a string or null, not a number"
      ])
      expect(told(shape, { kind: "line" })[0]).toContain('/kind must be "circle", not "line"')
    })
  })

  it("follows references and frozen schemas, and compiles a schema once", () => {
    const list: JsonSchema.JsonSchema = Object.freeze({
      type: "object",
      properties: Object.freeze({ value: { type: "number" }, next: { $ref: "#" } }),
      required: ["value"]
    })
    expect(told(list, { value: 1, next: { value: 2, next: { value: "3" } } })).toEqual([
      "/next/next/value must be a number, not a string"
    ])
    expect(JsonSchemaValidator.make(list)).toBe(JsonSchemaValidator.make(list))
  })

  it("does not throw for values that cannot be traversed", () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = { next: deep }
    expect(told({ properties: { next: { $ref: "#" } } }, deep)).toEqual([
      "The value cannot be validated: it is nested too deeply"
    ])
    expect(told({ properties: { a: { $ref: "#/$defs/b" } } }, { a: 1 })[0]).toContain("which is not in the schema")
    expect(told({ additionalProperties: { type: "string" } }, { "\ud800": 1 })).toHaveLength(1)
  })

  it("never throws, for any schema and value", () => {
    fc.assert(
      fc.property(
        fc.object({
          key: fc.constantFrom("type", "properties", "items", "anyOf", "$ref", "enum", "a", "pattern", "$id")
        }),
        fc.jsonValue(),
        (schema, value) => {
          expect(Array.isArray(JsonSchemaValidator.make(schema as JsonSchema.JsonSchema).validate(value))).toBe(true)
          expect(Array.isArray(JsonSchemaValidator.check(schema))).toBe(true)
        }
      ),
      { numRuns: 1_000 }
    )
  })
})

describe("check", () => {
  it("accepts usable schemas", () => {
    for (const schema of [
      {},
      { type: "object", properties: { type: { type: "string" }, enum: {} } },
      { $ref: "#/$defs/a", $defs: { a: true } },
      { "x-mine": 1, default: null }
    ])
      expect(JsonSchemaValidator.check(schema)).toEqual([])
  })

  for (const [schema, path, message] of [
    [7, "", "must be a JSON Schema"],
    [[], "", "must be a JSON Schema"],
    [{ type: "text" }, "/type", "integer"],
    [{ type: [] }, "/type", "one or more"],
    [{ properties: [] }, "/properties", "by name"],
    [{ properties: { "a/b": 1 } }, "/properties/a~1b", "a schema"],
    [{ items: [{}] }, "/items", "a schema"],
    [{ anyOf: [] }, "/anyOf", "at least one"],
    [{ oneOf: [{}, { minimum: "1" }] }, "/oneOf/1/minimum", "number"],
    [{ required: "a" }, "/required", "array of strings"],
    [{ dependentRequired: { a: "b" } }, "/dependentRequired", "arrays of strings"],
    [{ pattern: "(" }, "/pattern", "regular expression"],
    [{ patternProperties: { "(": {} } }, "/patternProperties/(", "regular expression"],
    [{ minLength: -1 }, "/minLength", "whole number"],
    [{ multipleOf: 0 }, "/multipleOf", "greater than 0"],
    [{ uniqueItems: 1 }, "/uniqueItems", "true or false"],
    [{ enum: "a" }, "/enum", "array"],
    [{ $dynamicRef: "#a" }, "/$dynamicRef", "not supported"],
    [{ $ref: "#/$defs/a" }, "", "not in the schema"],
    [{ $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } }, "", "back to itself"],
    [{ $ref: "https://example.com/schema.json" }, "", "not in the schema"],
    [{ properties: { a: { $id: "http://[" } } }, "/properties/a", "not a URI"]
  ] as const) {
    it(`refuses ${JSON.stringify(schema)}`, () => {
      const violations = JsonSchemaValidator.check(schema)
      expect(violations[0]?.path).toBe(path)
      expect(violations[0]?.message).toContain(message)
    })
  }

  it("terminates for endlessly nested schemas", () => {
    let deep: object = {}
    for (let level = 0; level < 100_000; level++) deep = { not: deep }
    expect(JsonSchemaValidator.check(deep)).toEqual([
      { path: "", message: "cannot be used as a JSON Schema: it is nested more than 200 levels deep" }
    ])
  })
})
