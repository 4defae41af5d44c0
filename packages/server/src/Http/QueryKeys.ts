/**
 * Refuses query keys of operations that take none; the others refuse keys unknown to their schema.
 */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import { QueryKeys } from "../Api/QueryKeys.ts"
import * as ErrorList from "./ErrorList.ts"
import * as RequestBody from "./RequestBody.ts"

const refuse = Effect.flatMap(HttpServerRequest.ParsedSearchParams, (query) => {
  const keys = Object.keys(query)
  if (keys.length === 0) return Effect.void
  const errors = keys.slice(0, ErrorList.maxErrors).map((key) => ({
    path: ["query", key],
    code: "unknown-key",
    message: `query.${key} is not a valid key: this endpoint has no query parameters.`
  }))
  return Effect.fail(RequestBody.invalid(errors, keys.length - errors.length))
})

export const layer: Layer.Layer<QueryKeys> = Layer.succeed(QueryKeys, (handler, { endpoint }) =>
  endpoint.query === undefined ? Effect.andThen(refuse, handler) : handler
)
