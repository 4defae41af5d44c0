/**
 * The last handler of every request: unanswered requests become problems. Details of a defect go to
 * the log only, never to the client.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Api } from "../Api.ts"
import { Problems } from "../Api/ProblemMiddleware.ts"
import * as Problem from "../Api/Problem.ts"
import * as Patience from "../Patience.ts"
import * as RequestBody from "./RequestBody.ts"

/** Parameters that cannot be decoded, with every one of them named. */
export const layerProblems: Layer.Layer<Problems> = HttpApiMiddleware.layerSchemaErrorTransform(Problems, (error) =>
  error.kind === "Body" || error.kind === "ResponseHeaders"
    ? Effect.die(error)
    : Effect.fail(invalidParameters(RequestBody.fieldErrors(error.cause, [error.kind.toLowerCase()])))
)

const invalidParameters = ({ errors, more }: RequestBody.FieldErrors) => RequestBody.invalid(errors, more)

interface Pattern {
  readonly matches: RegExp
  readonly method: string
}

const pattern = (method: string, path: string): Pattern => ({
  method,
  matches: new RegExp(`^${path.replace(/\/$/, "").replaceAll(/:[a-zA-Z]+/g, "[^/]+")}/?$`, "i")
})

const patterns: ReadonlyArray<Pattern> = [
  ...Object.values(Api.groups).flatMap((group) =>
    Object.values(group.endpoints).map((endpoint) => pattern(endpoint.method, endpoint.path))
  ),
  ...[
    "/",
    "/docs",
    "/openapi.json",
    "/problems",
    "/problems/:code",
    "/api/v1/executions/:id/ws",
    "/api/v1/feed/ws"
  ].map((path) => pattern("GET", path))
]

/** The methods of a path; none when there is no such path. */
export const methods = (path: string): ReadonlyArray<string> => {
  const found = new Set(patterns.filter(({ matches }) => matches.test(path)).map(({ method }) => method))
  return found.has("GET") ? [...found, "HEAD"] : [...found]
}

const noRoute = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const path = request.url.split("?", 1)[0] ?? "/"
  const allow = methods(path)
  return allow.length === 0
    ? HttpServerRespondable.toResponse(
        Problem.make("no-such-route", { detail: `There is no resource at ${path}; /openapi.json lists all paths.` })
      )
    : Effect.map(
        HttpServerRespondable.toResponse(
          Problem.make("method-not-allowed", {
            allow,
            detail: `${path} does not support ${request.method}: use ${allow.join(", ")}.`
          })
        ),
        HttpServerResponse.setHeader("allow", allow.join(", "))
      )
}

/** The response to the client after a defect. */
export const fault = Problem.make("internal-error", {
  detail: "The server failed; its log has details."
})

/**
 * How long a handler may take until its answer begins; after that it is waiting for a dependency
 * that does not respond.
 */
const handlerPatience = "30 seconds"

const overdue = HttpServerRespondable.toResponse(
  Problem.make("unavailable", {
    detail: `The request took more than ${handlerPatience} because a dependency of the server does not answer; /health/ready names it.`
  })
)

/**
 * A request begins uninterruptibly. One that only reads is interrupted when its client hangs up,
 * and the statements that it waits for with it; one that changes something runs to its end, as a
 * disconnected client expects.
 */
const mayLeave = <A, E, R>(app: Effect.Effect<A, E, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) =>
    method === "GET" || method === "HEAD" ? Effect.interruptible(app) : app
  )

/** Answers what the router and the handlers left open. */
export const answer = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> =>
  Effect.catchCause(mayLeave(Patience.within(app, { duration: handlerPatience, orElse: () => overdue })), (cause) =>
    Effect.gen(function* () {
      if (Cause.hasInterruptsOnly(cause)) return yield* Effect.interrupt
      const request = yield* HttpServerRequest.HttpServerRequest
      const error = Option.getOrUndefined(Cause.findErrorOption(cause))
      if (HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound") {
        return yield* noRoute(request)
      }
      yield* Effect.logError(`${request.method} ${request.url.split("?", 1)[0]} failed`, cause)
      return yield* HttpServerRespondable.toResponse(fault)
    })
  )
