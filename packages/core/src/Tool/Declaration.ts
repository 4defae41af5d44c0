/**
 * Declarations of tools: schemas of arguments and of answers, and the problems of data that does
 * not match.
 */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import * as StandardSchema from "../StandardSchema.ts"

/**
 * What the arguments may be declared with: an Effect Schema, a Zod or other Standard Schema, such a
 * schema with a JSON Schema next to it (for validators that give none), or a JSON Schema (draft
 * 2020-12).
 */
export type Parameters =
  | Schema.Decoder<unknown>
  | StandardSchemaV1
  | { readonly schema: StandardSchemaV1; readonly jsonSchema: JsonSchema.JsonSchema }
  | JsonSchema.JsonSchema

/** What the function is given for parameters declared so. */
export type Arguments<P> =
  P extends Schema.Decoder<infer A>
    ? A
    : P extends StandardSchemaV1<infer _, infer A>
      ? A
      : P extends { readonly schema: StandardSchemaV1<infer _, infer A> }
        ? A
        : Schema.JsonObject

export type Checked =
  | { readonly _tag: "Valid"; readonly value: unknown }
  | { readonly _tag: "Invalid"; readonly violations: ReadonlyArray<JsonSchemaValidator.Violation> }

/**
 * A declaration made ready: a JSON Schema for models and people, and the validator of what they
 * give.
 */
export interface Declared {
  readonly schema: JsonSchema.JsonSchema
  readonly validate: (value: Schema.Json) => Effect.Effect<Checked>
}

export const noParameters = { type: "object", properties: {}, additionalProperties: false } as const

/**
 * Arguments: made once per tool, decoders and validators are compiled here. Throws a `TypeError`
 * when they cannot be used.
 */
export const parameters = (tool: string, declaration: Parameters): Declared => {
  if (Schema.isSchema(declaration) && isEmpty(declaration)) return parameters(tool, noParameters)
  const what = `The parameters of tool "${tool}"`
  const made = declared(what, declaration)
  // Providers take objects only; a schema that is not usable would fail every call.
  if (made.schema["type"] !== "object") {
    throw new TypeError(`${what} must describe an object, for example a struct.`)
  }
  return made
}

/** What a tool returns. Throws a `TypeError` when it cannot be used. */
export const result = (tool: string, declaration: Parameters): Declared =>
  declared(`The output of tool "${tool}"`, declaration)

/** What a person answers. Throws a `TypeError` when it cannot be used. */
export const answer = (tool: string, declaration: Parameters): Declared =>
  declared(`The answers of tool "${tool}"`, declaration)

const declared = (what: string, declaration: Parameters): Declared => {
  if (StandardSchema.isValidator(declaration)) {
    const options = { onExcessProperty: "error" } as const
    const schema = Result.getOrThrowWith(StandardSchema.jsonSchema(declaration, options), (cause) => {
      const message = `${what} cannot be converted to JSON Schema (${cause.message}): use { schema, jsonSchema }.`
      return new TypeError(message, { cause })
    })
    return { schema: usable(what, schema), validate: byStandard(StandardSchema.make(declaration, options)) }
  }
  if ("schema" in declaration && StandardSchema.isValidator(declaration.schema)) {
    // The type says so of data that stands next to a validator; `usable` looks at it all the same.
    const jsonSchema = declaration["jsonSchema"] as JsonSchema.JsonSchema
    return {
      schema: usable(what, jsonSchema),
      validate: byStandard(StandardSchema.make(declaration.schema, { onExcessProperty: "error" }))
    }
  }
  const schema = usable(what, declaration)
  const validator = JsonSchemaValidator.make(schema)
  return {
    schema,
    validate: (value) => {
      const violations = validator.validate(value)
      return Effect.succeed(violations.length === 0 ? valid(value) : invalid(violations))
    }
  }
}

/**
 * A struct without fields is, to Effect, whatever is not null; of a tool it says that there are no
 * arguments.
 */
const isEmpty = ({ ast }: Schema.Top): boolean =>
  ast._tag === "Objects" &&
  ast.propertySignatures.length === 0 &&
  ast.indexSignatures.length === 0 &&
  ast.encoding === undefined &&
  ast.checks === undefined

const valid = (value: unknown): Checked => ({ _tag: "Valid", value })
const invalid = (violations: ReadonlyArray<JsonSchemaValidator.Violation>): Checked => ({ _tag: "Invalid", violations })

const byStandard = (schema: StandardSchemaV1): Declared["validate"] => {
  const checked = (result: StandardSchemaV1.Result<unknown>): Checked =>
    result.issues === undefined ? valid(result.value) : invalid(result.issues.map(violationOf))
  return (args) =>
    Effect.suspend(() => {
      const result = schema["~standard"].validate(args)
      return result instanceof Promise ? Effect.promise(() => result.then(checked)) : Effect.succeed(checked(result))
    })
}

const violationOf = (issue: StandardSchemaV1.Issue): JsonSchemaValidator.Violation => ({
  path: (issue.path ?? [])
    .map((step) =>
      String(typeof step === "object" ? step.key : step)
        .replaceAll("~", "~0")
        .replaceAll("/", "~1")
    )
    .map((step) => `/${step}`)
    .join(""),
  message: issue.message
})

const usable = (what: string, schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const violations = JsonSchemaValidator.check(schema)
  if (violations.length === 0) return schema
  throw new TypeError(
    `${what} are not a valid JSON Schema: ${violations.map(JsonSchemaValidator.describe).join("; ")}.`
  )
}

/** The message to the model about invalid arguments. */
export const invalidArguments = (tool: string, violations: ReadonlyArray<JsonSchemaValidator.Violation>): string =>
  `The arguments are not valid for the tool "${tool}":\n${listed(violations)}\nCall it again with corrected arguments.`

/** The message about a result that does not match the declared output. */
export const unfitResult = (tool: string, violations: ReadonlyArray<JsonSchemaValidator.Violation>): string =>
  `The tool "${tool}" returned a result that does not fit its output schema:\n${listed(violations)}`

const listed = (violations: ReadonlyArray<JsonSchemaValidator.Violation>): string =>
  violations.map(({ message, path }) => `- ${path === "" ? "(root)" : path}: ${message}`).join("\n")
