/**
 * WebSockets that follow executions: `/api/v1/executions/:id/ws?after=seq`. Every message is one
 * event as JSON text, or the answer to a message of the client (`Messages`). Those at
 * `/api/v1/feed/ws?after=cursor` are given the feed of the tenant instead (`FeedSocket`).
 *
 * - A follower is given the stored events after `after`, in order, without gaps or repeats, then
 *   live ones until `ExecutionEnded`; transient deltas (no `seq`) are sent only while it is up to
 *   date.
 * - One reader per execution, however many follow it; what a client has not taken stays in the log,
 *   not in memory.
 * - Close codes: `Follower.closeCodes`. A disconnected client reconnects with the last seq that it
 *   saw.
 * - The next message of a client is read after the answer to its last one was sent.
 * - A ping every 20 seconds; a client that has not answered the previous one is disconnected.
 *
 * This is the one place that uses `ws` directly: Effect's socket can neither send bytes that are
 * framed already nor tell how many are still on their way.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Guarded from "@crewline/core/Guarded"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { type RawData, type WebSocket, WebSocketServer } from "ws"
import * as Problem from "./Api/Problem.ts"
import * as Principal from "./Principal.ts"
import * as Channels from "./Followers/Channels.ts"
import * as FeedSocket from "./Followers/FeedSocket.ts"
import { closeCodes, defaultLimits, Follower, type Limits } from "./Followers/Follower.ts"

export interface Options {
  /** How much a client may leave unread, and for how long. */
  readonly limits?: Limits
  /** Time between pings; default 20 seconds. */
  readonly pingInterval?: Duration.Input
  /** How long an execution is still read after its last follower has left; default 10 seconds. */
  readonly linger?: Duration.Input
}

/** What a connection asks for. */
export interface Wanted {
  /** Absent: the feed. */
  readonly executionId: string | undefined
  readonly query: URLSearchParams
  /** Answers with a problem instead. */
  readonly refuse: (problem: Problem.Problem) => void
}

export class Followers extends Context.Service<
  Followers,
  {
    /** Takes over a connection that asks for a WebSocket, once it is known who asks. */
    readonly accept: (wanted: Wanted, request: IncomingMessage, socket: Duplex, head: Buffer) => void
    /** How much a client may leave unread, and for how long; also for server-sent events. */
    readonly limits: Limits
    /** How many sockets are open. */
    readonly count: Effect.Effect<number>
    /** Tells all clients that the server restarts, and closes them. */
    readonly close: Effect.Effect<void>
  }
>()("@crewline/server/Followers") {}

/** Who asks for a connection. */
export interface Caller {
  readonly principal: Principal.Principal
  /** Where it calls from. */
  readonly address: string | undefined
  /** Returns when its credential is no longer valid: then the connection is closed. */
  readonly ended: Effect.Effect<void>
}

/** Who clients are. */
export class Callers extends Context.Service<
  Callers,
  {
    /**
     * The caller of this request, if it may follow executions; the audit log records this
     * operation.
     */
    readonly identify: (
      request: IncomingMessage,
      operation: "executions.follow" | "feed.follow"
    ) => Effect.Effect<Caller, Problem.Problem>
  }
>()("@crewline/server/Followers/Callers") {}

/** Messages of clients. */
export class Messages extends Context.Service<
  Messages,
  {
    /** The answer to a message of one who follows this execution. */
    readonly receive: (executionId: string, text: string) => Effect.Effect<string>
  }
>()("@crewline/server/Followers/Messages") {}

/** The same limit as for request bodies. */
const maxMessageBytes = 4 * 1024 * 1024

const fault = Problem.make("internal-error", {})

const slowCheckInterval = "1 second"

/** How long clients may take to answer a close frame before they are disconnected. */
const closePatience = "2 seconds"

/** Closes a connection when the credential that opened it is no longer valid. */
const closeWith = ({ ended }: Caller, webSocket: WebSocket) =>
  Effect.map(ended, () => webSocket.close(closeCodes.unauthenticated, "the credential is no longer valid"))

type AnyFollower = Pick<Follower, "ping" | "check">

const pingAll = (followers: Iterable<AnyFollower>, interval: Duration.Input) =>
  Effect.sync(() => {
    for (const follower of followers) follower.ping()
  }).pipe(Effect.schedule(Schedule.spaced(interval)), Effect.forkScoped)

const checkAll = (followers: Iterable<AnyFollower>) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    for (const follower of followers) follower.check(now)
  }).pipe(Effect.schedule(Schedule.spaced(slowCheckInterval)), Effect.forkScoped)

/** Answers the messages of a client, one after the other. */
const listening =
  (
    messages: Messages["Service"],
    { guarded, run }: { readonly guarded: Guarded.Guarded; readonly run: (effect: Effect.Effect<void>) => unknown }
  ) =>
  (executionId: string, { address, principal }: Caller, webSocket: WebSocket) => {
    const turn = Semaphore.makeUnsafe(1)
    let unanswered = 0
    const answer = Effect.fnUntraced(function* (data: RawData) {
      // Sockets whose binary type is the default one give buffers.
      const reply = yield* messages.receive(executionId, (data as Buffer).toString())
      yield* Effect.callback<void>((resume) => webSocket.send(reply, () => resume(Effect.void)))
    })
    const done = Effect.sync(() => {
      unanswered--
      if (unanswered === 0) webSocket.resume()
    })
    webSocket.on(
      "message",
      guarded("Replying to a message from a client", (data: RawData) => {
        unanswered++
        webSocket.pause()
        run(
          turn
            .withPermit(answer(data))
            .pipe(Effect.ensuring(done), Principal.as(principal), Effect.provideService(Principal.Address, address))
        )
      })
    )
  }

