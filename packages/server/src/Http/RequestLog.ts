/**
 * One log line per request: the operation, the tenant and the response. URLs are logged without
 * their query.
 *
 * Everything that is logged of a request carries its trace: that of the tracer, or where none is in
 * use that of the header `traceparent`, or else a new one.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { randomBytes } from "node:crypto"

/** Facts about a request that are collected while it is handled. */
interface Draft {
  tenant?: string
}

const Draft: Context.Reference<Draft> = Context.Reference<Draft>("@crewline/server/Http/RequestLog/Draft", {
  defaultValue: () => ({})
})

/** The tenant that the caller acts for. */
export const isFor = (tenant: string): Effect.Effect<void> =>
  Effect.map(Draft, (draft) => {
    draft.tenant = tenant
  })

const newTrace = () => {
  const id = randomBytes(24).toString("hex")
  return Tracer.externalSpan({ traceId: id.slice(0, 32), spanId: id.slice(32), sampled: false })
}

const traced = <A, E, R>(app: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    if ((yield* Tracer.Tracer) !== Tracer.nativeTracer) return yield* app
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const span = Option.getOrElse(HttpTraceContext.fromHeaders(headers), newTrace)
    return yield* Effect.provideService(app, Tracer.ParentSpan, span)
  })

const maxPath = 200

const execution = /\/executions\/([\w-]{1,128})/

/** Logs the requests that an application answers; those of probes only at the level `debug`. */
export const logged = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function* () {
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    const startedAt = yield* Clock.currentTimeMillis
    const path = url.split("?", 1)[0]!.slice(0, maxPath)
    const draft: Draft = {}
    return yield* Effect.onExit(
      Effect.provideService(app, Draft, draft),
      Effect.fnUntraced(function* (exit) {
        const durationMillis = (yield* Clock.currentTimeMillis) - startedAt
        const response = Exit.isSuccess(exit) ? exit.value : undefined
        const executionId = execution.exec(response?.headers["location"] ?? path)?.[1]
        const line =
          response !== undefined && response.status >= 500
            ? Effect.logWarning
            : path.startsWith("/health/")
              ? Effect.logDebug
              : Effect.logInfo
        yield* Effect.annotateLogs(line(response === undefined ? "Request aborted" : "Request answered"), {
          method,
          path,
          ...(response !== undefined && { status: response.status }),
          durationMillis,
          ...(executionId !== undefined && { executionId }),
          ...draft
        })
      })
    )
  }).pipe(traced)
