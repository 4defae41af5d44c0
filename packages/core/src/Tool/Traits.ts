/** Properties of a tool besides its function, for policies, lists and limits. */
import * as Schema from "effect/Schema"

export { defaultKind, Kind } from "../Policy.ts"

/**
 * Where a tool comes from: with Crewline, from the application's code, or from an OpenAPI document.
 */
export const Source = Schema.Literals(["built-in", "code", "openapi"])
export type Source = typeof Source.Type

/** Maximum length of a result for a model, in characters of JSON: about 8,000 tokens. */
export const defaultMaxResult = 32_000