/** Gives a client the feed that its query asks for. */
const giveFeed = Effect.fnUntraced(function* (
  log: Pick<EventLog.EventLog["Service"], "feed">,
  query: URLSearchParams,
  webSocket: WebSocket,
  admit: (after: string) => Follower<string>
) {
  const wanted = yield* Effect.option(FeedSocket.wantedOf(query))
  if (Option.isNone(wanted)) return webSocket.close(closeCodes.badAfter, "invalid query: see GET /api/v1/feed")
  yield* FeedSocket.feed(log, admit(wanted.value.after ?? ""), wanted.value)
})

const make = Effect.fnUntraced(function* (options: Options) {
  const limits = options.limits ?? defaultLimits
  const guarded = yield* Guarded.make
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes
  })
  const callers = yield* Callers
  const log = yield* EventLog.EventLog
  const channels = yield* Channels.make(options.linger ?? "10 seconds")
  const followers = new Set<AnyFollower>()
  /** Every connection that was taken over, those that follow nothing yet or any more included. */
  const sockets = new Set<WebSocket>()
  const run = yield* FiberSet.makeRuntime<never>()
  const listen = listening(yield* Messages, { guarded, run })
  let isClosed = false

  const admit = <Cursor extends number | string>(after: Cursor, webSocket: WebSocket, socket: Duplex) => {
    const follower = new Follower<Cursor>(webSocket, socket, { after, limits, guarded })
    followers.add(follower)
    follower.onClose(() => followers.delete(follower))
    return follower
  }

  const join = Effect.fnUntraced(function* (executionId: string, after: number, webSocket: WebSocket, socket: Duplex) {
    const channel = yield* channels.find(executionId, after)
    if (webSocket.readyState !== webSocket.OPEN) return
    channel.join(admit(after, webSocket, socket))
  })

  const follow = (executionId: string, query: URLSearchParams, webSocket: WebSocket, socket: Duplex) => {
    const after = query.get("after") ?? undefined
    if ([...query.keys()].some((key) => key !== "after")) {
      webSocket.close(closeCodes.badAfter, "the query has an unknown key: the only one is after")
      return Effect.void
    }
    if (after !== undefined && !/^\d{1,15}$/.test(after)) {
      webSocket.close(closeCodes.badAfter, "after must be the seq of an event, a whole number")
      return Effect.void
    }
    return join(executionId, after === undefined ? 0 : Number(after), webSocket, socket)
  }

  const opened = (
    { executionId, query }: Pick<Wanted, "query" | "executionId">,
    caller: Caller,
    webSocket: WebSocket,
    socket: Duplex
  ) => {
    sockets.add(webSocket)
    // Without a listener an error (a client that breaks the protocol, a reset) would end the
    // process; `close` follows it.
    webSocket.on("error", () => undefined)
    webSocket.on(
      "close",
      guarded("Forgetting a WebSocket", () => sockets.delete(webSocket))
    )
    if (isClosed) return webSocket.close(closeCodes.restart, "the server restarts")
    if (executionId !== undefined) listen(executionId, caller, webSocket)
    if (Principal.mayEnd(caller.principal)) {
      const watch = run(closeWith(caller, webSocket))
      webSocket.on(
        "close",
        guarded("Stopping to watch a credential", () => watch.interruptUnsafe())
      )
    }
    const what = executionId === undefined ? "The feed" : `Execution ${executionId}`
    const following = run(
      (executionId === undefined
        ? giveFeed(log, query, webSocket, (after) => admit(after, webSocket, socket))
        : follow(executionId, query, webSocket, socket)
      ).pipe(
        Principal.as(caller.principal),
        Effect.catchCause((cause) =>
          Effect.map(Channels.closingOf(what, cause), ([code, reason]) => webSocket.close(code, reason))
        )
      )
    )
    webSocket.on(
      "close",
      guarded("Stopping to follow", () => following.interruptUnsafe())
    )
  }

  yield* pingAll(followers, options.pingInterval ?? "20 seconds")
  yield* checkAll(followers)

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
    accept: ({ refuse, ...wanted }, request, socket, head) => {
      run(
        callers.identify(request, wanted.executionId === undefined ? "feed.follow" : "executions.follow").pipe(
          Effect.matchCause({
            onFailure: (cause) => refuse(Option.getOrElse(Cause.findErrorOption(cause), () => fault)),
            onSuccess: (caller) =>
              server.handleUpgrade(request, socket, head, (webSocket) => opened(wanted, caller, webSocket, socket))
          })
        )
      )
    },
    limits,
    count: Effect.sync(() => followers.size),
    close
  })
})

/** Follows executions of the event log. */
export const layerWith = (options: Options): Layer.Layer<Followers, never, EventLog.EventLog | Messages | Callers> =>
  Layer.effect(Followers, make(options))
