/**
 * What a task of a TypeScript crew may say of its output (an Effect Schema, a Zod or other Standard
 * Schema, such a schema with a JSON Schema next to it, or a JSON Schema), taken apart into the JSON
 * Schema that models are told and the code that validates.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as StandardSchema from "../StandardSchema.ts"

export interface Parts {
  /** Data; not yet known to be a JSON Schema. */
  readonly data?: unknown
  readonly code?: StandardSchemaV1
  /** Why a schema has no JSON Schema. */
  readonly problem?: string
}

export const parts = (declaration: unknown): Parts => {
  if (StandardSchema.isValidator(declaration)) return derived(declaration)
  if (!Predicate.isReadonlyObject(declaration)) return { data: declaration }
  const { jsonSchema, schema } = declaration
  if (!StandardSchema.isValidator(schema)) return { data: declaration }
  return jsonSchema === undefined ? derived(schema) : { data: jsonSchema, code: StandardSchema.make(schema) }
}

const derived = (validator: StandardSchema.Validator): Parts => {
  const code = StandardSchema.make(validator)
  const made = StandardSchema.jsonSchema(validator)
  return Result.isSuccess(made)
    ? { code, data: made.success }
    : {
        code,
        problem: `cannot be converted to JSON Schema (${made.failure.message}): use output: { schema, jsonSchema }`
      }
}
