/**
 * Redis by URL, over ioredis: a server, the servers behind sentinels, or a cluster. Also as
 * Effect's own `Redis` service, so that its rate limiter and its persistence run on it.
 *
 * - The layer is built once the server has answered, and fails with `RedisConnectionError` if it
 *   does not. Later, lost connections are reopened automatically; pending commands are then sent
 *   again, so each is executed at least once, or fails after a few attempts.
 * - A subscription has a separate connection that is also reopened; messages published in between
 *   are lost.
 * - Closing the scope closes every connection.
 * - The URL may carry a password: no error of this file repeats it, nor the arguments of a command.
 */
import * as Guarded from "@crewline/core/Guarded"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { RedisOptions } from "ioredis"
import * as Address from "./RedisConnection/Address.ts"
import * as Client from "./RedisConnection/Client.ts"

export interface Options {
  /**
   * `redis://user:password@host:port/database`;
   * `redis+sentinel://…@host:port,host:port/name/database`, `sentinelPassword` and
   * `sentinelUsername` as parameters; `redis+cluster://…@host:port,host:port`. Each with `rediss`
   * for TLS.
   */
  readonly url: Redacted.Redacted
  /** For `rediss`: authorities, certificates. Default: what Node trusts. */
  readonly tls?: RedisOptions["tls"]
  /** How the server lists the connections; default `crewline`. */
  readonly name?: string | undefined
  /** How long the server may take to answer at first, in milliseconds; default 5,000. */
  readonly connectTimeoutMillis?: number | undefined
  /** Connections do not keep the process alive, unless one is being opened. Default: they do. */
  readonly unref?: boolean | undefined
}

/**
 * There is no connection: the URL is none, nobody answers at its address, or the server refuses (a
 * wrong password).
 */
export class RedisConnectionError extends Schema.TaggedError<RedisConnectionError>()("RedisConnectionError", {
  /** `host:port`, or several. */
  address: Schema.String,
  reason: Schema.Literals(["invalid-url", "unreachable", "refused"]),
  description: Schema.String
}) {
  /** True when trying again later may help. */
  get isRetryable(): boolean {
    return this.reason === "unreachable"
  }
  override get message() {
    return this.reason === "invalid-url" ? this.description : `Redis at ${this.address}: ${this.description}`
  }
}

export class RedisConnection extends Context.Service<
  RedisConnection,
  {
    /** `host:port`, or several, for people. */
    readonly address: string
    /** The shared connection. It must neither subscribe nor block: see `dedicated`. */
    readonly client: Client.Client
    /** A connection of one's own, closed with the scope; it connects with its first command. */
    readonly dedicated: Effect.Effect<Client.Client, never, Scope.Scope>
    /**
     * A connection to subscribe with, closed with the scope. When it is lost it ends (the event
     * `end`), so that its owner knows.
     */
    readonly subscriber: Effect.Effect<Client.Client, RedisConnectionError, Scope.Scope>
  }
>()("@crewline/queue-redis/RedisConnection") {}

const errorText = (error: unknown): string =>
  // Where both IPv4 and IPv6 were tried, only the code says something.
  error instanceof Error ? error.message || String("code" in error ? error.code : error.name) : String(error)

/**
 * Errors of ioredis carry the arguments of the command, `AUTH` included: only their text goes on.
 */
const redisError = (error: unknown) => new Redis.RedisError({ cause: new Error(errorText(error)) })

