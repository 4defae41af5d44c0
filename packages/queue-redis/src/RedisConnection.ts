/**
 * A Redis server by URL, over ioredis; also as Effect's own `Redis` service, so that its rate limiter and its persistence run on it.
 *
 * - The layer is built once the server has answered, and fails with `RedisConnectionError` when it does not. Later the connection comes
 *   back by itself; commands under way are then sent again, so each is done at least once, or fails after a few tries.
 * - A subscription has a connection of its own and comes back too; what was published in between is lost.
 * - Closing the scope closes every connection.
 * - The URL may carry a password: no error of this file repeats it, nor the arguments of a command.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Redis as Client, type RedisOptions } from "ioredis"

export interface Options {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: Redacted.Redacted
  /** For `rediss://`: authorities, certificates. Default: what Node trusts. */
  readonly tls?: RedisOptions["tls"]
  /** How the server lists the connections; default `crewline`. */
  readonly name?: string | undefined
  /** How long the server may take to answer at first, in milliseconds; default 5,000. */
  readonly connectTimeoutMillis?: number | undefined
}

/** There is no connection: the URL is none, nobody answers at its address, or the server refuses (a wrong password). */
export class RedisConnectionError extends Schema.TaggedError<RedisConnectionError>()("RedisConnectionError", {
  /** `host:port`. */
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
    /** `host:port`. */
    readonly address: string
    /** The shared connection. It must neither subscribe nor block: see `dedicated`. */
    readonly client: Client
    /** A connection of one's own, closed with the scope; it connects with its first command. */
    readonly dedicated: Effect.Effect<Client, never, Scope.Scope>
  }
>()("@crewline/queue-redis/RedisConnection") {}

/** How often a command is sent again when the connection was lost under it. */
const maxRetriesPerRequest = 3

const errorText = (error: unknown): string =>
  // Where both IPv4 and IPv6 were tried, only the code says something.
  error instanceof Error ? error.message || String("code" in error ? error.code : error.name) : String(error)

/** Errors of ioredis carry the arguments of the command, `AUTH` included: only their text goes on. */
const redisError = (error: unknown) => new Redis.RedisError({ cause: new Error(errorText(error)) })

const parse = (options: Options) =>
  Effect.try({
    // Whatever is not as it must be throws.
    try: () => {
      const url = new URL(Redacted.value(options.url))
      const [, tls] = /^redis(s?):$/.exec(url.protocol)!
      const [, database] = /^\/?(\d*)$/.exec(url.pathname)!
      if (url.hostname === "") throw new TypeError("no host")
      return {
        host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
        port: url.port === "" ? 6379 : Number(url.port),
        db: Number(database),
        ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
        ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
        ...(tls === "" ? {} : { tls: options.tls ?? {} })
      }
    },
    catch: () =>
      new RedisConnectionError({
        address: "",
        reason: "invalid-url",
        description:
          "The URL of Redis is not valid: it must look like redis://user:password@host:6379 (rediss:// for TLS)."
      })
  })

const make = Effect.fnUntraced(function* (options: Options) {
  const server = yield* parse(options)
  const address = `${server.host}:${server.port}`
  const connectTimeout = options.connectTimeoutMillis ?? 5_000
  const fork = Effect.runForkWith(yield* Effect.context())
  const connectionName = options.name ?? "crewline"

  const open = (create: () => Client) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const client = create()
        let wasReady = false
        client.on("ready", () => {
          wasReady = true
        })
        // Without a listener ioredis writes to the console. One line for each loss, not for each try; a first failure is an error.
        client.on("error", (error: unknown) => {
          if (wasReady) fork(Effect.logWarning(`The connection to Redis at ${address} is lost: ${errorText(error)}`))
          wasReady = false
        })
        return client
      }),
      close
    )

  const client = yield* open(
    () => new Client({ ...server, connectionName, connectTimeout, maxRetriesPerRequest, lazyConnect: true })
  )
  let last: unknown
  const remember = (error: unknown) => (last ??= error)
  client.on("error", remember)
  const refusal = (reason: RedisConnectionError["reason"], description: string) =>
    new RedisConnectionError({ address, reason, description })
  yield* Effect.tryPromise({
    try: () => client.connect(),
    catch: (error) => {
      const cause = last ?? error
      const isReply = cause instanceof Error && cause.name === "ReplyError"
      return refusal(isReply ? "refused" : "unreachable", errorText(cause))
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: connectTimeout,
      orElse: () => Effect.fail(refusal("unreachable", `no answer within ${connectTimeout} ms`))
    })
  )
  client.off("error", remember)

  const dedicated = open(() => client.duplicate())
  const redis = yield* Redis.make({
    send: sendWith(client),
    connect: Effect.sync(() => {
      // A reserved connection that is lost is replaced by the pool.
      const reserved = client.duplicate({ retryStrategy: () => null })
      reserved.on("error", () => {})
      return { send: sendWith(reserved), close: close(reserved) }
    }),
    subscribe: Effect.fnUntraced(function* (channel, onMessage) {
      const subscriber = yield* dedicated
      subscriber.on("message", (channel: string, message: string) => onMessage({ channel, message }))
      yield* Effect.tryPromise({ try: () => subscriber.subscribe(channel), catch: redisError })
      return Effect.never
    })
  })
  return Context.make(RedisConnection, { address, client, dedicated }).pipe(Context.add(Redis.Redis, redis))
})

const sendWith =
  (client: Client): Redis.Redis["Service"]["send"] =>
  <A>(command: string, ...args: ReadonlyArray<string>) =>
    Effect.tryPromise({ try: () => client.call(command, [...args]) as Promise<A>, catch: redisError })

/** Waits until the socket is closed, unless it is already. */
const close = (client: Client): Effect.Effect<void> =>
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
