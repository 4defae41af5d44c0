/** Handlers of `/api/v1/executions`. */
import * as CoreCrew from "@crewline/core/Crew"
import { Crewline } from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Schema from "effect/Schema"
import { Api } from "../Api.ts"
import { CrewReader } from "../CrewReader.ts"
import { CrewStore } from "../ResourceStore/Crews.ts"
import * as Lifecycle from "../Listener/Lifecycle.ts"
import * as Page from "./Page.ts"
import * as Problem from "../Api/Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import * as CrewBody from "./CrewBody.ts"
import * as EventStream from "./EventStream.ts"
import * as Failing from "./StoreProblems.ts"
import * as StartBody from "./StartBody.ts"

const defaultEvents = 100

const statuses: ReadonlyArray<EventLog.Summary["status"]> = [
  "pending",
  "running",
  "waiting",
  "paused",
  "completed",
  "failed",
  "cancelled"
]

const isStatus = (status: string): status is EventLog.Summary["status"] => statuses.some((known) => known === status)

const decodeStatus = (
  status: string | undefined
): Effect.Effect<ReadonlyArray<EventLog.Summary["status"]> | undefined, Problem.Problem<"invalid-request">> => {
  if (status === undefined) return Effect.succeed(undefined)
  const names = status.split(",").map((name) => name.trim())
  const unknown = names.filter((name) => !isStatus(name))
  return unknown.length === 0
    ? Effect.succeed(names.filter(isStatus))
    : Effect.fail(
        RequestBody.invalid(
          unknown.map((name) => ({
            path: ["query", "status"],
            code: "invalid-value",
            message: `${JSON.stringify(name)} is no status to filter by; there are ${statuses.join(", ")}.`
          }))
        )
      )
}

/** Where the problems of a crew stand in the body of a start. */
const inStart = ({ code }: CoreCrew.Problem) => (code === "missing-input" || code === "unknown-input" ? [] : ["crew"])

/** The answer to a start. */
export const started = (log: EventLog.EventLog["Service"], executionId: string) =>
  Effect.map(
    log.summary(executionId).pipe(Failing.execution(executionId)),
    ({ crewId, crewName, id, startedAt, status }) =>
      HttpApiSchema.withHeaders({
        body: { id, status, crewName, ...(crewId !== undefined && { crewId }), startedAt },
        headers: { location: `/api/v1/executions/${id}` }
      })
  )

