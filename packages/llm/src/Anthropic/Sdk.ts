/** The package `@anthropic-ai/sdk`. */
import type * as Anthropic from "@anthropic-ai/sdk"
import type * as Transform from "@anthropic-ai/sdk/lib/transform-json-schema"
import * as OptionalSdk from "../Provider/OptionalSdk.ts"

export type TransformJsonSchema = (typeof Transform)["transformJSONSchema"]

export interface Sdk {
  readonly anthropic: typeof Anthropic
  readonly transformJsonSchema: TransformJsonSchema
}

export const load = async (): Promise<Sdk> => {
  const absent = OptionalSdk.named("@anthropic-ai/sdk", "Anthropic")
  const anthropic = await import("@anthropic-ai/sdk").catch(absent)
  const { transformJSONSchema } = await import("@anthropic-ai/sdk/lib/transform-json-schema").catch(absent)
  return { anthropic, transformJsonSchema: transformJSONSchema }
}
