import type * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as JsonSchemaValidator from "../../src/JsonSchemaValidator.ts"
import * as Repair from "../../src/Tool/Repair.ts"

const parameters = {
  type: "object",
  properties: {
    path: { type: "string" },
    startLine: { type: "integer", minimum: 1 },
    unit: { enum: ["metric", "Imperial"] },
    tags: { type: "array", items: { type: "string" } },
    exact: { type: "boolean" },
    filter: { type: "object", properties: { min: { type: "number" } } },
    either: { type: ["string", "integer"] },
    note: { type: ["string", "null"] }
  },
  required: ["path"],
  additionalProperties: false
}

const cases: ReadonlyArray<readonly [what: string, given: Schema.JsonObject, mended: Schema.JsonObject]> = [
  ["a number as text", { path: "a", startLine: "5" }, { path: "a", startLine: 5 }],
  ["text as a number", { path: 7 }, { path: "7" }],
  ["a boolean as text", { path: "a", exact: "true" }, { path: "a", exact: true }],
  ["a list as JSON", { path: "a", tags: '["x", "y"]' }, { path: "a", tags: ["x", "y"] }],
  ["one value for a list", { path: "a", tags: "x" }, { path: "a", tags: ["x"] }],
  [
    "an object as JSON, with a number as text in it",
    { path: "a", filter: '{"min":"2"}' },
    { path: "a", filter: { min: 2 } }
  ],
  ["the case of a listed value", { path: "a", unit: "METRIC" }, { path: "a", unit: "metric" }],
  ["the spelling of a key", { Path: "a", start_line: 2 }, { path: "a", startLine: 2 }],
  ["null for what may be left out", { path: "a", startLine: null }, { path: "a" }],
  ["null that is allowed", { path: 1, note: null }, { path: "1", note: null }],
  ["arguments in an envelope", { arguments: { path: "a" } }, { path: "a" }],
  ["arguments in an envelope of JSON", { input: '{"path":"a"}' }, { path: "a" }]
]

const hopeless: ReadonlyArray<Schema.JsonObject> = [
  {},
  { path: "a", startLine: "five" },
  { path: "a", startLine: "0" },
  { path: "a", startLine: 1.5 },
  { path: "a", unit: "imp" },
  // Two keys that could be meant.
  { path: "a", start_line: 1, "start-line": 2 },
  { path: "a", either: true },
  { path: "a", other: 1 },
  { path: "a", filter: '{"__proto__":{"min":1}}' }
]

describe("Repair", () => {
  for (const [what, given, mended] of cases)
    it(`repairs ${what}`, () => {
      assert.deepStrictEqual(Repair.repair(parameters, given), mended)
    })

  it("does not change arguments that cannot be repaired, or are ambiguous", () => {
    for (const given of hopeless) assert.strictEqual(Repair.repair(parameters, given), given, JSON.stringify(given))
  })

  it("returns valid arguments unchanged, and never makes them invalid", () => {
    const { validate } = JsonSchemaValidator.make(parameters)
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("path", "PATH", "startLine", "tags", "unit", "note"), fc.jsonValue()),
        (any) => {
          // What fast-check calls a JSON value is one.
          const given = any as Schema.JsonObject
          const made = Repair.repair(parameters, given)
          if (validate(given).length === 0) assert.strictEqual(made, given)
          else if (made !== given) assert.deepStrictEqual(validate(made), [])
        }
      )
    )
  })

  it("parses arguments that were sent as text", () => {
    assert.deepStrictEqual(Repair.parsed('{"path":"a"}'), { path: "a" })
    for (const text of ["[1]", "7", "not JSON"]) assert.strictEqual(Repair.parsed(text), text)
  })
})
