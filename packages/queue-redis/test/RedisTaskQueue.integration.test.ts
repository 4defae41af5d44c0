import { TaskQueueContract } from "@crewline/core/testing"
import * as TaskQueue from "@crewline/core/TaskQueue"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RedisTaskQueue from "../src/RedisTaskQueue.ts"
import type { Script } from "../src/RedisTransport.ts"
import * as RedisTransport from "../src/RedisTransport.ts"
import { mutate } from "./Mutant.ts"
import * as QueueServer from "./QueueServer.ts"
import * as RedisServer from "./RedisServer.ts"

const { missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** This many independent tasks. */
const facts = (count: number): TaskQueue.Facts =>
  TaskQueueContract.facts(Array.from({ length: count }, (_, index) => ({ id: `t${index}`, dependencies: [] })))

describe.skipIf(missing !== undefined)(missing ?? "on a server", () => {
  TaskQueueContract.suite("Redis", QueueServer.layer, QueueServer)

  it.effect("a lease from before the queue was empty is invalid", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const nonces = new Set<number>()
      for (let round = 0; round < 5; round++) {
        // All at the same time.
        yield* queue.submit(facts(10))
        assert.include(yield* QueueServer.remains, "meta")
        for (const { nonce } of yield* queue.take({ worker: "w", limit: 10 })) nonces.add(nonce)
        yield* queue.forget("x")
        assert.deepStrictEqual(yield* QueueServer.remains, [])
      }
      assert.strictEqual(nonces.size, 50)
    }).pipe(Effect.provide(QueueServer.layer()))
  )

  it.live.each([-5, 5])("a clock that is wrong by %d minutes changes nothing", (minutes) =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const wrong: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + minutes * 60_000,
        currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(minutes) * 60_000_000_000n,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (millis) => millis + minutes * 60_000)
      })
      const prefix = RedisServer.fresh("queue")
      const machine = (layerOfClock: Layer.Layer<never>) =>
        Effect.flatMap(
          Layer.build(
            Layer.fresh(RedisTaskQueue.layer({ prefix })).pipe(
              Layer.provide(RedisServer.layerNamed("crewline-test-queue")),
              Layer.provide(layerOfClock)
            )
          ),
          (context) => Effect.provide(TaskQueue.TaskQueue, context)
        )
      const skewed = yield* machine(Layer.succeed(Clock.Clock, wrong))
      const right = yield* machine(Layer.empty)
      yield* skewed.submit(facts(1))
      const [lease] = yield* skewed.take({ worker: "skewed", limit: 1 })
      // Every step, including this one, first handles expired leases.
      assert.strictEqual((yield* right.overview()).lanes[0]?.leased, 1)
      assert.isTrue(yield* skewed.holds(lease))
      assert.isTrue(yield* skewed.release(lease, 100))
      const [again] = yield* right.take({ worker: "right", limit: 1 })
      assert.strictEqual((yield* skewed.overview()).lanes[0]?.leased, 1)
      assert.isTrue(yield* right.holds(again))
      assert.isFalse(yield* skewed.holds(lease))
      assert.isTrue(
        yield* right.suspend(again, {
          run: 1,
          waits: { tasks: [], signals: ["s"], mode: "all", timeoutMillis: 100 },
          spawn: []
        })
      )
      const [woken] = yield* skewed.take({ worker: "skewed", limit: 1 })
      assert.strictEqual(woken.timedOut, 1)
      yield* skewed.forget("x")
    }).pipe(Effect.scoped)
  )

  it.effect("in a chain, settles a task and claims the next one in one round trip", () => {
    let trips = 0
    const length = 20
    return Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const nodes = Array.from({ length }, (_, index) => ({
        id: `t${index}`,
        dependencies: index === 0 ? [] : [`t${index - 1}`]
      }))
      yield* queue.submit({ ...facts(0), nodes })
      for (let index = 0; index < length; index++) {
        const [lease] = yield* queue.take({ worker: "w", limit: 3 })
        assert.strictEqual(lease.taskId, `t${index}`)
        // Not awaited: the next request goes with it.
        yield* Effect.forkChild(queue.tell("x", { settled: [lease.taskId] }), { startImmediately: true })
      }
      yield* QueueServer.quiesce
      // The submission, the first task, and the last one, which has no successor.
      assert.isAtMost(trips, length + 3)
      assert.strictEqual((yield* queue.overview()).lanes.length, 0)
    }).pipe(
      Effect.provide(
        QueueServer.layer({
          around: (run) => (script, keys, args) => {
            trips++
            return run(script, keys, args)
          }
        })
      )
    )
  })

  it.effect("a slow call does not delay the others", () => {
    const reply = Deferred.makeUnsafe<void>()
    let steps = 0
    return Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* queue.submit(facts(2))
      const slow = yield* Effect.forkChild(queue.tell("x", { settled: ["t0"] }), { startImmediately: true })
      yield* QueueServer.quiesce
      const [lease] = yield* queue.take({ worker: "w", limit: 2 })
      assert.strictEqual(lease.taskId, "t1")
      assert.isUndefined(slow.pollUnsafe())
      yield* Deferred.succeed(reply, undefined)
      yield* Fiber.join(slow)
    }).pipe(
      Effect.provide(
        QueueServer.layer({
          around: (run) => (script, keys, args) =>
            script.name === "turn" && ++steps === 1
              ? Effect.tap(run(script, keys, args), Deferred.await(reply))
              : run(script, keys, args)
        })
      )
    )
  })

  it.live("a timer set by another process wakes waiting callers in time", () =>
    Effect.gen(function* () {
      const options = { prefix: RedisServer.fresh("queue"), pollMillis: 60_000, heartbeatMillis: 60_000 }
      const transport = Layer.effect(
        RedisTransport.RedisTransport,
        Effect.map(RedisTransport.RedisTransport, (real) => ({
          ...real,
          run: (script, keys, args) => real.run(mutate(script), keys, args)
        }))
      ).pipe(Layer.provide(RedisTransport.layer))
      const machine = Effect.map(
        Layer.build(
          Layer.fresh(RedisTaskQueue.layerTransport(options)).pipe(
            Layer.provide(transport),
            Layer.provide(RedisServer.layerNamed("crewline-test-queue"))
          )
        ),
        (context) => Context.get(context, TaskQueue.TaskQueue)
      )
      const [one, other] = [yield* machine, yield* machine]
      yield* one.submit(facts(1))
      const [lease] = yield* one.take({ worker: "one", limit: 1 })
      const waiting = yield* Effect.forkChild(other.take({ worker: "other", limit: 1 }), { startImmediately: true })
      yield* Effect.sleep(100)
      assert.isTrue(yield* one.release(lease, 200))
      const [again] = yield* Fiber.join(waiting)
      assert.strictEqual(again.taskId, lease.taskId)
      yield* other.forget("x")
    }).pipe(Effect.scoped)
  )

  it.effect("an execution submitted in parts persists", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* queue.submit(facts(3_000))
      assert.include(yield* QueueServer.remains, "x:x")
      assert.deepStrictEqual((yield* queue.overview()).lanes, [
        { lane: "default", ready: 3_000, leased: 0, oldestReadyMillis: 0 }
      ])
    }).pipe(Effect.provide(QueueServer.layer()))
  )

  it.effect("an execution whose parts expire during submission is stored completely, or not at all", () => {
    const drop: Script = {
      name: "stage",
      source: "local function run(keys) return redis.call('DEL', keys[1]) end",
      flags: []
    }
    let stages = 0
    return Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* queue.submit(facts(3_000))
      assert.strictEqual(stages, 8)
      assert.strictEqual((yield* queue.overview()).lanes[0]?.ready, 3_000)
    }).pipe(
      Effect.provide(
        QueueServer.layer({
          around: (run) => (script, keys, args) => {
            // As if the first part had expired when the third arrived.
            if (script.name === "stage" && ++stages === 3)
              return Effect.andThen(run(drop, keys, []), run(script, keys, args))
            return run(script, keys, args)
          }
        })
      )
    )
  })
})
