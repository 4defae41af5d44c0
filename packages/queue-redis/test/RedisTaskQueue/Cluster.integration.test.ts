/**
 * The contract on a cluster of one node, which holds every slot, with busy polling; its scripts are
 * observed with MONITOR.
 */
import { TaskQueueContract } from "@crewline/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Redis } from "ioredis"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as RedisConnection from "../../src/RedisConnection.ts"
import * as QueueServer from "../QueueServer.ts"
import * as RedisProcess from "../RedisProcess.ts"

const { missing } = RedisProcess
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/**
 * The positions of keys among the arguments of a command, as reported by the server: first, last
 * (negative: from the end), step.
 */
type KeyPlaces = readonly [first: number, last: number, step: number]

const keysOf = ([name, ...args]: ReadonlyArray<string>, places: ReadonlyMap<string, KeyPlaces>) => {
  const [first, last, step] = places.get(name!.toLowerCase()) ?? assert.fail(`the server knows no ${name}`)
  const keys: Array<string> = []
  if (first === 0) return keys
  const end = last < 0 ? args.length + last + 1 : last
  for (let at = first; at <= end; at += step) keys.push(args[at - 1]!)
  return keys
}

describe.skipIf(missing !== undefined)(missing ?? "on a cluster", () => {
  const scope = Scope.makeUnsafe("sequential")
  const places = new Map<string, KeyPlaces>()
  const strays = new Set<string>()
  let port = 0
  let scripts = 0
  let commands = 0

  beforeAll(async () => {
    const node = await Effect.runPromise(Scope.provide(RedisProcess.cluster(), scope))
    port = node.port
    const client = new Redis(port, "127.0.0.1")
    for (const [name, , , ...rest] of (await client.call("COMMAND")) as ReadonlyArray<
      [string, number, unknown, ...KeyPlaces]
    >) {
      places.set(name, rest)
    }
    const monitor = await client.duplicate().monitor()
    let given = new Set<string>()
    monitor.on("monitor", (_: string, line: Array<string>, source: string) => {
      const name = line[0]!.toLowerCase()
      if (name === "fcall" || name === "evalsha" || name === "eval") {
        scripts++
        given = new Set(line.slice(3, 3 + Number(line[2])))
      } else if (source === "lua") {
        commands++
        for (const key of keysOf(line, places)) if (!given.has(key)) strays.add(`${name} ${key}`)
      }
    })
    await Effect.runPromise(
      Scope.addFinalizer(
        scope,
        Effect.sync(() => {
          monitor.disconnect()
          client.disconnect()
        })
      )
    )
  })

  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  TaskQueueContract.suite(
    "Redis cluster",
    (limits) =>
      QueueServer.layer({
        ...limits,
        busyPollMicros: 100,
        connection: Layer.unwrap(
          Effect.sync(() => RedisConnection.layer({ url: Redacted.make(`redis+cluster://127.0.0.1:${port}`) }))
        )
      }),
    QueueServer
  )

  it("no script has touched a key that it was not passed", () => {
    assert.isAbove(scripts, 0)
    assert.isAbove(commands, scripts)
    assert.deepStrictEqual([...strays], [])
  })
})
