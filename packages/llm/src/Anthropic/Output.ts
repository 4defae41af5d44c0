/**
 * Requests output with a schema from Anthropic: as structured output if the model and the schema
 * support it, otherwise with a tool whose arguments are the output. Both accept only objects; other
 * root types rely on the prompt and the caller's validation.
 *
 * Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
import type { JSONOutputFormat, Tool } from "@anthropic-ai/sdk/resources/messages"
import type { Request } from "@crewline/core/Llm"
import type { JsonSchema } from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type { Feature } from "../Provider/Capabilities.ts"
import * as SchemaDialect from "../Provider/SchemaDialect.ts"
import type { TransformJsonSchema } from "./Sdk.ts"

export interface Means {
  readonly format?: JSONOutputFormat
  readonly tool?: Tool
}

interface Options {
  readonly model: string
  readonly lacking: ReadonlySet<Feature>
  readonly transform: TransformJsonSchema
}

export const means = ({ lacking, model, transform }: Options, request: Request): Means => {
  const { output } = request
  if (output === undefined || output.schema["type"] !== "object") return {}
  const format = lacking.has("json_schema") || isOlder(model) ? null : formatOf(output.schema, transform)
  if (format !== null) return { format }
  const taken = new Set(request.tools.map(({ name }) => name))
  let name = "final_output"
  while (taken.has(name)) name += "_"
  const description = "Gives the final answer. Call it once, when the answer is complete."
  return { tool: { name, description, input_schema: inputSchema(output.schema) } }
}

/** The schema of a tool's arguments, which is always one of an object. */
export const inputSchema = (schema: JsonSchema): Tool.InputSchema => ({
  ...SchemaDialect.withoutDialect(schema),
  type: "object"
})

/**
 * Claude 2 and 3, and 4.0: the models from before structured output. Others, unknown ones too, have
 * it.
 */
const isOlder = (model: string): boolean =>
  /claude-(instant|[23])/.test(model) || /claude-(opus|sonnet)-4(-0|-2025\d{4}|@2025\d{4})?$/.test(model)

const formats = new WeakMap<JsonSchema, JSONOutputFormat | null>()

/**
 * The schema in the provider's words, or `null` where it has none for it. What it cannot enforce
 * moves to descriptions.
 */
const formatOf = (schema: JsonSchema, transform: TransformJsonSchema): JSONOutputFormat | null => {
  const known = formats.get(schema)
  if (known !== undefined) return known
  let format: JSONOutputFormat | null = null
  if (isClosed(schema, false)) {
    try {
      format = { type: "json_schema", schema: transform(schema) }
    } catch {
      // Something has no type: the SDK cannot translate it.
    }
  }
  formats.set(schema, format)
  return format
}

/**
 * Whether every object is one of known properties: the provider closes objects, so a map would
 * always be empty. Definitions must not refer to themselves (here: to any), and what is an object
 * or an array must be just that.
 */
const isClosed = (schema: unknown, defining: boolean): boolean => {
  if (!Predicate.isReadonlyObject(schema)) return false
  const { $defs, $ref, additionalProperties, allOf, anyOf, items, oneOf, patternProperties, properties, type } = schema
  if ($ref !== undefined && (defining || typeof $ref !== "string" || !$ref.startsWith("#/$defs/"))) return false
  // Others than the named properties are merely allowed by `true`: nothing is lost without them.
  if (Predicate.isReadonlyObject(additionalProperties) || patternProperties !== undefined) return false
  if (type === "object" && children(properties).length === 0) return false
  if (Array.isArray(type) && (type.includes("object") || type.includes("array"))) return false
  return (
    children($defs).every((child) => isClosed(child, true)) &&
    [...children(properties), ...children(anyOf), ...children(oneOf), ...children(allOf)].every((child) =>
      isClosed(child, defining)
    ) &&
    (items === undefined || isClosed(items, defining))
  )
}

const children = (value: unknown): ReadonlyArray<unknown> =>
  typeof value === "object" && value !== null ? Object.values(value) : []
