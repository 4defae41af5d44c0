/**
 * Makes tools out of functions. The arguments that a model gives are validated before the function runs, and everything that is
 * wrong with them is said at once, to the model, which can mend its call. Whatever the function throws is a failure of that call
 * and never of the task.
 */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as JsonDepth from "./JsonDepth.ts"
import { redact } from "./Redact.ts"
import * as JsonSchemaValidator from "./JsonSchemaValidator.ts"
import * as StandardSchema from "./StandardSchema.ts"
import { type Tool, type ToolContext, type ToolError, ToolFailed, ToolRetry } from "./Tool/Definition.ts"

/**
 * What the arguments may be declared with: an Effect Schema, a Zod or other Standard Schema, such a schema with a JSON Schema next
 * to it (for validators that give none), or a JSON Schema (draft 2020-12).
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

/** Who calls, and a signal that is aborted when the call is interrupted. */
export interface CallContext extends ToolContext {
  readonly signal: AbortSignal
}

/** What the function may return. What is no JSON becomes what `JSON.stringify` makes of it; nothing becomes `null`. */
export type Returned = Schema.Json | void

export interface Options<P extends Parameters> {
  /** Up to 64 letters, digits, `_` and `-`: what providers take. */
  readonly name: string
  /** When and how to use it; models read it. */
  readonly description: string
  /** Default: the tool takes no arguments. */
  readonly parameters?: P
  /** True when running the same call twice does no harm. Default: false. */
  readonly idempotent?: boolean
  /**
   * The work. Fail with (or throw) `ToolRetry` to tell the model how to correct its call, and `ToolFailed` when no call can succeed;
   * anything else that is thrown becomes a `ToolFailed`.
   */
  readonly execute: (
    args: Arguments<P>,
    context: CallContext
  ) => Returned | Promise<Returned> | Effect.Effect<Returned, ToolError>
}

/** Makes a tool. Throws a `TypeError` when name or parameters cannot be used. */
export const make = <const P extends Parameters = { readonly type: "object"; readonly additionalProperties: false }>(
  options: Options<P>
): Tool => {
  const { description, idempotent = false, name } = options
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new TypeError(`"${name}" cannot be the name of a tool: use 1 to 64 letters, digits, "_" and "-".`)
  }
  const { parameters, validate } = declared(name, options.parameters ?? none)
  return {
    name,
    description,
    parameters,
    idempotent,
    execute: (args, context) =>
      Effect.flatMap(validate(args), (checked) =>
        checked._tag === "Valid"
          ? // What the validator hands back is what its type says.
            run(name, new Call(context), (call) => options.execute(checked.value as Arguments<P>, call))
          : Effect.fail(refusal(name, checked.violations))
      )
  }
}

const none = { type: "object", properties: {}, additionalProperties: false } as const

// --- arguments --------------------------------------------------------------------------------------------------------------------

type Checked =
  | { readonly _tag: "Valid"; readonly value: unknown }
  | { readonly _tag: "Invalid"; readonly violations: ReadonlyArray<JsonSchemaValidator.Violation> }

interface Declared {
  readonly parameters: JsonSchema.JsonSchema
  readonly validate: (args: Schema.JsonObject) => Effect.Effect<Checked>
}

/** Made once per tool: decoders and validators are compiled here. */
const declared = (name: string, declaration: Parameters): Declared => {
  if (Schema.isSchema(declaration) && isEmpty(declaration)) return declared(name, none)
  if (StandardSchema.isValidator(declaration)) {
    const options = { onExcessProperty: "error" } as const
    const parameters = Result.getOrThrowWith(StandardSchema.jsonSchema(declaration, options), (cause) => {
      const message = `The parameters of tool "${name}" have no JSON Schema (${cause.message}): use { schema, jsonSchema }.`
      return new TypeError(message, { cause })
    })
    return { parameters: usable(name, parameters), validate: byStandard(StandardSchema.make(declaration, options)) }
  }
  if ("schema" in declaration && StandardSchema.isValidator(declaration.schema)) {
    // The type of the parameters says so of data that stands next to a validator; `usable` looks at it all the same.
    const jsonSchema = declaration["jsonSchema"] as JsonSchema.JsonSchema
    return {
      parameters: usable(name, jsonSchema),
      validate: byStandard(StandardSchema.make(declaration.schema, { onExcessProperty: "error" }))
    }
  }
  const parameters = usable(name, declaration)
  const validator = JsonSchemaValidator.make(parameters)
  return {
    parameters,
    validate: (args) => {
      const violations = validator.validate(args)
      return Effect.succeed(violations.length === 0 ? valid(args) : invalid(violations))
    }
  }
}

