/**
 * Conditional requests (RFC 9110, 13.1.2). Every successful answer to a GET carries an ETag, and a
 * client that names it in `If-None-Match` is answered 304, without the body. Streams have no ETag,
 * because their content is not known when they begin.
 *
 * The ETags are strong. A resource has its version, which `If-Match` takes too; every other answer
 * has the hash of its bytes. They are compared as weak ones all the same, because a proxy that
 * compresses an answer weakens its ETag.
 */
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { hash } from "node:crypto"

/** Clients may cache an answer, but must revalidate it each time; shared caches may not. */
const cacheControl = "private, no-cache"

const etagOf = ({ body, headers }: HttpServerResponse.HttpServerResponse): string | undefined => {
  if (headers["etag"] !== undefined) return headers["etag"]
  return body._tag === "Uint8Array" ? `"${hash("sha1", body.text ?? body.body, "base64url")}"` : undefined
}

/** The answer with its ETag. */
export const tagged = (response: HttpServerResponse.HttpServerResponse, etag: string) =>
  response.headers["etag"] === etag && response.headers["cache-control"] === cacheControl
    ? response
    : HttpServerResponse.setHeaders(response, { "cache-control": cacheControl, etag })

/** Whether one of the ETags that a header names is this one. */
const names = (ifNoneMatch: string, etag: string): boolean =>
  ifNoneMatch.trim() === "*" || ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)

/**
 * Adds an ETag to the answers of an application, and leaves the body out where the client has it.
 */
export const answer = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, method }) => {
    if (method !== "GET" && method !== "HEAD") return app
    return Effect.map(app, (response) => {
      if (response.status !== 200) return response
      const etag = etagOf(response)
      if (etag === undefined) return response
      const ifNoneMatch = headers["if-none-match"]
      const found = tagged(response, etag)
      if (ifNoneMatch === undefined || !names(ifNoneMatch, etag)) return found
      return HttpServerResponse.setStatus(HttpServerResponse.setBody(found, HttpBody.empty), 304)
    })
  })
