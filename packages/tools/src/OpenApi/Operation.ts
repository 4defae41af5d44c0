/**
 * An operation of an OpenAPI document as far as a call needs it: plain JSON, which can be stored
 * without the document.
 */
import type * as Schema from "effect/Schema"

export const methods = ["get", "head", "post", "put", "patch", "delete"] as const
export type Method = (typeof methods)[number]

/** How the argument of a parameter becomes a part of the request. */
export interface Input {
  /** The name of the argument. */
  readonly argument: string
  /** The name of the parameter in the request. */
  readonly name: string
  readonly in: "path" | "query" | "header"
  /** `json`: as JSON text. Otherwise the style of the document. */
  readonly style: "simple" | "form" | "spaceDelimited" | "pipeDelimited" | "deepObject" | "json"
  readonly explode: boolean
}

export interface Operation {
  /** The name of the tool. */
  readonly name: string
  readonly description: string
  readonly method: Method
  /** Absolute, with `{name}` in place of each path parameter. */
  readonly url: string
  /** JSON Schema (2020-12) of the arguments: one for each input, and `body`. */
  readonly parameters: Schema.JsonObject
  readonly inputs: ReadonlyArray<Input>
  /** The media type of the argument `body`; absent: the request has no body. */
  readonly body?: string
}
