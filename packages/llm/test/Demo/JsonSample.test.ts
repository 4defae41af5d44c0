import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import { assert, describe, it } from "@effect/vitest"
import type { JsonSchema } from "effect/JsonSchema"
import * as fc from "fast-check"
import * as JsonSample from "../../src/Demo/JsonSample.ts"
import * as PatternSample from "../../src/Demo/PatternSample.ts"

const violations = (schema: JsonSchema, options?: JsonSample.Options) => {
  const value = JsonSample.make(schema, options)
  return JsonSchemaValidator.make(schema)
    .validate(value)
    .map((violation) => `${JsonSchemaValidator.describe(violation)} in ${JSON.stringify(value)}`)
}

/** Schemas that some value satisfies. */
const schemas: fc.Arbitrary<JsonSchema> = fc.letrec<{ any: JsonSchema; leaf: JsonSchema }>((tie) => ({
  leaf: fc.oneof(
    fc
      .tuple(fc.nat(30), fc.nat(30))
      .map(([a, b]) => ({ type: "string", minLength: Math.min(a, b), maxLength: Math.max(a, b) })),
    fc
      .constantFrom(
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uuid",
        "json-pointer"
      )
      .map((format) => ({ type: "string", format })),
    fc
      .constantFrom(
        "^[A-Z]{3}-\\d{4}$",
        "^(low|medium|high)$",
        "[^0-9]+",
        "^v\\d+\\.\\d+(?:\\.\\d+)?$",
        "^#[0-9a-fA-F]{6}$"
      )
      .map((pattern) => ({ type: "string", pattern })),
    fc
      .tuple(fc.integer({ min: -99, max: 99 }), fc.nat(50))
      .map(([minimum, size]) => ({ type: "integer", minimum, maximum: minimum + size })),
    fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: 1, max: 5 })).map(([exclusiveMinimum, size]) => ({
      type: "number",
      exclusiveMinimum,
      exclusiveMaximum: exclusiveMinimum + size
    })),
    fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -50, max: 50 })).map(([multipleOf, minimum]) => ({
      type: "integer",
      multipleOf,
      minimum
    })),
    fc
      .uniqueArray(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { minLength: 1, maxLength: 4 })
      .map((values) => ({ enum: values })),
    fc.jsonValue({ maxDepth: 2, noUnicodeString: true }).map((value) => ({ const: value })),
    fc.constantFrom<JsonSchema>({ type: "boolean" }, { type: "null" }, {}, { type: ["string", "null"] })
  ),
  any: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    tie("leaf"),
    fc
      .record({
        properties: fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tie("any"), { maxKeys: 4 }),
        required: fc.double({ min: 0, max: 1, noNaN: true }),
        closed: fc.boolean()
      })
      .map(({ properties, required, closed }) => ({
        type: "object",
        properties,
        required: Object.keys(properties).filter((_, n) => n / 4 < required),
        ...(closed ? { additionalProperties: false } : {})
      })),
    fc.tuple(tie("any"), fc.nat(3), fc.nat(3)).map(([items, a, b]) => ({
      type: "array",
      items,
      minItems: Math.min(a, b),
      maxItems: Math.max(a, b)
    })),
    fc.array(tie("leaf"), { minLength: 1, maxLength: 3 }).map((prefixItems) => ({
      type: "array",
      prefixItems,
      items: false,
      minItems: prefixItems.length
    })),
    fc.array(tie("any"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.tuple(tie("leaf"), tie("leaf")).map(([a, b]) => ({
      oneOf: [
        { type: "object", properties: { kind: { const: "a" }, value: a }, required: ["kind", "value"] },
        { type: "object", properties: { kind: { const: "b" }, value: b }, required: ["kind", "value"] }
      ]
    })),
    fc.tuple(tie("any"), tie("any")).map(([a, b]) => ({
      allOf: [
        { type: "object", properties: { left: a }, required: ["left"] },
        { type: "object", properties: { right: b }, required: ["right"] }
      ]
    }))
  )
})).any

