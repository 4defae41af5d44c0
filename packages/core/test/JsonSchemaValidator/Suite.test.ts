/**
 * The required tests of the JSON Schema Test Suite
 * (https://github.com/json-schema-org/JSON-Schema-Test-Suite, MIT, draft 2020-12), except those of
 * dynamic references, remote schemas, vocabularies, and formats as annotations.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as JsonSchemaValidator from "../../src/JsonSchemaValidator.ts"

type Group = readonly [
  keyword: string,
  description: string,
  schema: boolean | { readonly [keyword: string]: unknown },
  tests: ReadonlyArray<readonly [description: string, data: unknown, valid: boolean]>
]

const groups: ReadonlyArray<Group> = JSON.parse(
  readFileSync(`${import.meta.dirname}/../fixtures/JsonSchemaTestSuite.json`, "utf8")
)

describe.each(groups)("%s: %s", (_keyword, _description, schema, tests) => {
  // Schemas here are objects.
  const object = typeof schema === "boolean" ? { allOf: [schema] } : schema

  it("is usable", () => expect(JsonSchemaValidator.check(object)).toEqual([]))

  it.each(tests)("%s", (_name, data, valid) => {
    expect(JsonSchemaValidator.make(object).validate(data).length === 0).toBe(valid)
  })
})
