/**
 * Effect Schemas, Zod and other Standard Schemas as one kind: code that decodes JSON, and the JSON
 * Schema (draft 2020-12) of that JSON, which models are told.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "effect/StandardSchema"

declare global {
  /**
   * Effect's types name this interface of the DOM, which Node's types do not have. With it users
   * need no `lib: ["DOM"]`; with the DOM it is the same interface.
   */
  interface JsonWebKey {
    kty?: string
  }
}

/**
 * An Effect Schema that needs no services to decode, a Zod schema, or any other Standard Schema.
 */
export type Validator = StandardSchemaV1 | Schema.ConstraintDecoder<unknown>

export const isValidator = (value: unknown): value is Validator => Schema.isSchema(value) || isStandard(value)

export interface Options {
  /**
   * Of Effect Schemas, which ignore keys that they do not know: `error` refuses them. Others decide
   * for themselves.
   */
  readonly onExcessProperty?: "error"
}

/**
 * What decodes JSON and reports every issue. An Effect Schema decodes its JSON form, a date as text
 * for example.
 */
export const make = (validator: Validator, options: Options = {}): StandardSchemaV1 =>
  Schema.isSchema(validator)
    ? Schema.toStandardSchemaV1(Schema.toCodecJson(validator as Schema.Decoder<unknown>), {
        parseOptions: { errors: "all", ...options }
      })
    : (validator as StandardSchemaV1)

/** The JSON Schema of what is decoded, not of what comes out; or why there is none. */
export const jsonSchema = (
  validator: Validator,
  options: Options = {}
): Result.Result<JsonSchema.JsonSchema, TypeError> => {
  try {
    if (Schema.isSchema(validator)) {
      const { definitions, schema } = Schema.toJsonSchemaDocument(validator, options)
      return Result.succeed(Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions })
    }
    const standard = (validator as StandardSchemaV1)["~standard"]
    const converter = (standard as Partial<StandardJSONSchemaV1.Props>).jsonSchema
    if (converter === undefined) return Result.fail(new TypeError(`${standard.vendor} gives none`))
    const { $schema: _dialect, ...schema } = converter.input({ target: "draft-2020-12" })
    return Result.succeed(schema)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return Result.fail(new TypeError(reason, { cause: error }))
  }
}

const isStandard = (value: unknown): value is StandardSchemaV1 =>
  Predicate.hasProperty(value, "~standard") && Predicate.hasProperty(value["~standard"], "validate")
