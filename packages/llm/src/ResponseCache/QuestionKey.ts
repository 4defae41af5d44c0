/**
 * What makes two calls the same question: model, parameters, messages, tools and schema. Who asks, and under which limits, does not.
 */
import type * as Llm from "@crewline/core/Llm"
import { hash } from "node:crypto"

/** The same content has the same key, in whatever order its fields stand. `clean` sees the text that is hashed. */
export const of = (reference: string, request: Llm.Request, clean?: (text: string) => string): string => {
  const { messages, options, output, toolChoice, tools } = request
  const json = JSON.stringify(sorted([reference, options, messages, toolChoice, tools, output]))
  return hash("sha256", clean === undefined ? json : clean(json), "base64url")
}

/** The same values have the same digest, in whatever order their fields stand. */
export const digest = (values: ReadonlyArray<unknown>): string =>
  hash("sha256", JSON.stringify(sorted(values)), "base64url")

/** The same with the fields of all objects in order. A replacer would do, in three times the time. */
const sorted = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  if ("toJSON" in value && typeof value.toJSON === "function") return sorted(value.toJSON())
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sorted(child)])
  )
}