/** A struct without fields is, to Effect, whatever is not null; of a tool it says that there are no arguments. */
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

/** Providers take objects only; a schema that is not usable would fail every call. */
const usable = (name: string, schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema => {
  const violations = JsonSchemaValidator.check(schema)
  if (violations.length > 0) {
    const problems = violations.map(JsonSchemaValidator.describe).join("; ")
    throw new TypeError(`The parameters of tool "${name}" are no JSON Schema: ${problems}.`)
  }
  if (schema["type"] !== "object") {
    throw new TypeError(`The parameters of tool "${name}" have to describe an object, for example a struct.`)
  }
  return schema
}

const refusal = (name: string, violations: ReadonlyArray<JsonSchemaValidator.Violation>): ToolRetry =>
  new ToolRetry({
    message: `The arguments are not valid for the tool "${name}":\n${violations
      .map(({ message, path }) => `- ${path === "" ? "(root)" : path}: ${message}`)
      .join("\n")}\nCall it again with corrected arguments.`
  })

// --- the work ---------------------------------------------------------------------------------------------------------------------

/** The context of one call; the signal is made when it is asked for. */
class Call implements CallContext {
  readonly executionId: string
  readonly taskId: string
  readonly agent: string
  readonly callId: string
  readonly idempotencyKey: string
  #controller: AbortController | undefined

  constructor(context: ToolContext) {
    this.executionId = context.executionId
    this.taskId = context.taskId
    this.agent = context.agent
    this.callId = context.callId
    this.idempotencyKey = context.idempotencyKey
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  abort(): void {
    this.#controller?.abort()
  }
}

const run = (name: string, call: Call, work: (call: Call) => unknown): Effect.Effect<Schema.Json, ToolError> =>
  Effect.suspend(() => {
    let returned: unknown
    try {
      returned = work(call)
    } catch (error) {
      return Effect.fail(toolError(error))
    }
    if (Effect.isEffect(returned)) {
      // Options.execute says that it needs no services.
      return (returned as Effect.Effect<unknown, unknown>).pipe(
        Effect.mapError(toolError),
        Effect.flatMap((value) => toJson(name, value)),
        Effect.catchDefect((defect) => Effect.fail(toolError(defect)))
      )
    }
    if (!isPromiseLike(returned)) return toJson(name, returned)
    const promise = returned
    return Effect.callback<Schema.Json, ToolError>((resume) => {
      promise.then(
        (value) => resume(toJson(name, value)),
        (error: unknown) => resume(Effect.fail(toolError(error)))
      )
    })
    // Around all of it: the interruption may come while the function itself still runs.
  }).pipe(Effect.onInterrupt(() => Effect.sync(() => call.abort())))

const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const toJson = (name: string, value: unknown): Effect.Effect<Schema.Json, ToolFailed> => {
  if (value === undefined || value === null) return Effect.succeed(null)
  if (typeof value === "string" || typeof value === "boolean") return Effect.succeed(value)
  try {
    const json = JSON.stringify(value)
    if (json !== undefined) return Effect.succeed(JSON.parse(json))
    return Effect.fail(new ToolFailed({ message: `The tool "${name}" returned a ${typeof value}, which is no JSON.` }))
  } catch (error) {
    const reason = error instanceof RangeError ? `it ${JsonDepth.tooDeep}` : messageOf(error)
    const message = `The tool "${name}" returned what is no JSON: ${reason}`
    return Effect.fail(new ToolFailed({ message, cause: error }))
  }
}

const toolError = (error: unknown): ToolError =>
  error instanceof ToolRetry || error instanceof ToolFailed
    ? error
    : new ToolFailed({ message: redact(messageOf(error)), cause: error })

const longest = 4_000

/** What went wrong, down to the first cause. */
const messageOf = (error: unknown): string => {
  const messages: Array<string> = []
  for (let current = error, depth = 0; current !== undefined && depth < 5; depth++) {
    const message = current instanceof Error ? current.message || current.name : textOf(current)
    // Wrapping errors often repeat what they wrap.
    if (!messages.some((known) => known.includes(message))) messages.push(message)
    current = current instanceof Error ? current.cause : undefined
  }
  const text = messages.join(": ")
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

const textOf = (thrown: unknown): string => {
  if (typeof thrown === "string") return thrown
  try {
    return JSON.stringify(thrown) ?? typeof thrown
  } catch {
    // It contains itself, or is nested too deeply.
    return typeof thrown
  }
}