const make = Effect.fnUntraced(function* (options: Options) {
  const parsed = Address.parse(options.url)
  if (Result.isFailure(parsed)) {
    return yield* new RedisConnectionError({ address: "", reason: "invalid-url", description: parsed.failure })
  }
  const address = Address.toText(parsed.success)
  const connectTimeout = options.connectTimeoutMillis ?? 5_000
  const fork = Effect.runForkWith(yield* Effect.context())
  const guarded = yield* Guarded.make

  const open = (create: () => Client.Client) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const client = create()
        if (options.unref === true) Client.unref(client, guarded)
        let wasReady = false
        client.on(
          "ready",
          guarded("Handling a connection to Redis", () => {
            wasReady = true
          })
        )
        // Without a listener ioredis writes to the console. One line for each loss, not for each
        // try; a first failure is an error.
        client.on(
          "error",
          guarded("Handling the loss of the connection to Redis", (error: unknown) => {
            if (wasReady) fork(Effect.logWarning(`Lost the connection to Redis at ${address}: ${errorText(error)}`))
            wasReady = false
          })
        )
        return client
      }),
      close
    )

  const clientOptions: Client.Options = {
    name: options.name ?? "crewline",
    connectTimeoutMillis: connectTimeout,
    tls: options.tls,
    unref: options.unref === true
  }
  const client = yield* open(() => Client.make(parsed.success, clientOptions))
  let last: unknown
  const remember = guarded("Handling a connection error of Redis", (error: unknown) => (last ??= error))
  // Of a cluster and of sentinels, what single nodes said tells more than that none of them would
  // do.
  for (const event of failures) client.on(event, remember)
  const refusal = (reason: RedisConnectionError["reason"], description: string) =>
    new RedisConnectionError({ address, reason, description })
  yield* Effect.tryPromise({ try: () => client.connect(), catch: (error) => last ?? error }).pipe(
    Effect.catch((error) =>
      // The nodes of a cluster do not tell why they could not be reached.
      Effect.flatMap(Client.complaint(parsed.success, clientOptions), (complaint) => {
        const cause = complaint ?? error
        const isReply = cause instanceof Error && cause.name === "ReplyError"
        return Effect.fail(refusal(isReply ? "refused" : "unreachable", errorText(cause)))
      })
    ),
    Effect.timeoutOrElse({
      duration: connectTimeout,
      orElse: () => Effect.fail(refusal("unreachable", `no answer within ${connectTimeout} ms`))
    })
  )
  for (const event of failures) client.off(event, remember)

  const dedicated = open(() => Client.another(client, { once: false }))
  const subscriber = Effect.suspend(() => {
    const created = Client.subscriber(client)
    return created === undefined ? Effect.fail(refusal("unreachable", "no node is known")) : open(() => created)
  })
  const redis = yield* Redis.make({
    send: sendWith(client),
    connect: Effect.sync(() => {
      // A reserved connection that is lost is replaced by the pool.
      const reserved = Client.another(client, { once: true })
      if (options.unref === true) Client.unref(reserved, guarded)
      reserved.on("error", () => {})
      return { send: sendWith(reserved), close: close(reserved) }
    }),
    subscribe: Effect.fnUntraced(function* (channel, onMessage) {
      const subscriber = yield* dedicated
      subscriber.on(
        "message",
        guarded(`Reading a message of ${channel}`, (channel: string, message: string) =>
          onMessage({ channel, message })
        )
      )
      yield* Effect.tryPromise({ try: () => subscriber.subscribe(channel), catch: redisError })
      return Effect.never
    })
  })
  return Context.make(RedisConnection, { address, client, dedicated, subscriber }).pipe(Context.add(Redis.Redis, redis))
})

const sendWith = (client: Client.Client): Redis.Redis["Service"]["send"] => {
  const call = <A>(on: Client.Client, command: string, args: ReadonlyArray<string>) =>
    Effect.tryPromise({ try: () => on.call(command, [...args]) as Promise<A>, catch: redisError })
  return <A>(command: string, ...args: ReadonlyArray<string>) =>
    command === "SCRIPT"
      ? Effect.map(
          Effect.forEach(Client.masters(client), (each) => call<A>(each, command, args)),
          (answers) => answers[0]!
        )
      : call<A>(client, command, args)
}

/** What a client tells of when it cannot connect. */
const failures = ["node error", "sentinelError", "error"] as const

/** Waits until the socket is closed, unless it is already. */
const close = (client: Client.Client): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const isOpen = client.status !== "end" && client.status !== "reconnecting"
    if (isOpen) client.once("end", () => resume(Effect.void))
    client.disconnect()
    if (!isOpen) resume(Effect.void)
  })

/** Connects to the server of the URL. */
export const layer = (options: Options): Layer.Layer<RedisConnection | Redis.Redis, RedisConnectionError> =>
  Layer.effectContext(make(options))

/** Connects to the server of `REDIS_URL`. */
export const layerConfig: Layer.Layer<RedisConnection | Redis.Redis, RedisConnectionError | Config.ConfigError> =
  Layer.unwrap(Effect.map(Config.Redacted("REDIS_URL"), (url) => layer({ url })))
