/**
 * WebSockets that follow executions: `/api/v1/executions/:id/ws?after=seq`. Every message is one event as JSON text.
 *
 * - A follower is given the stored events after `after`, in order, without gaps or repeats, then live ones until `ExecutionEnded`;
 *   passing deltas (no `seq`) come only while it is up to date.
 * - One reader per execution, however many follow it; what a client has not taken stays in the log, not in memory.
 * - Close codes: `Follower.closeCodes`. A client that is cut connects again with the last seq that it saw.
 * - A ping every 20 seconds; who has not answered the one before is cut off.
 *
 * This is the one place that uses `ws` directly: Effect's socket can neither send bytes that are framed already nor tell how many
 * are still on their way.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { type WebSocket, WebSocketServer } from "ws"
import { Channel, closing, pageSize } from "./Followers/Channel.ts"
import { closeCodes, defaultLimits, Follower, type Limits } from "./Followers/Follower.ts"

export interface Options {
  /** How much a client may leave untaken. */
  readonly limits?: Limits
  /** Time between pings; default 20 seconds. */
  readonly pingInterval?: Duration.Input
  /** How long an execution is still read after its last follower has left; default 10 seconds. */
  readonly linger?: Duration.Input
}

export class Followers extends Context.Service<
  Followers,
  {
    /** Takes over a connection that asks for a WebSocket of this execution. */
    readonly accept: (
      executionId: string,
      after: string | undefined,
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer
    ) => void
    /** How many sockets are open. */
    readonly count: Effect.Effect<number>
    /** Tells all clients that the server restarts, and closes them. */
    readonly close: Effect.Effect<void>
  }
>()("@crewline/server/Followers") {}

/** Clients have nothing to say; a larger message is an attack. */
const maxMessageBytes = 4 * 1024

const slowCheckInterval = "1 second"

/** How long clients may take to answer a closing frame before they are cut off. */
const closePatience = "2 seconds"

const make = Effect.fnUntraced(function* (options: Options) {
  const log = yield* EventLog.EventLog
  const tenant = yield* Tenant.Current
  const limits = options.limits ?? defaultLimits
  const linger = options.linger ?? "10 seconds"
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes
  })
  const channels = new Map<string, Channel>()
  const followers = new Set<Follower>()
  /** Every connection that was taken over, those that follow nothing yet or any more included. */
  const sockets = new Set<WebSocket>()
  const run = yield* FiberSet.makeRuntime<never>()
  const runPromise = yield* FiberSet.makeRuntimePromise<never>()
  const readers = yield* FiberMap.make<string>()
  let isClosed = false

  const read = (executionId: string) => (after: number) => runPromise(log.read(executionId, { after, limit: pageSize }))

  /** Feeds a channel until the execution ends; what fails and may pass is tried again from where it was. */
  const feed = (executionId: string, channel: Channel) =>
    Effect.suspend(() =>
      Stream.runForEachArray(
        log.follow(executionId, { after: channel.lastSeq, deltas: true }),
        (events: ReadonlyArray<ExecutionEvent.Followed>) => Effect.sync(() => channel.push(events))
      )
    ).pipe(
      Effect.retry({
        schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]),
        while: ({ reason }) => reason._tag === "Unavailable" && reason.isRetryable
      }),
      Effect.catchCause(
        Effect.fnUntraced(function* (cause) {
          const [code, reason] = closing(Cause.squash(cause))
          if (code === closeCodes.fault) yield* Effect.logError(`Execution ${executionId} cannot be followed`, cause)
          channel.closeAll(code, reason)
        })
      )
    )

  /** The channel of an execution, with a reader. */
  const open = Effect.fnUntraced(function* (executionId: string, summary: EventLog.Summary) {
    // Somebody else may have opened it while the summary was read.
    const known = channels.get(executionId)
    if (known !== undefined) return known
    const channel = new Channel({
      lastSeq: summary.lastSeq,
      isEnded: summary.endedAt !== undefined,
      read: read(executionId)
    })
    channels.set(executionId, channel)
    const forget = () => {
      if (channels.get(executionId) === channel) channels.delete(executionId)
    }
    const abandoned = Effect.sleep(linger).pipe(
      Effect.repeat({
        until: () => {
          if (channel.followers.size > 0) return false
          // In this very step: who comes now must not join a channel that nobody feeds.
          forget()
          return true
        }
      })
    )
    yield* FiberMap.run(
      readers,
      executionId,
      (channel.isEnded
        ? abandoned
        : Effect.raceFirst(Effect.andThen(feed(executionId, channel), abandoned), abandoned)
      ).pipe(Effect.ensuring(Effect.sync(forget)))
    )
    return channel
  })

  const join = Effect.fnUntraced(function* (executionId: string, after: number, webSocket: WebSocket, socket: Duplex) {
    let channel = channels.get(executionId)
    // One that has ended may have been deleted since.
    if (channel === undefined || channel.isEnded || after > channel.lastSeq) {
      const summary = yield* log.summary(executionId)
      if (after > summary.lastSeq) {
        return webSocket.close(closeCodes.badAfter, `after is ${after}, but the last seq is ${summary.lastSeq}`)
      }
      channel = yield* open(executionId, summary)
    }
    if (webSocket.readyState !== webSocket.OPEN) return
    const follower = new Follower(webSocket, socket, after, limits)
    followers.add(follower)
    follower.onClose(() => followers.delete(follower))
    channel.join(follower)
  })

  yield* Effect.sync(() => {
    for (const follower of followers) follower.ping()
  }).pipe(Effect.schedule(Schedule.spaced(options.pingInterval ?? "20 seconds")), Effect.forkScoped)

  yield* Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const follower of followers) follower.check(now)
  }).pipe(Effect.schedule(Schedule.spaced(slowCheckInterval)), Effect.forkScoped)

  const close = Effect.gen(function* () {
    isClosed = true
    for (const socket of sockets) socket.close(closeCodes.restart, "the server restarts")
    yield* Effect.sleep("20 millis").pipe(
      Effect.repeat({ until: () => sockets.size === 0 }),
      Effect.timeoutOption(closePatience)
    )
    for (const socket of sockets) socket.terminate()
  })
  yield* Effect.addFinalizer(() => close)

  return Followers.of({
    accept: (executionId, after, request, socket, head) => {
      server.handleUpgrade(request, socket, head, (webSocket) => {
        sockets.add(webSocket)
        webSocket.on("close", () => sockets.delete(webSocket))
        // Without a listener an error (a client that breaks the protocol, a reset) would end the process; `close` follows it.
        webSocket.on("error", () => undefined)
        if (isClosed) return webSocket.close(closeCodes.restart, "the server restarts")
        if (after !== undefined && !/^\d{1,15}$/.test(after)) {
          return webSocket.close(closeCodes.badAfter, "after must be the seq of an event, a whole number")
        }
        run(
          join(executionId, after === undefined ? 0 : Number(after), webSocket, socket).pipe(
            Effect.provideService(Tenant.Current, tenant),
            Effect.catchCause((cause) =>
              Effect.gen(function* () {
                const [code, reason] = closing(Cause.squash(cause))
                if (code === closeCodes.fault)
                  yield* Effect.logError(`Execution ${executionId} cannot be followed`, cause)
                webSocket.close(code, reason)
              })
            )
          )
        )
      })
    },
    count: Effect.sync(() => followers.size),
    close
  })
})

/** Follows executions of the event log. */
export const layerWith = (options: Options): Layer.Layer<Followers, never, EventLog.EventLog> =>
  Layer.effect(Followers, make(options))

export const layer: Layer.Layer<Followers, never, EventLog.EventLog> = layerWith({})
