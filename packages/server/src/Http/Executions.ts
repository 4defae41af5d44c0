/** Handlers of `/api/v1/executions`. */
import { Crewline, type TaskRange, type ViewJson } from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as ExecutionView from "@crewline/core/ExecutionView"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Schema from "effect/Schema"
import { Api } from "../Api.ts"
import { MessageBody } from "../Api/Executions.ts"
import { maxBytes } from "../Api/Page.ts"
import { Credentials } from "../Credentials.ts"
import { Followers } from "../Followers.ts"
import * as Principal from "../Principal.ts"
import * as Lifecycle from "../Listener/Lifecycle.ts"
import * as Conditional from "./Conditional.ts"
import * as Page from "./Page.ts"
import * as Problem from "../Api/Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import * as EventPage from "./EventPage.ts"
import * as EventStream from "./EventStream.ts"
import * as Sending from "./Sending.ts"
import * as ServerSentEvents from "./ServerSentEvents.ts"
import * as StoreProblems from "./StoreProblems.ts"
import * as Start from "./Start.ts"

const defaultEvents = 100

/** An ended execution never changes: only a new format changes the response of its URL. */
const finalTag = `"ended-${ExecutionView.format}"`

/** Answers of ended executions, for as long as their views are remembered. */
const finals = new WeakMap<ViewJson, HttpServerResponse.HttpServerResponse>()

const shown = (view: ViewJson, status: 200 | 202): HttpServerResponse.HttpServerResponse => {
  const made = () => HttpServerResponse.text(view.text, { status, contentType: "application/json" })
  if (!view.isFinal || status !== 200) return made()
  const known = finals.get(view)
  if (known !== undefined) return known
  const response = Conditional.tagged(made(), finalTag)
  finals.set(view, response)
  return response
}

const readMessage = RequestBody.decoder(MessageBody)

export const layer = HttpApiBuilder.group(
  Api,
  "executions",
  Effect.fnUntraced(function* (handlers) {
    const crewline = yield* Crewline
    const log = yield* EventLog.EventLog
    const start = yield* Start.make
    const lifecycle = yield* Lifecycle.Lifecycle
    const { limits } = yield* Followers
    const credentials = yield* Credentials

    /** The state of an execution. The stored view of an ended one is sent as it is. */
    const view = (id: string, status: 200 | 202, tasks?: TaskRange) =>
      crewline.getJson(id, tasks).pipe(
        StoreProblems.execution(id),
        Effect.map((json) => shown(json, status))
      )

    /** Pauses or resumes an execution; an ended one can do neither. */
    const steer = Effect.fnUntraced(function* (id: string, act: Effect.Effect<void, EventLog.EventLogError>) {
      const summary = yield* log.summary(id).pipe(StoreProblems.execution(id))
      if (summary.endedAt !== undefined) {
        return yield* Problem.make("execution-conflict", {
          detail: `The execution ${id} is ${summary.status} and can no longer be paused or resumed.`
        })
      }
      yield* act.pipe(StoreProblems.execution(id))
      return yield* view(id, 202)
    })

    return handlers
      .handleRaw("start", ({ request, headers }) => start(request, headers["idempotency-key"]))
      .handle("list", ({ query }) =>
        Page.read(query, ({ before, limit }) =>
          log
            .list({
              limit,
              ...(before !== undefined && { before }),
              ...(query.status !== undefined && { status: query.status }),
              ...(query.crewId !== undefined && { crewId: query.crewId }),
              ...(query.crewName !== undefined && { crewName: query.crewName })
            })
            .pipe(Effect.map(Arr.map(({ tenant: _tenant, version: _version, ...item }) => item)), StoreProblems.listing)
        )
      )
      .handle("get", ({ params, query }) =>
        Effect.flatMap(Page.placeOf(query.cursor), (from) =>
          view(params.id, 200, {
            from,
            ...(query.tasks !== undefined && {
              limit: query.tasks,
              maxLength: maxBytes,
              cursorAt: Page.cursorAt
            })
          })
        )
      )
      .handle("remove", ({ params }) =>
        log.remove(params.id).pipe(
          Effect.catchReason("EventLogError", "NotEnded", ({ message }) =>
            Effect.fail(Problem.make("execution-conflict", { detail: message }))
          ),
          Effect.catchTag("EventLogError", (error) => StoreProblems.execution(params.id)(Effect.fail(error)))
        )
      )
      .handle("cancel", ({ params }) =>
        crewline.cancel(params.id).pipe(StoreProblems.execution(params.id), Effect.andThen(view(params.id, 202)))
      )
      .handle("pause", ({ params }) => steer(params.id, crewline.pause(params.id)))
      .handle("resume", ({ params }) => steer(params.id, crewline.resume(params.id)))
      .handle("events", ({ params, query, headers, request }) =>
        Effect.gen(function* () {
          if (ServerSentEvents.isWanted(request)) {
            return yield* EventStream.respond({
              request,
              patienceMillis: limits.patienceMillis,
              log,
              lifecycle,
              ended: credentials.ended(yield* Principal.Current),
              executionId: params.id,
              after: headers["last-event-id"],
              from: query.after ?? 0,
              deltas: query.deltas !== "false"
            })
          }
          yield* log.summary(params.id).pipe(StoreProblems.execution(params.id))
          const page = yield* EventPage.read(log, params.id, {
            after: query.after ?? 0,
            limit: query.limit ?? defaultEvents
          }).pipe(StoreProblems.execution(params.id))
          return HttpServerResponse.text(EventPage.toJson(page), { contentType: "application/json" })
        })
      )
      .handleRaw("message", ({ params, request, headers }) =>
        Effect.gen(function* () {
          const message = yield* readMessage(yield* RequestBody.json(request))
          return yield* Sending.send(crewline, params.id, message, headers["idempotency-key"])
        })
      )
      .handleRaw("signal", ({ params, request }) =>
        Effect.gen(function* () {
          const { value } = yield* RequestBody.json(request)
          const summary = yield* log.summary(params.id).pipe(StoreProblems.execution(params.id))
          if (summary.endedAt !== undefined) {
            return yield* Problem.make("execution-conflict", {
              detail: `The execution ${params.id} is ${summary.status} and no longer waits for ${JSON.stringify(params.signal)}.`
            })
          }
          // The value of a JSON text is JSON.
          yield* crewline.signal(params.id, params.signal, value as Schema.Json).pipe(
            Effect.catchTags({
              EventLogError: (error) => StoreProblems.execution(params.id)(Effect.fail(error)),
              UnknownSignal: ({ message }) =>
                Effect.fail(Problem.make("not-found", { resource: "signal", id: params.signal, detail: message }))
            })
          )
          return yield* view(params.id, 202)
        })
      )
  })
)
