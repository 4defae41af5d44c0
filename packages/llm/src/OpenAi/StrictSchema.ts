/**
 * Whether a JSON Schema is one that OpenAI's strict structured output accepts: every property
 * required, no other properties, and only keywords from a list. In doubt it is not: a schema
 * wrongly called strict is refused by the provider, one wrongly called loose is merely followed
 * less closely (and its answer validated all the same).
 *
 * Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
import type { JsonSchema } from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"

const keywords = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "$ref",
  "title",
  "description",
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "minItems",
  "maxItems",
  "anyOf",
  "pattern",
  "format",
  "multipleOf",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum"
])

const formats = new Set(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"])

const maxDepth = 10

const answers = new WeakMap<JsonSchema, boolean>()

/** True when every part of the schema keeps to the rules. */
export const qualifies = (schema: JsonSchema): boolean => {
  const known = answers.get(schema)
  if (known !== undefined) return known
  const answer = schema["type"] === "object" && schema["anyOf"] === undefined && accepts(schema, 0)
  answers.set(schema, answer)
  return answer
}

const accepts = (schema: unknown, depth: number): boolean => {
  if (!Predicate.isReadonlyObject(schema) || depth > maxDepth) return false
  for (const key of Object.keys(schema)) if (!keywords.has(key)) return false
  const { $defs, $ref, type, format, anyOf, items } = schema
  if (
    $defs !== undefined &&
    !(Predicate.isReadonlyObject($defs) && Object.values($defs).every((child) => accepts(child, 0)))
  )
    return false
  if ($ref !== undefined) return typeof $ref === "string" && $ref.startsWith("#")
  if (format !== undefined && !(typeof format === "string" && formats.has(format))) return false
  if (anyOf !== undefined) return Array.isArray(anyOf) && anyOf.every((child) => accepts(child, depth + 1))
  const types = Array.isArray(type) ? type : [type]
  if (types.includes("object") && !acceptsObject(schema, depth)) return false
  if (types.includes("array") && !accepts(items, depth + 1)) return false
  return type !== undefined || schema["enum"] !== undefined || schema["const"] !== undefined
}

const acceptsObject = (schema: JsonSchema, depth: number): boolean => {
  const { properties, required, additionalProperties } = schema
  if (additionalProperties !== false || !Predicate.isReadonlyObject(properties) || !Array.isArray(required))
    return false
  return Object.entries(properties).every(([name, child]) => required.includes(name) && accepts(child, depth + 1))
}
