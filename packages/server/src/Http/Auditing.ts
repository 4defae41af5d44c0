/**
 * Audits every operation of the API whose method is not GET, whatever its outcome, and every
 * refusal. New operations are covered automatically. Sockets, which are not operations, audit their
 * messages with `around`.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { readsByPost } from "../Api.ts"
import { Auditing } from "../Api/Audit.ts"
import * as Problem from "../Api/Problem.ts"
import * as AuditLog from "../AuditLog.ts"
import * as ClientAddress from "../Listener/ClientAddress.ts"

export interface Operation {
  /** As OpenAPI names it. */
  readonly operation: string
  readonly isMutating: boolean
  /** Whether its answer waits until the entry is stored. */
  readonly waits: boolean
  readonly resource?: string | undefined
  /** The address of the caller; determined only if there is an entry. */
  readonly address: () => string | undefined
  readonly details?: AuditLog.Details
}

/**
 * Operations on executions are frequent and also recorded in their own log; anything else is
 * answered only after its entry is stored.
 */
const isLogged = (group: string) => ["executions", "inbox", "queue"].includes(group)

interface Outcome {
  readonly status: number
  readonly code?: string
  /** The id of the created resource. */
  readonly made?: string | undefined
}

/** It took too long, or the server is stopping: the outcome is unknown. */
const cutOff: Outcome = { status: 503, code: "unavailable" }

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) {
    if (!HttpServerResponse.isHttpServerResponse(exit.value)) return { status: 200 }
    const { headers, status } = exit.value
    return { status, made: headers["location"]?.split("/").at(-1) }
  }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (Problem.isProblem(error)) return { status: error.status, code: error.code }
  return Cause.hasInterruptsOnly(exit.cause) ? cutOff : { status: 500, code: "internal-error" }
}

/** Audits the outcome of an operation. */
export const around =
  (
    log: AuditLog.AuditLog["Service"],
    { address: addressOf, details: given, isMutating, operation, resource, waits }: Operation
  ) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const draft: AuditLog.Draft = { ...(given !== undefined && { details: given }) }
      const settle = (exit: Exit.Exit<A, E>) => {
        const { code, made, status } = outcomeOf(exit)
        const isRefused = status >= 400 && status < 500
        const isRefusal = status === 401 || status === 403 || status === 429
        if (!isMutating && !isRefusal) return Effect.void
        const { onBehalfOf, principal } = draft
        const address = addressOf()
        const target = resource ?? made
        const details = { ...draft.details, ...(made !== undefined && made !== target && { made }) }
        const entry: AuditLog.Entry = {
          ...AuditLog.actorOf(principal),
          operation,
          status,
          ...(address !== undefined && { address }),
          ...(onBehalfOf !== undefined && { onBehalfOf }),
          ...(target !== undefined && { resource: target }),
          ...(code !== undefined && { code }),
          ...(Object.keys(details).length > 0 && { details })
        }
        if (isRefused) return log.refused(entry)
        return waits ? log.record(entry) : log.note(entry)
      }
      return Effect.onExit(Effect.provideService(effect, AuditLog.Draft, draft), settle)
    })

export const layer: Layer.Layer<Auditing, never, AuditLog.AuditLog> = Layer.effect(
  Auditing,
  Effect.gen(function* () {
    const log = yield* AuditLog.AuditLog
    const isBehindProxy = yield* ClientAddress.IsBehindProxy
    return Auditing.of((handler, { endpoint, group }) => {
      const name = `${group.identifier}.${endpoint.identifier}`
      const common = {
        operation: name,
        isMutating: endpoint.method !== "GET" && !readsByPost.has(name),
        waits: !isLogged(group.identifier)
      }
      return Effect.contextWith(
        (context: Context.Context<HttpServerRequest.HttpServerRequest | HttpRouter.RouteContext>) => {
          const request = Context.get(context, HttpServerRequest.HttpServerRequest)
          const { id, ...params } = Context.get(context, HttpRouter.RouteContext).params
          const operation = {
            ...common,
            resource: id,
            address: () => ClientAddress.ofRequest(request, isBehindProxy),
            ...(Object.keys(params).length > 0 && { details: params as AuditLog.Details })
          }
          return around(log, operation)(handler)
        }
      )
    })
  })
)