export const layer = HttpApiBuilder.group(
  Api,
  "executions",
  Effect.fnUntraced(function* (handlers) {
    const crewline = yield* Crewline
    const log = yield* EventLog.EventLog
    const crews = yield* CrewStore
    const reader = yield* CrewReader
    const lifecycle = yield* Lifecycle.Lifecycle

    const view = (id: string) => crewline.get(id).pipe(Failing.execution(id))

    /** Holds an execution, or lets it go on; one that has ended does neither. */
    const steer = Effect.fnUntraced(function* (id: string, act: Effect.Effect<void, EventLog.EventLogError>) {
      const summary = yield* log.summary(id).pipe(Failing.execution(id))
      if (summary.endedAt !== undefined) {
        return yield* Problem.make("execution-conflict", {
          detail: `The execution ${id} is ${summary.status}; it cannot be paused or resumed any more.`
        })
      }
      yield* act.pipe(Failing.execution(id))
      return yield* view(id)
    })

    return handlers
      .handleRaw("start", ({ request, headers }) =>
        Effect.gen(function* () {
          const { crewId, crew: sent, errors, inputs, priority, problems } = yield* StartBody.read(request)
          if (errors.length > 0) {
            // All that is wrong at once: with the body, and with the crew in it.
            const checked =
              sent === undefined
                ? undefined
                : yield* Effect.result(reader.read({ value: sent, problems }).pipe(CrewBody.reading(inStart)))
            const ofCrew =
              checked?._tag === "Failure" && checked.failure._tag === "crew-invalid" ? checked.failure.errors : []
            return yield* RequestBody.invalid([...errors, ...ofCrew])
          }
          const value = crewId === undefined ? sent : (yield* crews.get(crewId).pipe(Failing.reading("crew"))).body
          const { crew } = yield* reader.read({ value, problems }).pipe(CrewBody.reading(inStart))
          const key = headers["idempotency-key"]
          const execution = yield* crewline
            .start(crew, {
              inputs,
              ...(priority !== undefined && { priority }),
              ...(key !== undefined && { idempotencyKey: key }),
              ...(crewId !== undefined && { crewId })
            })
            .pipe(
              Effect.catch((error): Effect.Effect<never, StartProblem> => {
                if (error._tag === "CrewInvalid") return Effect.fail(CrewBody.invalid(error, inStart))
                if (error.reason._tag === "KeyReused") {
                  return Effect.fail(Problem.make("idempotency-key-reused", { detail: error.reason.message }))
                }
                return error.reason._tag === "Unavailable" ? Failing.unavailable(error.reason) : Effect.die(error)
              })
            )
          return yield* started(log, execution.id)
        })
      )
      .handle("list", ({ query }) =>
        Effect.gen(function* () {
          const status = yield* decodeStatus(query.status)
          return yield* Page.read(query, ({ before, limit }) =>
            log
              .list({
                limit,
                ...(before !== undefined && { before }),
                ...(status !== undefined && { status }),
                ...(query.crewId !== undefined && { crewId: query.crewId }),
                ...(query.crewName !== undefined && { crewName: query.crewName })
              })
              .pipe(Effect.map(Arr.map(({ tenant: _tenant, version: _version, ...item }) => item)), Failing.listing)
          )
        })
      )
      .handle("get", ({ params }) => view(params.id))
      .handle("remove", ({ params }) =>
        log.remove(params.id).pipe(
          Effect.catchReason("EventLogError", "NotEnded", ({ message }) =>
            Effect.fail(Problem.make("execution-conflict", { detail: message }))
          ),
          Effect.catchTag("EventLogError", (error) => Failing.execution(params.id)(Effect.fail(error)))
        )
      )
      .handle("cancel", ({ params }) =>
        crewline.cancel(params.id).pipe(Failing.execution(params.id), Effect.andThen(view(params.id)))
      )
      .handle("pause", ({ params }) => steer(params.id, crewline.pause(params.id)))
      .handle("resume", ({ params }) => steer(params.id, crewline.unpause(params.id)))
      .handle("events", ({ params, query, headers, request }) =>
        Effect.gen(function* () {
          if (EventStream.isWanted(request)) {
            return yield* EventStream.respond({
              log,
              lifecycle,
              executionId: params.id,
              after: headers["last-event-id"],
              from: query.after ?? 0,
              deltas: query.deltas !== "false"
            })
          }
          const limit = query.limit ?? defaultEvents
          yield* log.summary(params.id).pipe(Failing.execution(params.id))
          const events = yield* log
            .read(params.id, { after: query.after ?? 0, limit: limit + 1 })
            .pipe(Failing.execution(params.id))
          const items = events.slice(0, limit)
          const last = items.at(-1)
          // Events are JSON already; checking each against a schema would cost more than reading them.
          return HttpServerResponse.jsonUnsafe({
            items,
            ...(events.length > limit && last !== undefined && { nextAfter: last.seq })
          })
        })
      )
      .handleRaw("signal", ({ params, request }) =>
        Effect.gen(function* () {
          const { value } = yield* RequestBody.json(request)
          const summary = yield* log.summary(params.id).pipe(Failing.execution(params.id))
          if (summary.endedAt !== undefined) {
            return yield* Problem.make("execution-conflict", {
              detail: `The execution ${params.id} is ${summary.status}; nothing waits for ${JSON.stringify(params.signal)} any more.`
            })
          }
          // What a JSON text says is JSON.
          yield* crewline.signal(params.id, params.signal, value as Schema.Json).pipe(Failing.execution(params.id))
          return yield* view(params.id)
        })
      )
  })
)

type StartProblem = Problem.Problem<"crew-invalid" | "idempotency-key-reused" | "unavailable">
