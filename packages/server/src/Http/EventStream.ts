/**
 * Events of an execution as server-sent events. `id` is the seq, so that a disconnected EventSource
 * resumes where it was; transient deltas have no `id`. Ends after `ExecutionEnded`; from then on
 * the answer is 204, at which an EventSource stays closed.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type * as Problem from "../Api/Problem.ts"
import type { Format } from "./EventPieces.ts"
import * as RequestBody from "./RequestBody.ts"
import * as ServerSentEvents from "./ServerSentEvents.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** An event, or a comment that keeps the connection alive. */
type Item = ExecutionEvent.Followed | "heartbeat"

const idOf = (item: Item) => (item !== "heartbeat" && ExecutionEvent.isStored(item) ? String(item.seq) : undefined)

const format: Format<Item> = {
  idOf,
  encode: (item) => {
    if (item === "heartbeat") return ":\n\n"
    const id = idOf(item)
    return `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(item)}\n\n`
  }
}

const invalidPlace = (path: ReadonlyArray<string>, message: string) =>
  RequestBody.invalid([{ path, code: "invalid-value", message }])

export interface Options extends ServerSentEvents.Connection {
  readonly log: EventLog.EventLog["Service"]
  readonly executionId: string
  /**
   * `Last-Event-ID`: takes precedence over `from`, because an EventSource repeats its original URL.
   */
  readonly after: string | undefined
  readonly from: number
  readonly deltas: boolean
}

export const respond = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<
  HttpServerResponse.HttpServerResponse,
  Problem.Problem<"not-found" | "gone" | "unavailable" | "invalid-request">
> {
  const { executionId, log } = options
  const summary = yield* log.summary(executionId).pipe(StoreProblems.execution(executionId))
  if (options.after !== undefined && !/^\d{1,15}$/.test(options.after)) {
    return yield* invalidPlace(
      ["headers", "last-event-id"],
      "Last-Event-ID must be the id of an event, a whole number."
    )
  }
  const after = options.after === undefined ? options.from : Number(options.after)
  if (after > summary.lastSeq) {
    return yield* invalidPlace(["query", "after"], `after is ${after}, but the last seq is ${summary.lastSeq}.`)
  }
  if (summary.endedAt !== undefined && after === summary.lastSeq) return HttpServerResponse.empty({ status: 204 })
  // The stream runs after the handler has returned, outside its context.
  const events = log.follow(executionId, { after, deltas: options.deltas }).pipe(
    Stream.provideService(Tenant.Current, yield* Tenant.Current),
    Stream.map((event): Item => event),
    // Deleted meanwhile: the client reconnects, and gets 410.
    Stream.catchIf(
      ({ reason }) => reason._tag === "Gone",
      () => Stream.empty
    )
  )
  return ServerSentEvents.respond(events, {
    ...options,
    after: String(after),
    format,
    heartbeat: (): Item => "heartbeat"
  })
})
