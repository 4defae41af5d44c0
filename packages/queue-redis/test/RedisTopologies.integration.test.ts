/** A cluster, a server behind a sentinel and one with TLS: real processes on free ports. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisProcess from "./RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const secret = "canary-pa55word"

const connect = (url: string, options: Partial<RedisConnection.Options> = {}) =>
  Layer.build(RedisConnection.layer({ url: Redacted.make(url), ...options }))

const redisOf = (context: Context.Context<Redis.Redis>) => Context.get(context, Redis.Redis)

/** Operations that every kind of connection must support. */
const exercise = Effect.fnUntraced(function* (context: Context.Context<Redis.Redis | RedisConnection.RedisConnection>) {
  const redis = redisOf(context)
  assert.strictEqual(yield* redis.send("SET", "{a}1", "x"), "OK")
  assert.strictEqual(yield* redis.send("GET", "{a}1"), "x")
  const add = Redis.script((key: string, by: number) => [key, by], {
    lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
    numberOfKeys: 1
  }).withReturnType<number>()
  assert.strictEqual(yield* redis.eval(add)("count", 4), 4)
  yield* redis.send("SCRIPT", "FLUSH")
  assert.strictEqual(yield* redis.eval(add)("count", 4), 8)
  const messages = yield* redis.subscribe("channel")
  yield* redis.send("PUBLISH", "channel", "one")
  assert.deepStrictEqual(yield* Queue.take(messages), { channel: "channel", message: "one" })
  const reserved = yield* redis.reserve
  const waiting = yield* Effect.forkChild(reserved.send("BLPOP", "list", "5"))
  yield* redis.send("RPUSH", "list", "y")
  assert.deepStrictEqual(yield* Fiber.join(waiting), ["list", "y"])
  const { dedicated } = Context.get(context, RedisConnection.RedisConnection)
  const own = yield* dedicated
  assert.strictEqual(yield* Effect.promise(() => own.ping()), "PONG")
  yield* redis.send("DEL", "count")
})

/** Repeatedly, until it succeeds. */
const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.retry(effect, Schedule.spaced("50 millis")).pipe(Effect.timeout("20 seconds"))

describe.skipIf(missing !== undefined)(missing ?? "a cluster", { timeout: 60_000 }, () => {
  it.live("supports everything that a single server does, with a user and a password", () =>
    Effect.gen(function* () {
      const node = yield* RedisProcess.cluster({
        config: [`user me on >${secret} +@all ~* &*`, "user default on nopass +@all ~* &*"]
      })
      const context = yield* connect(`redis+cluster://me:${secret}@127.0.0.1:${node.port}`)
      yield* exercise(context)
      assert.strictEqual(yield* redisOf(context).send("ACL", "WHOAMI"), "me")
    }).pipe(Effect.scoped)
  )

  it.live("Effect's rate limiter runs on it", () =>
    Effect.gen(function* () {
      const node = yield* RedisProcess.cluster()
      const limiter = yield* Layer.build(
        RateLimiter.layer.pipe(
          Layer.provide(RateLimiter.layerStoreRedis({})),
          Layer.provide(RedisConnection.layer({ url: Redacted.make(`redis+cluster://127.0.0.1:${node.port}`) }))
        )
      )
      const { consume } = yield* Effect.provide(RateLimiter.RateLimiter, limiter)
      const key = { key: "k", limit: 1, window: Duration.minutes(1) }
      yield* consume(key)
      assert.strictEqual((yield* Effect.flip(consume(key)))._tag, "RateLimiterError")
    }).pipe(Effect.scoped)
  )

  it.live("recovers after all of it was down; meanwhile commands fail, and none waits forever", () =>
    Effect.gen(function* () {
      const node = yield* RedisProcess.cluster()
      const redis = redisOf(yield* connect(`redis+cluster://127.0.0.1:${node.port}`))
      assert.strictEqual(yield* redis.send("SET", "a", "1"), "OK")
      const messages = yield* redis.subscribe("channel")
      yield* Effect.promise(node.kill)
      const error = yield* Effect.flip(redis.send("GET", "a"))
      assert.strictEqual(error._tag, "RedisError")
      yield* Effect.promise(node.start)
      yield* eventually(redis.send("SET", "a", "2"))
      assert.strictEqual(yield* redis.send("GET", "a"), "2")
      yield* eventually(
        Effect.filterOrFail(redis.send<number>("PUBLISH", "channel", "back"), (receivers) => receivers === 1)
      )
      assert.strictEqual((yield* Queue.take(messages)).message, "back")
    }).pipe(Effect.scoped)
  )

  it.live("a failed connection is reported with its reason", () =>
    Effect.gen(function* () {
      const node = yield* RedisProcess.cluster()
      const wrong = yield* Effect.flip(connect(`redis+cluster://nobody:${secret}@127.0.0.1:${node.port}`))
      assert.strictEqual(wrong.reason, "refused")
      assert.include(wrong.message, `the cluster 127.0.0.1:${node.port}: WRONGPASS`)
      assert.notInclude(JSON.stringify(wrong) + String(wrong.stack), secret)
      const single = yield* RedisProcess.make()
      const none = yield* Effect.flip(connect(`redis+cluster://127.0.0.1:${single.port}`))
      assert.include(none.message, "cluster support disabled")
      const port = yield* Effect.promise(RedisProcess.freePort)
      const nobody = yield* Effect.flip(connect(`redis+cluster://127.0.0.1:${port}`))
      assert.strictEqual(nobody.reason, "unreachable")
      assert.isTrue(nobody.isRetryable)
    }).pipe(Effect.scoped)
  )
})

