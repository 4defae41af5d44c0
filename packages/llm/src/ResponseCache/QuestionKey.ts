/**
 * What makes two calls the same question: model, parameters, messages, tools and schema. Who asks,
 * and under which limits, does not.
 */
import * as CanonicalJson from "@crewline/core/CanonicalJson"
import type * as Llm from "@crewline/core/Llm"
import { hash } from "node:crypto"

/**
 * The same content has the same key, in whatever order its fields stand. `clean` sees the text that
 * is hashed.
 */
export const of = (reference: string, request: Llm.Request, clean?: (text: string) => string): string => {
  const { messages, options, output, toolChoice, tools } = request
  const json = CanonicalJson.stringify([reference, options, messages, toolChoice, tools, output])
  return hash("sha256", clean === undefined ? json : clean(json), "base64url")
}

/** The same values have the same digest, in whatever order their fields stand. */
export const digest = (values: ReadonlyArray<unknown>): string =>
  hash("sha256", CanonicalJson.stringify(values), "base64url")
