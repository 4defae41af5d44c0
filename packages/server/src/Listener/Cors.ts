/**
 * Allows pages of allowed hosts to read responses (CORS). `OriginCheck` has decided before which
 * origins are served; pages of the server itself need no CORS. Credentials are bearer tokens, never
 * cookies.
 */
import type * as Http from "node:http"

/** Response headers that pages may read. */
const exposed = "etag, link, location, ratelimit, ratelimit-policy, retry-after"

const preflightSeconds = "600"

/** Whether the request comes from a page of another host. */
const isForeign = (origin: string, host = ""): boolean =>
  !URL.canParse(origin) || new URL(origin).host !== host.toLowerCase()

/**
 * Adds what a browser needs to the answer of a request that is served; true: it was a preflight,
 * and is answered.
 */
export const answer = (request: Http.IncomingMessage, response: Http.ServerResponse): boolean => {
  const { headers, method } = request
  const { origin } = headers
  if (origin === undefined || !isForeign(origin, headers.host)) return false
  response.setHeader("access-control-allow-origin", origin)
  response.setHeader("vary", "origin")
  const asked = headers["access-control-request-method"]
  if (method !== "OPTIONS" || asked === undefined) {
    response.setHeader("access-control-expose-headers", exposed)
    return false
  }
  const wanted = headers["access-control-request-headers"]
  response.writeHead(204, {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    ...(wanted !== undefined && { "access-control-allow-headers": wanted }),
    "access-control-max-age": preflightSeconds
  })
  response.end()
  return true
}
