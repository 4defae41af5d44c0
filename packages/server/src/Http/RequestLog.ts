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
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as References from "effect/References"
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

/** The lengths of trace and span ids, in hexadecimal digits. */
const traceIdLength = 32
const spanIdLength = 16

/** Generates trace ids; random digits are drawn in batches. */
const idsOfTraces = () => {
  let digits = ""
  let at = 0
  return () => {
    if (at === digits.length) {
      digits = randomBytes(((traceIdLength + spanIdLength) / 2) * 128).toString("hex")
      at = 0
    }
    const middle = at + traceIdLength
    const traceId = digits.slice(at, middle)
    at = middle + spanIdLength
    return { traceId, spanId: digits.slice(middle, at) }
  }
}
const nextIds = idsOfTraces()

const newTrace = () => Tracer.externalSpan({ ...nextIds(), sampled: false })

const maxPath = 200

const execution = /\/executions\/([\w-]{1,128})/

type Response = HttpServerResponse.HttpServerResponse

/** Logs the requests that an application answers; those of probes only at the level `debug`. */
export const logged = <E, R>(
  app: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.contextWith((context: Context.Context<HttpServerRequest.HttpServerRequest>) => {
    const { headers, method, url } = Context.get(context, HttpServerRequest.HttpServerRequest)
    const clock = Context.get(context, Clock.Clock)
    const startedAt = clock.currentTimeMillisUnsafe()
    const path = url.split("?", 1)[0]!.slice(0, maxPath)
    const draft: Draft = {}
    const level = path.startsWith("/health/") ? "Debug" : "Info"

    const log = (exit: Exit.Exit<Response, E>) => {
      const response = Exit.isSuccess(exit) ? exit.value : undefined
      const line = response !== undefined && response.status >= 500 ? "Warn" : level
      if (!LogLevel.isGreaterThanOrEqualTo(line, Context.get(context, References.MinimumLogLevel))) return Effect.void
      const executionId = execution.exec(response?.headers["location"] ?? path)?.[1]
      return Effect.annotateLogs(
        Effect.logWithLevel(line)(response === undefined ? "Request aborted" : "Request answered"),
        {
          method,
          path,
          ...(response !== undefined && { status: response.status }),
          durationMillis: clock.currentTimeMillisUnsafe() - startedAt,
          ...(executionId !== undefined && { executionId }),
          ...draft
        }
      )
    }

    const answered = Effect.onExit(Effect.provideService(app, Draft, draft), log)
    if (Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer) return answered
    const span = Option.getOrElse(HttpTraceContext.fromHeaders(headers), newTrace)
    return Effect.provideService(answered, Tracer.ParentSpan, span)
  })
