/**
 * JSON Schemas as providers take them.
 */
import type { JsonSchema } from "effect/JsonSchema"

/** Without `$schema`: providers do not ask for it, and some refuse it. */
export const withoutDialect = (schema: JsonSchema): { [key: string]: unknown } => {
  const { $schema: _, ...rest } = schema
  return rest
}
