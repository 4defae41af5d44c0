/**
 * What a task of a TypeScript crew may say of its output (an Effect Schema, a Zod or other Standard Schema, such a schema with a
 * JSON Schema next to it, or a JSON Schema), taken apart into the JSON Schema that models are told and the code that validates.
 */
import * as Schema from "effect/Schema"
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "effect/StandardSchema"

export interface Parts {
  /** Data; not yet known to be a JSON Schema. */
  readonly data?: unknown
  readonly code?: StandardSchemaV1
  /** Why a schema has no JSON Schema. */
  readonly problem?: string
}

export const parts = (declaration: unknown): Parts => {
  if (isValidator(declaration)) return derived(declaration)
  if (
    typeof declaration === "object" &&
    declaration !== null &&
    "schema" in declaration &&
    isValidator(declaration.schema)
  ) {
    const { jsonSchema, schema } = declaration as { readonly schema: object; readonly jsonSchema?: unknown }
    return jsonSchema === undefined ? derived(schema) : { data: jsonSchema, code: standard(schema) }
  }
  return { data: declaration }
}

const isValidator = (value: unknown): value is object =>
  Schema.isSchema(value) ||
  (((typeof value === "object" && value !== null) || typeof value === "function") &&
    "~standard" in value &&
    typeof value["~standard"] === "object" &&
    value["~standard"] !== null &&
    "validate" in value["~standard"])

/** An Effect Schema is wrapped; every other validator is a Standard Schema already. */
const standard = (validator: object): StandardSchemaV1 =>
  Schema.isSchema(validator)
    ? // The type of the builder admits only schemas that decode without services.
      Schema.toStandardSchemaV1(validator as Schema.Decoder<unknown>, { parseOptions: { errors: "all" } })
    : (validator as StandardSchemaV1)

const derived = (validator: object): Parts => {
  const code = standard(validator)
  const source = Schema.isSchema(validator) ? Schema.toStandardJSONSchemaV1(validator) : validator
  const converter = (source as Partial<StandardJSONSchemaV1>)["~standard"]?.jsonSchema
  if (converter === undefined)
    return {
      code,
      problem: `${code["~standard"].vendor} gives no JSON Schema of it: write output: { schema, jsonSchema }`
    }
  try {
    // The input side: a model writes what the schema then decodes.
    return { code, data: converter.input({ target: "draft-2020-12" }) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { code, problem: `no JSON Schema can be made of it (${reason}): write output: { schema, jsonSchema }` }
  }
}