describe.skipIf(missing !== undefined)(missing ?? "a server behind a sentinel", { timeout: 60_000 }, () => {
  it.live("is found by its name, with separate passwords for it and the sentinel", () =>
    Effect.gen(function* () {
      const server = yield* RedisProcess.make({ config: [`requirepass ${secret}`], cli: ["-a", secret] })
      const watch = yield* RedisProcess.sentinelOf(server, {
        config: [`sentinel auth-pass main ${secret}`, "requirepass watchword"],
        cli: ["-a", "watchword"]
      })
      const dead = yield* Effect.promise(RedisProcess.freePort)
      const hosts = `127.0.0.1:${dead},127.0.0.1:${watch.port}`
      const context = yield* connect(`redis+sentinel://:${secret}@${hosts}/main/3?sentinelPassword=watchword`)
      yield* exercise(context)
      assert.include(yield* redisOf(context).send<string>("CLIENT", "INFO"), " db=3 ")
    }).pipe(Effect.scoped)
  )

  it.live.each([false, true])("uses the new master after a failover, unref: %s", (unref) =>
    Effect.gen(function* () {
      const server = yield* RedisProcess.make()
      const replica = yield* RedisProcess.make({ config: [`replicaof 127.0.0.1 ${server.port}`] })
      const watch = yield* RedisProcess.sentinelOf(server, {
        // With less than a second, a busy machine makes the sentinel give up the replica, too.
        config: ["sentinel down-after-milliseconds main 1000", "sentinel failover-timeout main 1000"]
      })
      yield* eventually(
        Effect.filterOrFail(
          Effect.promise(() => watch.cli("sentinel", "replicas", "main")),
          (replicas) => replicas.includes(String(replica.port)) && replicas.includes("master-link-status\nok")
        )
      )
      const redis = redisOf(yield* connect(`redis+sentinel://127.0.0.1:${watch.port}/main`, { unref }))
      assert.strictEqual(yield* redis.send("SET", "a", "1"), "OK")
      yield* Effect.promise(() => replica.cli("config", "get", "port"))
      yield* Effect.promise(() => server.cli("wait", "1", "5000"))
      yield* Effect.promise(server.kill)
      yield* eventually(redis.send("SET", "b", "2"))
      assert.strictEqual(yield* redis.send("GET", "a"), "1")
      assert.strictEqual(yield* Effect.promise(() => replica.cli("get", "b")), "2")
    }).pipe(Effect.scoped)
  )

  it.live("a failed connection is reported with its reason", () =>
    Effect.gen(function* () {
      const server = yield* RedisProcess.make()
      const watch = yield* RedisProcess.sentinelOf(server)
      const at = `127.0.0.1:${watch.port}`
      const unknown = yield* Effect.flip(connect(`redis+sentinel://${at}/other`))
      assert.strictEqual(unknown.reason, "unreachable")
      assert.include(unknown.message, `Redis at "other" of the sentinels ${at}: `)
      assert.include(unknown.message, "No such master with that name")
      const port = yield* Effect.promise(RedisProcess.freePort)
      const nobody = yield* Effect.flip(connect(`redis+sentinel://127.0.0.1:${port}/main`))
      assert.strictEqual(nobody.reason, "unreachable")
      assert.include(nobody.message, `failed to connect to sentinel 127.0.0.1:${port}`)
      const wrong = yield* Effect.flip(connect(`redis+sentinel://nobody:${secret}@${at}/main`))
      assert.strictEqual(wrong.reason, "refused")
      assert.notInclude(JSON.stringify(wrong) + String(wrong.stack), secret)
    }).pipe(Effect.scoped)
  )
})

describe.skipIf(missing !== undefined)(missing ?? "TLS", { timeout: 60_000 }, () => {
  it.live("a server and a cluster are accepted only if their authority is trusted", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "crewline-tls-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")]
      const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
      execFileSync(
        "openssl",
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", certificate, ...names],
        { stdio: "ignore" }
      )
      const ca = readFileSync(certificate)
      for (const kind of ["", "+cluster"] as const) {
        const tlsPort = yield* Effect.promise(RedisProcess.freePort)
        const config = [
          `tls-port ${tlsPort}`,
          `tls-cert-file ${certificate}`,
          `tls-key-file ${key}`,
          `tls-ca-cert-file ${certificate}`,
          "tls-auth-clients no",
          ...(kind === "" ? [] : ["tls-cluster yes"])
        ]
        yield* kind === "" ? RedisProcess.make({ config }) : RedisProcess.cluster({ config })
        const url = `rediss${kind}://localhost:${tlsPort}`
        yield* exercise(yield* connect(url, { tls: { ca } }))
        const error = yield* Effect.flip(connect(url))
        assert.strictEqual(error.reason, "unreachable")
        assert.include(error.message, "self-signed certificate")
      }
    }).pipe(Effect.scoped)
  )
})
