/** What is known of a tool besides its function: for policies, lists and limits. */
import * as Schema from "effect/Schema"

/**
 * What a call does at most: reads, changes files, runs code, or reaches another machine. A tool
 * that does several has the last of them.
 */
export const Kind = Schema.Literals(["read", "write", "execute", "network"])
export type Kind = typeof Kind.Type

/** The kind of a tool that declares none: nothing is known about its code. */
export const defaultKind: Kind = "execute"

/**
 * Where a tool comes from: with Crewline, from the application's code, or from an OpenAPI document.
 */
export const Source = Schema.Literals(["built-in", "code", "openapi"])
export type Source = typeof Source.Type

/** The most characters of a result, as JSON, that a model is shown at once: some 8,000 tokens. */
export const defaultMaxResult = 32_000
