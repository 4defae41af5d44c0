/**
 * A stream of server-sent events, finite or infinite. Comments keep the connection alive.
 *
 * At most two pieces of 64 kB are in transit to a client; events that it has not taken stay in the
 * log. If it takes nothing for `patienceMillis`, the stream ends with a comment that names the last
 * id; if it takes nothing after that either, it is disconnected.
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { closeCodes, type Limits } from "../Followers/Follower.ts"
import type * as Lifecycle from "../Listener/Lifecycle.ts"
import { EventPieces, type Format } from "./EventPieces.ts"

/** Between comments. */
const heartbeatInterval = "15 seconds"

/**
 * How long a client that was too slow, or gets the last piece, may take before it is disconnected.
 */
const closeMillis = 2_000

/** True when the client prefers a stream to a page. */
export const isWanted = (request: HttpServerRequest.HttpServerRequest): boolean =>
  /\btext\/event-stream\b/i.test(request.headers["accept"] ?? "")

/** Without an empty line at its end: a client then ignores an event of which it has only a part. */
const farewell = (lastId: string) =>
  Buffer.from(`\n: ${closeCodes.slow} the client reads too slowly; continue with Last-Event-ID: ${lastId}\n`)

/**
 * Disconnects a client that has not taken everything. The timer runs outside the stream, which has
 * ended by then.
 */
const closeSoon = (response: { readonly writableFinished: boolean; readonly destroy: () => unknown }) => {
  setTimeout(() => {
    if (!response.writableFinished) response.destroy()
  }, closeMillis).unref()
}

/** The items in pieces, for as long as the client takes them. */
const pieces = <A, E>(
  items: Stream.Stream<A, E>,
  { after, format, patienceMillis, request }: Pick<Options<A>, "after" | "format" | "request" | "patienceMillis">
): Stream.Stream<Uint8Array, E> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const response = NodeHttpServerRequest.toServerResponse(request)
      const pending = new EventPieces(format, after)
      /**
       * When the piece that the client has not taken yet was sent; the next one is requested once
       * it has.
       */
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
        // If the client takes data in this time, the reason follows.
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
          return give(farewell(pending.lastId))
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

/** The parameters of every stream. */
export interface Connection {
  readonly request: HttpServerRequest.HttpServerRequest
  /** How long a client may take nothing before the stream ends. */
  readonly patienceMillis: Limits["patienceMillis"]
  readonly lifecycle: Lifecycle.Lifecycle["Service"]
  /** Returns when the caller's credential is no longer valid. */
  readonly ended: Effect.Effect<void>
}

export interface Options<A> extends Connection {
  readonly format: Format<A>
  /** The id in the client's request. */
  readonly after: string
  /** The item that is sent when nothing else was for a while. */
  readonly heartbeat: () => A
}

/** Answers with the events. */
export const respond = <A, E>(
  events: Stream.Stream<A, E>,
  options: Options<A>
): HttpServerResponse.HttpServerResponse => {
  const heartbeats = Stream.map(Stream.tick(heartbeatInterval), options.heartbeat)
  // An end, not an interruption: the client sees a complete answer and reconnects; with a revoked
  // credential it then gets 401.
  const stop = Stream.fromEffectDrain(Effect.raceFirst(options.lifecycle.stopping, options.ended))
  const items = Stream.merge(Stream.merge(events, heartbeats, { haltStrategy: "left" }), stop, {
    haltStrategy: "either"
  })
  return HttpServerResponse.stream(
    Stream.concat(Stream.succeed(Buffer.from("retry: 1000\n\n")), pieces(items, options)),
    {
      contentType: "text/event-stream",
      headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
    }
  )
}