describe("JsonSample", () => {
  it("generates a valid value for any satisfiable schema, also with invalid suggestions", () => {
    const suggestions: JsonSample.Options = {
      optional: true,
      items: 2,
      string: ({ index }) => (index === 0 ? "An otter holds a stone – and a shell 🦦." : undefined),
      number: () => 17.5
    }
    fc.assert(
      fc.property(schemas, fc.boolean(), (schema, suggested) => {
        assert.deepStrictEqual(violations(schema, suggested ? suggestions : {}), [])
      }),
      { numRuns: 1_000 }
    )
  })

  const hand: ReadonlyArray<readonly [string, JsonSchema]> = [
    [
      "references",
      {
        $ref: "#/$defs/a",
        $defs: {
          a: { type: "object", properties: { b: { $ref: "#/$defs/b" } }, required: ["b"] },
          b: { type: "integer", minimum: 3 }
        }
      }
    ],
    [
      "a tree that refers to itself",
      {
        $ref: "#/$defs/node",
        $defs: {
          node: {
            type: "object",
            properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/node" } } },
            required: ["name", "children"]
          }
        }
      }
    ],
    [
      "a list that refers to itself through a choice",
      {
        type: "object",
        properties: { next: { anyOf: [{ $ref: "#" }, { type: "null" }] } },
        required: ["next"]
      }
    ],
    ["distinct items", { type: "array", minItems: 3, uniqueItems: true, items: { type: "string" } }],
    ["distinct values of a list", { type: "array", minItems: 3, uniqueItems: true, items: { enum: ["a", "b", "c"] } }],
    [
      "distinct numbers",
      { type: "array", minItems: 4, uniqueItems: true, items: { type: "integer", minimum: 5, maximum: 9 } }
    ],
    ["an item that has to be there", { type: "array", items: { type: "integer" }, contains: { const: 42 } }],
    ["enough properties", { type: "object", minProperties: 3, additionalProperties: { type: "integer" } }],
    [
      "a property that brings another",
      {
        type: "object",
        properties: { a: { type: "string" }, b: { type: "integer" } },
        required: ["a"],
        dependentRequired: { a: ["b"] }
      }
    ],
    ["a required property without a schema", { type: "object", required: ["surprise"] }],
    [
      "properties by pattern",
      {
        type: "object",
        required: ["x-count"],
        patternProperties: { "^x-": { type: "integer" } },
        additionalProperties: false
      }
    ],
    ["a pattern and a length", { type: "string", pattern: "^[a-z]+$", minLength: 8, maxLength: 8 }],
    [
      "a condition",
      JSON.parse(
        '{"type":"object","properties":{"kind":{"enum":["a","b"]},"size":{"type":"integer"}},"required":["kind"],"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["size"]}}'
      )
    ],
    ["values with a limit next to them", { enum: [1, 5, 9], minimum: 4 }],
    ["no type at all", { properties: { a: { minimum: 3 } }, required: ["a"] }],
    ["true", { type: "object", properties: { a: true as never }, required: ["a"] }]
  ]
  for (const [what, schema] of hand) {
    it(`knows ${what}`, () => {
      assert.deepStrictEqual(violations(schema), [])
      assert.deepStrictEqual(violations(schema, { optional: true, items: 3, string: () => "Otters." }), [])
    })
  }

  it("is the same every time", () => {
    fc.assert(
      fc.property(schemas, (schema) => {
        assert.deepStrictEqual(JsonSample.make(schema), JsonSample.make(schema))
      }),
      { numRuns: 100 }
    )
  })

  it("uses a suggestion if it is valid", () => {
    const value = JsonSample.make(
      {
        type: "object",
        properties: {
          title: { type: "string", maxLength: 20 },
          count: { type: "integer" },
          level: { enum: ["low", "high"] }
        },
        required: ["title", "count", "level"]
      },
      { string: () => "Sea otters hold hands while they sleep", number: () => 7, choice: (_, values) => values.at(-1) }
    )
    assert.deepStrictEqual(value, { title: "Sea otters hold", count: 7, level: "high" })
  })

  it("generates a value for a contradictory schema", () => {
    assert.doesNotThrow(() => JsonSample.make({ allOf: [{ type: "string" }, { type: "integer" }] }))
    assert.doesNotThrow(() => JsonSample.make({ $ref: "#/nowhere" }))
    assert.doesNotThrow(() => JsonSample.make({ $ref: "#" }))
    assert.doesNotThrow(() => JsonSample.make({ not: {} }))
  })
})

describe("PatternSample", () => {
  it("matches common patterns", () => {
    for (const pattern of [
      "^[A-Z]{2}\\d{3,5}$",
      "^(?:abc|def)+x?$",
      "^[^\\s@]+@[^\\s@]+\\.[a-z]{2,}$",
      "^\\+?[0-9 ()-]{7,}$",
      "\\bword\\b",
      "^(?<year>\\d{4})-\\d{2}$",
      "^$",
      "^[\\w.-]+$",
      "^.{5}$",
      "a|b|"
    ]) {
      const sample = PatternSample.make(pattern)
      assert.isDefined(sample, pattern)
      assert.match(sample ?? "", new RegExp(pattern, "u"))
    }
  })

  it("generates nothing if it cannot match", () => {
    for (const pattern of ["^(?=x)y", "(a)\\1", "\\p{Lu}", "[", "^a$b"])
      assert.isUndefined(PatternSample.make(pattern), pattern)
  })

  it("never generates text that does not match", () => {
    fc.assert(
      fc.property(fc.string(), (pattern) => {
        const sample = PatternSample.make(pattern)
        return sample === undefined || new RegExp(pattern, "u").test(sample)
      }),
      { numRuns: 2_000 }
    )
  })
})

describe("a sample of an excessive schema", () => {
  const chain = (link: (next: object) => object, end: object): JsonSchema => ({
    $ref: "#/$defs/k0",
    $defs: Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [
        `k${index}`,
        index === 29 ? end : link({ $ref: `#/$defs/k${index + 1}` })
      ])
    )
  })
  const both = (next: object) => ({ properties: { a: next, b: next }, required: ["a", "b"] })
  it.each<readonly [string, JsonSchema]>([
    ["characters", { type: "string", minLength: 1e9 }],
    ["characters of a format", { type: "string", format: "email", minLength: 1e9 }],
    ["items", { type: "array", minItems: 1e9, items: {} }],
    ["items that it must contain", { type: "array", contains: { const: 1 }, minContains: 1e9 }],
    ["properties", { type: "object", minProperties: 1e9 }],
    ["properties that double at each level", chain(both, { type: "string" })],
    ["alternatives that double at each level", chain((next) => ({ anyOf: [next, next] }), { const: 1 })],
    ["forms that double at each level", chain((next) => ({ oneOf: [next, next] }), { const: 1 })],
    ["lists that grow at each level", chain((next) => ({ type: "array", minItems: 10, items: next }), { const: 1 })],
    ["of itself", { anyOf: [{ $ref: "#" }, { $ref: "#" }] }]
  ])("terminates: %s", (_, schema) => {
    assert.isBelow(JSON.stringify(JsonSample.make(schema, { optional: true, items: 3 })).length, 1_000_000)
  })
})
