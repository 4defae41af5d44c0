/**
 * Events of an execution as server-sent events. `id` is the seq, so that an EventSource that was cut goes on where it was;
 * passing deltas have no `id`. Ends after `ExecutionEnded`; from then on the answer is 204, at which an EventSource stays closed.
 *
 * A client has at most two pieces of 64 kB on their way to it; what it has not taken stays in the log. When it takes nothing for
 * `patienceMillis`, the stream ends with a comment that names the last seq; when it takes nothing after that either, it is cut off.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Tenant from "@crewline/core/Tenant"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import type * as Pull from "effect/Pull"
import { closeCodes, type Limits } from "../Followers/Follower.ts"
import type * as Lifecycle from "../Listener/Lifecycle.ts"
import * as Problem from "../Api/Problem.ts"
import { EventPieces, type Item } from "./EventPieces.ts"
import * as RequestBody from "./RequestBody.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** Between comments that keep the connection from being taken for dead. */
const heartbeat = "15 seconds"

/** True when the client prefers a stream to a page. */
export const isWanted = (request: HttpServerRequest.HttpServerRequest): boolean =>
  /\btext\/event-stream\b/i.test(request.headers["accept"] ?? "")

/** How long a client that was too slow, or is given the last piece, may take before it is cut off. */
const closeMillis = 2_000

const invalidPlace = (path: ReadonlyArray<string>, message: string) =>
  RequestBody.invalid([{ path, code: "invalid-value", message }])

/** Without an empty line at its end: a client then ignores an event of which it has only a part. */
const farewell = (lastSeq: number) =>
  Buffer.from(`\n: ${closeCodes.slow} the client reads too slowly; continue with Last-Event-ID: ${lastSeq}\n`)

/** Cuts a client off that has not taken all. The timer stands outside of the stream, which has ended by then. */
const closeSoon = (response: { readonly writableFinished: boolean; readonly destroy: () => unknown }) => {
  setTimeout(() => {
    if (!response.writableFinished) response.destroy()
  }, closeMillis).unref()
}

/** The items in pieces, for as long as the client takes them. */
const pieces = <E>(
  items: Stream.Stream<Item, E>,
  { after, patienceMillis, request }: Pick<Options, "request" | "patienceMillis"> & { readonly after: number }
): Stream.Stream<Uint8Array, E> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const response = NodeHttpServerRequest.toServerResponse(request)
      const pending = new EventPieces(after)
      /** When the piece was given that the client has not taken yet; the next one is asked for when it has. */
      let givenAt: number | undefined
      let state: "open" | "slow" | "ended" = "open"

      yield* Effect.addFinalizer(() => Effect.sync(() => closeSoon(response)))
      const upstream = yield* Stream.toPull(items)
      yield* Effect.gen(function* () {
        while (true) {
          const left =
            givenAt === undefined ? patienceMillis : givenAt + patienceMillis - clock.currentTimeMillisUnsafe()
          if (left <= 0) break
          yield* Effect.sleep(left)
        }
        state = "slow"
        // What the client takes in this time is followed by the reason.
        yield* Effect.sleep(closeMillis)
        response.destroy()
      }).pipe(Effect.forkScoped)

      const give = (piece: Buffer) => {
        givenAt = clock.currentTimeMillisUnsafe()
        return Effect.succeed(Arr.of<Uint8Array>(piece))
      }
      const pull: Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, E> = Effect.suspend(() => {
        givenAt = undefined
        if (state === "ended") return Cause.done()
        if (state === "slow") {
          state = "ended"
          return give(farewell(pending.lastSeq))
        }
        const piece = pending.take()
        if (piece !== undefined) return give(piece)
        return Effect.flatMap(upstream, (more) => {
          pending.fill(more)
          return pull
        })
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )

export interface Options {
  readonly request: HttpServerRequest.HttpServerRequest
  /** How long a client may take nothing before the stream ends. */
  readonly patienceMillis: Limits["patienceMillis"]
  readonly log: EventLog.EventLog["Service"]
  readonly lifecycle: Lifecycle.Lifecycle["Service"]
  /** Returns when the caller's credential does not count any more. */
  readonly ended: Effect.Effect<void>
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
  // The stream runs when the handler has returned, outside of what it was given.
  const events = log.follow(executionId, { after, deltas: options.deltas }).pipe(
    Stream.provideService(Tenant.Current, yield* Tenant.Current),
    Stream.map((event): Item => event),
    // Deleted meanwhile: the client comes back, and is told 410.
    Stream.catchIf(
      ({ reason }) => reason._tag === "Gone",
      () => Stream.empty
    )
  )
  const comments = Stream.tick(heartbeat).pipe(Stream.map((): Item => "heartbeat"))
  // An end, not an interruption: the client sees a whole answer, and comes back; with a credential that is revoked, to be told 401.
  const stop = Stream.fromEffectDrain(Effect.raceFirst(options.lifecycle.stopping, options.ended))
  const items = Stream.merge(Stream.merge(events, comments, { haltStrategy: "left" }), stop, { haltStrategy: "either" })
  const body = pieces(items, { after, patienceMillis: options.patienceMillis, request: options.request })
  return HttpServerResponse.stream(Stream.concat(Stream.succeed(Buffer.from("retry: 1000\n\n")), body), {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
  })
})
