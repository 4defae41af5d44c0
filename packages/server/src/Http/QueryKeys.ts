/**
 * Refuses query keys of operations that take none; the others refuse keys unknown to their schema.
 */
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
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

/** Pages that are not operations of the API. */
const pages = /^\/(docs|openapi\.json|problems(\/[^/]*)?)?\/?$/i

/** The same for pages. */
export const onPages = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) => {
    const [path = "", ...query] = url.split("?")
    if (query.length === 0 || !pages.test(path)) return app
    const refused = Effect.provideService(
      refuse,
      HttpServerRequest.ParsedSearchParams,
      HttpServerRequest.searchParamsFromURL(new URL(url, "http://localhost"))
    )
    return Effect.matchEffect(refused, { onFailure: HttpServerRespondable.toResponse, onSuccess: () => app })
  })

export const layer: Layer.Layer<QueryKeys> = Layer.succeed(QueryKeys, (handler, { endpoint }) =>
  endpoint.query === undefined ? Effect.andThen(refuse, handler) : handler
)
