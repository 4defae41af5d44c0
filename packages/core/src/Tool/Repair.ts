/**
 * Repairs arguments that do not match the schema where the intent is unambiguous: a number as text,
 * JSON as text, one value where a list is expected, `null` for an optional argument, a key in
 * another spelling. Repaired arguments are used only if they are valid; otherwise the arguments are
 * unchanged, and the model receives the validation errors.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import type { Tool, ToolRetry } from "./Definition.ts"
import * as ResolvedArguments from "./ResolvedArguments.ts"

/**
 * The arguments of a call as policies and the tool receive them: under their declared names, and
 * repaired. Fails when two names of one argument have different values.
 */
export const ready = (tool: Tool, args: Schema.JsonObject): Result.Result<Schema.JsonObject, ToolRetry> =>
  Result.flatMap(ResolvedArguments.resolve(tool, args), (named) => {
    const repaired = repair(tool.parameters, named)
    // Unwrapped arguments may use other names, too.
    return repaired === named ? Result.succeed(named) : ResolvedArguments.resolve(tool, repaired)
  })

/** The arguments, repaired where they are invalid and a repair is possible. */
export const repair = (parameters: JsonSchema.JsonSchema, args: Schema.JsonObject): Schema.JsonObject => {
  const { validate } = JsonSchemaValidator.make(parameters)
  if (validate(args).length === 0) return args
  const mended = mend(parameters, args, 0)
  return Predicate.isReadonlyObject(mended) && validate(mended).length === 0 ? (mended as Schema.JsonObject) : args
}

/** Parses arguments that were sent as text, if the text is a JSON object. */
export const parsed = (params: unknown): unknown => {
  if (typeof params !== "string") return params
  const value = fromJson(params)
  return isObject(value) ? value : params
}

const maxDepth = 8

const mend = (schema: unknown, value: Schema.Json, depth: number): Schema.Json => {
  if (!Predicate.isReadonlyObject(schema) || depth > maxDepth) return value
  const types = typesOf(schema)
  if (types.length === 0) return value
  const fitting = convert(schema, types, value)
  if (isObject(fitting)) return mendObject(schema, fitting, depth)
  if (Array.isArray(fitting) && Predicate.isReadonlyObject(schema["items"])) {
    const list: ReadonlyArray<Schema.Json> = fitting
    return list.map((item) => mend(schema["items"], item, depth + 1))
  }
  return fitting
}

const typesOf = (schema: { readonly [key: string]: unknown }): ReadonlyArray<string> => {
  const { type } = schema
  if (typeof type === "string") return [type]
  if (Array.isArray(type)) return type.filter((each) => typeof each === "string")
  return Array.isArray(schema["enum"]) ? ["string"] : []
}

/** A value as one of the types, where that is not ambiguous. */
const convert = (
  schema: { readonly [key: string]: unknown },
  types: ReadonlyArray<string>,
  value: Schema.Json
): Schema.Json => {
  if (types.some((type) => JsonSchemaValidator.isOf(type, value))) return ofEnum(schema, value)
  // With several types, the intended one is ambiguous.
  const [type] = types.filter((each) => each !== "null")
  if (type === undefined || types.filter((each) => each !== "null").length > 1) return value
  if (typeof value === "string") {
    const read = fromJson(value.trim())
    if (read !== undefined && JsonSchemaValidator.isOf(type, read)) return read
  }
  if (type === "string" && (typeof value === "number" || typeof value === "boolean"))
    return ofEnum(schema, String(value))
  if (type === "array" && value !== null) return [value]
  return value
}

/** The value of the schema's enum that matches, ignoring case. */
const ofEnum = (schema: { readonly [key: string]: unknown }, value: Schema.Json): Schema.Json => {
  const { enum: values } = schema
  if (typeof value !== "string" || !Array.isArray(values) || values.includes(value)) return value
  const same = values.filter((each) => typeof each === "string" && each.toLowerCase() === value.trim().toLowerCase())
  return same.length === 1 ? (same[0] as string) : value
}

const mendObject = (
  schema: { readonly [key: string]: unknown },
  value: Schema.JsonObject,
  depth: number
): Schema.JsonObject => {
  const { properties, required } = schema
  if (!Predicate.isReadonlyObject(properties)) return value
  const names = Object.keys(properties)
  const isRequired = (name: string) => Array.isArray(required) && required.includes(name)
  const unwrapped = unwrap(names, value)
  const mended = new Map<string, Schema.Json>()
  for (const [key, given] of Object.entries(unwrapped)) {
    const name = Object.hasOwn(properties, key) ? key : (spelledLike(key, names, unwrapped) ?? key)
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    // An optional value that must not be null was probably omitted.
    if (given === null && property !== undefined && !isRequired(name) && !allowsNull(property)) continue
    mended.set(name, property === undefined ? given : mend(property, given, depth + 1))
  }
  return Object.fromEntries(mended)
}

const allowsNull = (schema: unknown): boolean =>
  !Predicate.isReadonlyObject(schema) || typesOf(schema).length === 0 || typesOf(schema).includes("null")

const wrappers: ReadonlyArray<string> = ["arguments", "args", "input", "parameters", "params"]

/** Unwraps arguments from an object that contains nothing else. */
const unwrap = (names: ReadonlyArray<string>, value: Schema.JsonObject): Schema.JsonObject => {
  const [key, ...others] = Object.keys(value)
  if (key === undefined || others.length > 0 || names.includes(key) || !wrappers.includes(key)) return value
  const inner = value[key]!
  const read = typeof inner === "string" ? fromJson(inner) : inner
  return isObject(read) ? read : value
}

const folded = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, "")

/** The only name that differs just in case, hyphens and underscores, and was not given itself. */
const spelledLike = (key: string, names: ReadonlyArray<string>, given: Schema.JsonObject): string | undefined => {
  const same = names.filter((name) => folded(name) === folded(key) && !Object.hasOwn(given, name))
  const rivals = Object.keys(given).filter((other) => folded(other) === folded(key))
  return same.length === 1 && rivals.length === 1 ? same[0] : undefined
}

const isObject = (value: Schema.Json | undefined): value is Schema.JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fromJson = (text: string): Schema.Json | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    // Keys with a special meaning in JavaScript are never intended.
    return JsonDepth.isTooDeep(value) || /"__proto__"/.test(text) ? undefined : (value as Schema.Json)
  } catch {
    return undefined
  }
}
