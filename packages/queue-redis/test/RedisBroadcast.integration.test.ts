import { BroadcastContract } from "@crewline/core/testing"
import * as Broadcast from "@crewline/core/Broadcast"
import { describe } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import * as RedisBroadcast from "../src/RedisBroadcast.ts"
import * as RedisConnection from "../src/RedisConnection.ts"
import * as RedisProcess from "./RedisProcess.ts"
import * as RedisServer from "./RedisServer.ts"

const process_ = (url: string, channel: string) =>
  Layer.build(
    RedisBroadcast.layer({ channel }).pipe(Layer.provideMerge(RedisConnection.layer({ url: Redacted.make(url) })))
  )

if (RedisServer.missing !== undefined) console.warn(`Skipped: ${RedisServer.missing}`)
describe.skipIf(RedisServer.missing !== undefined)(RedisServer.missing ?? "RedisBroadcast", () => {
  BroadcastContract.suite(
    "on a server",
    Effect.gen(function* () {
      const channel = RedisServer.fresh("broadcast")
      const name = RedisServer.fresh("listener")
      const here = yield* process_(RedisServer.url.href, channel)
      const there = yield* Layer.build(
        RedisBroadcast.layer({ channel }).pipe(Layer.provideMerge(RedisServer.layerNamed(name)))
      )
      const redis = Context.get(here, Redis.Redis)
      return [
        Context.get(here, Broadcast.Broadcast),
        Context.get(there, Broadcast.Broadcast),
        {
          cut: Effect.gen(function* () {
            const list = yield* redis.send<string>("CLIENT", "LIST", "TYPE", "pubsub")
            const ids = list.split("\n").filter((line) => line.includes(` name=${name} `))
            for (const line of ids) yield* redis.send("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(line)![1]!)
          })
        }
      ] as const
    })
  )
})

if (RedisProcess.missing !== undefined) console.warn(`Skipped: ${RedisProcess.missing}`)
describe.skipIf(RedisProcess.missing !== undefined)(RedisProcess.missing ?? "RedisBroadcast", () => {
  BroadcastContract.suite(
    "in a cluster",
    Effect.gen(function* () {
      const node = yield* RedisProcess.cluster()
      const url = `redis+cluster://127.0.0.1:${node.port}`
      const [here, there] = [yield* process_(url, "events"), yield* process_(url, "events")]
      return [
        Context.get(here, Broadcast.Broadcast),
        Context.get(there, Broadcast.Broadcast),
        { cut: Effect.promise(() => node.cli("client", "kill", "type", "pubsub").then(() => undefined)) }
      ] as const
    })
  )
})
