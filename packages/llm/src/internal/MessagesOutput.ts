/**
 * How Anthropic is asked for output of a schema: by its own structured output where the model and the schema allow it, else by a tool
 * whose arguments are the output. Both take objects only; another root is left to the prompt and to the caller's validation.
 *
 * Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
import type { JSONOutputFormat, Tool } from "@anthropic-ai/sdk/resources/messages"
import type { Request } from "@crewline/core/Llm"
import type { JsonSchema } from "effect/JsonSchema"

export interface Means {
  readonly format?: JSONOutputFormat
  readonly tool?: Tool
}

export const means = (model: string, request: Request): Means => {
  const { output } = request
  if (output === undefined || output.schema["type"] !== "object") return {}
  if (!isOlder(model) && accepts(output.schema, 0)) {
    return { format: { type: "json_schema", schema: withoutDialect(output.schema) } }
  }
  const taken = new Set(request.tools.map(({ name }) => name))
  let name = "final_output"
  while (taken.has(name)) name += "_"
  const description = "Gives the final answer. Call it once, when the answer is complete."
  return { tool: { name, description, input_schema: inputSchema(output.schema) } }
}

/** The schema of a tool's arguments, which is always one of an object. */
export const inputSchema = (schema: JsonSchema): Tool.InputSchema => ({ ...withoutDialect(schema), type: "object" })

const withoutDialect = (schema: JsonSchema): { [key: string]: unknown } => {
  const { $schema: _, ...rest } = schema
  return rest
}

/** Claude 2 and 3, and 4.0: the models from before structured output. Others, unknown ones too, have it. */
const isOlder = (model: string): boolean =>
  /claude-(instant|[23])/.test(model) || /claude-(opus|sonnet)-4(-0|-2025\d{4}|@2025\d{4})?$/.test(model)

const keywords = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "$ref",
  "title",
  "description",
  "default",
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "minItems",
  "anyOf",
  "allOf",
  "format"
])

const formats = new Set(["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"])

const maxDepth = 10

/**
 * Whether the provider takes the schema as it is: it refuses any other keyword, objects with open ends, and definitions that refer
 * to themselves (here: to any).
 */
const accepts = (schema: unknown, depth: number, defining = false): boolean => {
  if (!isSchema(schema) || depth > maxDepth) return false
  for (const key of Object.keys(schema)) if (!keywords.has(key)) return false
  const all = (children: ReadonlyArray<unknown>): boolean =>
    children.every((child) => accepts(child, depth + 1, defining))
  const { $defs, $ref, type, format, anyOf, allOf, items, minItems } = schema
  if ($defs !== undefined) {
    if (!isSchema($defs) || !Object.values($defs).every((child) => accepts(child, depth + 1, true))) return false
  }
  if ($ref !== undefined) return !defining && typeof $ref === "string" && $ref.startsWith("#/$defs/")
  if (format !== undefined && !(typeof format === "string" && formats.has(format))) return false
  if (minItems !== undefined && minItems !== 0 && minItems !== 1) return false
  if (anyOf !== undefined && !(Array.isArray(anyOf) && all(anyOf))) return false
  if (allOf !== undefined && !(Array.isArray(allOf) && all(allOf))) return false
  const types = Array.isArray(type) ? type : [type]
  if (types.includes("object")) {
    const { properties, additionalProperties } = schema
    if (additionalProperties !== false || !isSchema(properties) || !all(Object.values(properties))) return false
  }
  if (types.includes("array") && !all([items])) return false
  return [type, anyOf, allOf, schema["enum"], schema["const"]].some((given) => given !== undefined)
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value)
