/**
 * Events of an execution as server-sent events. `id` is the seq, so that an EventSource that was cut goes on where it was;
 * passing deltas have no `id`. Ends after `ExecutionEnded`; from then on the answer is 204, at which an EventSource stays closed.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type * as Lifecycle from "../Listener/Lifecycle.ts"
import * as Problem from "../Api/Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import * as Failing from "./StoreProblems.ts"

/** Between comments that keep the connection from being taken for dead. */
const heartbeat = "15 seconds"

/** True when the client prefers a stream to a page. */
export const isWanted = (request: HttpServerRequest.HttpServerRequest): boolean =>
  /\btext\/event-stream\b/i.test(request.headers["accept"] ?? "")

const encode = (event: ExecutionEvent.Followed): string =>
  `${ExecutionEvent.isStored(event) ? `id: ${event.seq}\n` : ""}data: ${JSON.stringify(event)}\n\n`

const invalidPlace = (path: ReadonlyArray<string>, message: string) =>
  RequestBody.invalid([{ path, code: "invalid-value", message }])

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly lifecycle: Lifecycle.Lifecycle["Service"]
  readonly executionId: string
  /** `Last-Event-ID`: goes before `from`, because an EventSource repeats the URL that it began with. */
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
  const summary = yield* log.summary(executionId).pipe(Failing.execution(executionId))
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
  const events = log.follow(executionId, { after, deltas: options.deltas }).pipe(
    Stream.map(encode),
    // Deleted meanwhile: the client comes back, and is told 410.
    Stream.catchIf(
      ({ reason }) => reason._tag === "Gone",
      () => Stream.empty
    )
  )
  const comments = Stream.tick(heartbeat).pipe(Stream.map(() => ":\n\n"))
  // An end, not an interruption: the client sees a whole answer, and comes back.
  const stop = Stream.fromEffectDrain(options.lifecycle.stopping)
  const body = Stream.merge(Stream.merge(events, comments, { haltStrategy: "left" }), stop, { haltStrategy: "either" })
  return HttpServerResponse.stream(Stream.succeed("retry: 1000\n\n").pipe(Stream.concat(body), Stream.encodeText), {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
  })
})
