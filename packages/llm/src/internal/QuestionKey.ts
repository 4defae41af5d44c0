/**
 * What makes two calls the same question: model, parameters, messages, tools and schema. Who asks, and under which limits, does not.
 */
import type * as Llm from "@crewline/core/Llm"
import { createHash } from "node:crypto"

/** The same content has the same key, in whatever order its fields stand. `clean` sees the text that is hashed. */
export const of = (reference: string, request: Llm.Request, clean?: (text: string) => string): string => {
  const { messages, options, output, toolChoice, tools } = request
  const json = JSON.stringify([reference, options, messages, toolChoice, tools, output], sorted)
  return createHash("sha256")
    .update(clean === undefined ? json : clean(json))
    .digest("base64url")
}

/** The same values have the same digest, in whatever order their fields stand. */
export const digest = (values: ReadonlyArray<unknown>): string =>
  createHash("sha256").update(JSON.stringify(values, sorted)).digest("base64url")

const sorted = (_: string, value: unknown): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
