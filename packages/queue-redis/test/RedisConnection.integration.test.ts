import { createServer, type Server, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisServer from "./RedisServer.ts"

const { connections, fresh, layerNamed, missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const secret = "canary-pa55word"

/** The failure of a connection to this URL. */
const failureOf = (url: string, options: Partial<RedisConnection.Options> = {}) =>
  Effect.flip(Layer.build(RedisConnection.layer({ url: Redacted.make(url), ...options }))).pipe(Effect.scoped)

/** A port that accepts connections and never responds, until the scope ends. */
const listening = Effect.acquireRelease(
  Effect.callback<{ readonly server: Server; readonly sockets: Set<Socket> }>((resume) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => sockets.add(socket))
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets })))
  }),
  ({ server, sockets }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of sockets) socket.destroy()
    })
).pipe(
  Effect.map(({ server }) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

/** Repeatedly, until it holds. */
const eventually = <E>(holds: Effect.Effect<boolean, E>) =>
  Effect.repeat(holds, { until: (held) => held, schedule: Schedule.spaced("20 millis") }).pipe(
    Effect.timeout("5 seconds")
  )

describe("RedisConnection without a server", () => {
  it.live("a closed port is a typed error with host and port, without the password", () =>
    Effect.gen(function* () {
      // Just closed: no process listens there.
      const port = yield* Effect.scoped(listening)
      const error = yield* failureOf(`redis://user:${secret}@127.0.0.1:${port}`)
      assert.strictEqual(error.reason, "unreachable")
      assert.isTrue(error.isRetryable)
      assert.strictEqual(error.address, `127.0.0.1:${port}`)
      assert.include(error.message, `Redis at 127.0.0.1:${port}: connect ECONNREFUSED`)
      assert.notInclude(JSON.stringify(error) + String(error.stack), secret)
    })
  )

  it.live("an unresponsive server is given up", () =>
    Effect.gen(function* () {
      const port = yield* listening
      const error = yield* failureOf(`redis://127.0.0.1:${port}`, { connectTimeoutMillis: 200 })
      assert.strictEqual(error.reason, "unreachable")
      assert.include(error.message, "no answer within 200 ms")
    }).pipe(Effect.scoped)
  )

  it.live("and so is one that does not speak TLS", () =>
    Effect.gen(function* () {
      const port = yield* listening
      const error = yield* failureOf(`rediss://127.0.0.1:${port}`, { connectTimeoutMillis: 200 })
      assert.strictEqual(error.reason, "unreachable")
    }).pipe(Effect.scoped)
  )

  it.live("an invalid Redis URL is refused with a message that does not repeat it", () =>
    Effect.gen(function* () {
      for (const url of [
        `http://user:${secret}@127.0.0.1`,
        secret,
        "redis://",
        `redis://:${secret}@127.0.0.1/name`,
        `redis://:%${secret}@127.0.0.1`,
        `redis://:${secret}@127.0.0.1:99999`
      ]) {
        const error = yield* failureOf(url)
        assert.strictEqual(error.reason, "invalid-url", url)
        assert.isFalse(error.isRetryable)
        assert.include(error.message, "redis://user:password@host:6379")
        assert.notInclude(JSON.stringify(error) + String(error.stack), secret)
      }
    })
  )
})

describe.skipIf(missing !== undefined)(missing ?? "RedisConnection", () => {
  it.live("sends commands and runs scripts, also if the server has lost them", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const key = fresh("key")
      assert.strictEqual(yield* redis.send("SET", key, "1", "EX", "60"), "OK")
      assert.strictEqual(yield* redis.send("GET", key), "1")
      assert.strictEqual(yield* redis.send("GET", fresh("absent")), null)
      const add = Redis.script((key: string, by: number) => [key, by], {
        lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
        numberOfKeys: 1
      }).withReturnType<number>()
      assert.strictEqual(yield* redis.eval(add)(key, 4), 5)
      yield* redis.send("SCRIPT", "FLUSH")
      assert.strictEqual(yield* redis.eval(add)(key, 4), 9)
      yield* redis.send("DEL", key)
    }).pipe(Effect.provide(layerNamed(fresh("name"))))
  )

  it.live("a rejected command is a typed error without its arguments", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const error = yield* Effect.flip(redis.send("AUTH", "nobody", secret))
      assert.strictEqual(error._tag, "RedisError")
      assert.include(String(error.cause), "WRONGPASS")
      assert.notInclude(JSON.stringify(Object.entries(error.cause as object)), secret)
    }).pipe(Effect.provide(layerNamed(fresh("name"))))
  )

  it.live("a wrong password is a typed error with host and port, and without the password", () =>
    Effect.gen(function* () {
      const url = new URL(RedisServer.url)
      url.username = "nobody"
      url.password = secret
      const error = yield* failureOf(url.href)
      assert.strictEqual(error.reason, "refused")
      assert.isFalse(error.isRetryable)
      assert.include(error.message, `Redis at ${url.hostname}:${url.port}: WRONGPASS`)
      assert.notInclude(JSON.stringify(error) + String(error.stack), secret)
    })
  )

  it.live("a user with a password is accepted, whatever its characters", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const name = fresh("user").replaceAll(":", "-")
      const password = "p@ss/wörd:%41#"
      yield* Effect.acquireUseRelease(
        redis.send("ACL", "SETUSER", name, "on", `>${password}`, "+@all", "~*"),
        () =>
          Effect.gen(function* () {
            const url = new URL(RedisServer.url)
            url.username = name
            url.password = encodeURIComponent(password)
            const context = yield* Layer.build(RedisConnection.layer({ url: Redacted.make(url.href) }))
            const own = yield* Effect.provide(Redis.Redis, context)
            assert.strictEqual(yield* own.send("ACL", "WHOAMI"), name)
          }).pipe(Effect.scoped),
        () => Effect.orDie(redis.send("ACL", "DELUSER", name))
      )
    }).pipe(Effect.provide(layerNamed(fresh("name"))))
  )

  it.live("reads REDIS_URL, including the database", () =>
    Effect.gen(function* () {
      const url = new URL("/3", RedisServer.url)
      const redis = yield* Effect.provide(
        Redis.Redis,
        yield* Layer.build(
          RedisConnection.layerConfig.pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ REDIS_URL: url.href })))
          )
        )
      )
      assert.include(yield* redis.send<string>("CLIENT", "INFO"), " db=3 ")
    }).pipe(Effect.scoped)
  )

  it.live("delivers published messages", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const channel = fresh("channel")
      const messages = yield* redis.subscribe(channel)
      yield* redis.send("PUBLISH", channel, "one")
      yield* redis.send("PUBLISH", fresh("channel"), "not for us")
      yield* redis.send("PUBLISH", channel, "two")
      assert.deepStrictEqual(yield* Queue.take(messages), { channel, message: "one" })
      assert.deepStrictEqual(yield* Queue.take(messages), { channel, message: "two" })
    }).pipe(Effect.scoped, Effect.provide(layerNamed(fresh("name"))))
  )

  it.live("a reserved connection may block without delaying others", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.Redis
      const list = fresh("list")
      const connection = yield* redis.reserve
      const waiting = yield* Effect.forkChild(connection.send("BLPOP", list, "5"))
      yield* redis.send("RPUSH", list, "x")
      assert.deepStrictEqual(yield* Fiber.join(waiting), [list, "x"])
    }).pipe(Effect.scoped, Effect.provide(layerNamed(fresh("name"))))
  )

  it.live("Effect's rate limiter runs on it, and limits two connections together", () =>
    Effect.gen(function* () {
      const key = fresh("limit")
      const scope = yield* Effect.scope
      const limiters = yield* Effect.forEach([1, 2], () =>
        Effect.map(
          Layer.buildWithScope(
            RateLimiter.layer.pipe(
              Layer.provide(RateLimiter.layerStoreRedis({})),
              Layer.provide(layerNamed(fresh("name")))
            ),
            scope
          ),
          (context) => Effect.provide(RateLimiter.RateLimiter, context)
        )
      )
      const outcomes = yield* Effect.forEach([0, 1, 0, 1], (index) =>
        Effect.flatMap(limiters[index]!, (each) =>
          Effect.result(each.consume({ key, limit: 3, window: Duration.minutes(1) }))
        )
      )
      assert.deepStrictEqual(
        outcomes.map((outcome) => outcome._tag),
        ["Success", "Success", "Success", "Failure"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("reconnects after the server has closed it, with its commands and subscriptions", () =>
    Effect.gen(function* () {
      const name = fresh("name")
      const admin = yield* Redis.Redis
      yield* Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const channel = fresh("channel")
        const key = fresh("key")
        const messages = yield* redis.subscribe(channel)
        assert.strictEqual(yield* connections(admin, name), 2)
        const list = yield* admin.send<string>("CLIENT", "LIST")
        const ids = list.split("\n").filter((line) => line.includes(` name=${name} `))
        for (const line of ids) yield* admin.send("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(line)![1]!)
        assert.strictEqual(yield* redis.send("SET", key, "x", "EX", "60"), "OK")
        assert.strictEqual(yield* redis.send("GET", key), "x")
        yield* eventually(Effect.map(connections(admin, name), (count) => count === 2))
        yield* eventually(Effect.map(admin.send<number>("PUBLISH", channel, "back"), (receivers) => receivers === 1))
        assert.strictEqual((yield* Queue.take(messages)).message, "back")
        yield* admin.send("DEL", key)
      }).pipe(Effect.scoped, Effect.provide(layerNamed(name)))
    }).pipe(Effect.provide(layerNamed(fresh("admin"))))
  )

  it.live("closing the scope closes every connection", () =>
    Effect.gen(function* () {
      const name = fresh("name")
      const admin = yield* Redis.Redis
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerNamed(name), scope)
      const redis = yield* Effect.provide(Redis.Redis, context)
      const { dedicated } = yield* Effect.provide(RedisConnection.RedisConnection, context)
      const inner = yield* Scope.make()
      yield* Scope.provide(redis.subscribe(fresh("channel")), inner)
      const own = yield* Scope.provide(dedicated, inner)
      yield* Effect.promise(() => own.ping())
      assert.strictEqual(yield* connections(admin, name), 3)
      yield* Scope.close(inner, Exit.void)
      yield* eventually(Effect.map(connections(admin, name), (count) => count === 1))
      const waiting = yield* Effect.forkChild(
        Effect.exit(Effect.scoped(Effect.flatMap(redis.reserve, (each) => each.send("BLPOP", fresh("list"), "30"))))
      )
      yield* eventually(Effect.map(connections(admin, name), (count) => count === 2))
      yield* Scope.close(scope, Exit.void)
      yield* eventually(Effect.map(connections(admin, name), (count) => count === 0))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(redis.send("PING"))))
    }).pipe(Effect.provide(layerNamed(fresh("admin"))))
  )
})
