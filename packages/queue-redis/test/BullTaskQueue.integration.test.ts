/** The contract over BullMQ's bell, and failures specific to bells. */
import * as TaskQueue from "@crewline/core/TaskQueue"
import { TaskQueueContract } from "@crewline/core/testing"
import { assert, it } from "@effect/vitest"
import { Queue } from "bullmq"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { describe } from "vitest"
import * as BullTaskQueue from "../src/BullTaskQueue.ts"
import { RedisConnection } from "../src/RedisConnection.ts"
import * as QueueServer from "./QueueServer.ts"
import * as RedisServer from "./RedisServer.ts"

const { missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const facts = (executionId: string, ids: ReadonlyArray<string>): TaskQueue.Facts =>
  TaskQueueContract.facts(
    ids.map((id) => ({ id, dependencies: [] })),
    { executionId }
  )

/** A separate machine that does not poll, so that only bells wake it. */
const machine = (prefix: string, options: BullTaskQueue.Options = {}) =>
  Layer.build(
    BullTaskQueue.layer({ prefix, pollMillis: 3_600_000, ...options }).pipe(
      Layer.provideMerge(Layer.fresh(RedisServer.layerNamed("crewline-test-bull")))
    )
  )

const queueOf = (services: Effect.Success<ReturnType<typeof machine>>) =>
  Effect.provide(
    Effect.gen(function* () {
      return { queue: yield* TaskQueue.TaskQueue, connection: yield* RedisConnection }
    }),
    services
  )

const bullOf = (prefix: string, client: RedisConnection["Service"]["client"]) =>
  Effect.acquireRelease(
    Effect.sync(() => new Queue("ready", { connection: client, prefix: `{${prefix}:0}:bull` })),
    (queue) => Effect.promise(() => queue.close())
  )

describe.skipIf(missing !== undefined)(missing ?? "on a server", () => {
  TaskQueueContract.suite(
    "BullMQ",
    (options) => QueueServer.layer({ ...options, queue: BullTaskQueue.layerTransport }),
    // Keys of BullMQ itself, and bells until they are received: see below for both.
    QueueServer
  )

  describe("a bell", () => {
    it.live("wakes another machine, for every leg of a task", () =>
      Effect.gen(function* () {
        const prefix = RedisServer.fresh("bull")
        const here = yield* queueOf(yield* machine(prefix))
        const there = yield* queueOf(yield* machine(prefix))
        yield* here.queue.submit(facts("x", []))
        // One attempt, three legs: a job id made of execution, task and attempt would ring only
        // once.
        const taken = yield* Effect.forkChild(there.queue.take({ worker: "there", limit: 1 }))
        yield* here.queue.tell("x", { nodes: [{ id: "a", dependencies: [] }] })
        let [lease] = yield* Fiber.join(taken)
        for (let leg = 1; leg <= 3; leg++) {
          const child = `a/${leg}`
          const suspension = {
            run: leg,
            waits: { tasks: [child], signals: [], mode: "all" as const },
            spawn: [{ id: child, dependencies: [] }]
          }
          assert.isTrue(yield* there.queue.suspend(lease, suspension))
          yield* here.queue.take({ worker: "here", limit: 1 })
          const again = yield* Effect.forkChild(there.queue.take({ worker: "there", limit: 1 }))
          yield* Effect.sleep(50)
          yield* here.queue.tell("x", { settled: [child] })
          ;[lease] = yield* Fiber.join(again)
          assert.strictEqual(lease.taskId, "a")
        }
      }).pipe(Effect.scoped)
    )

    it.live("rung twice, or for a task that was claimed, has no effect", () =>
      Effect.gen(function* () {
        const prefix = RedisServer.fresh("bull")
        const { connection, queue } = yield* queueOf(yield* machine(prefix))
        const bull = yield* bullOf(prefix, connection.client)
        yield* queue.submit(facts("x", ["a"]))
        const [lease] = yield* queue.take({ worker: "w", limit: 1 })
        const waiting = yield* Effect.forkChild(queue.take({ worker: "w", limit: 1 }))
        for (const jobId of ["late", "late", "later"]) {
          yield* Effect.promise(() =>
            bull.add("ready", { executionId: "x", taskId: "a" }, { jobId, removeOnComplete: true })
          )
        }
        const jobs = Effect.promise(() => bull.getJobCounts("waiting", "active"))
        while (Object.values(yield* jobs).some((count) => count > 0)) yield* Effect.sleep(10)
        assert.isUndefined(waiting.pollUnsafe())
        // The first holder still has it.
        assert.isTrue(yield* queue.holds(lease))
        yield* queue.release(lease)
        assert.strictEqual((yield* Fiber.join(waiting))[0].taskId, "a")
      }).pipe(Effect.scoped)
    )

    it.live("that was written and never delivered is delivered by another machine", () =>
      Effect.gen(function* () {
        const prefix = RedisServer.fresh("bull")
        const dead = yield* queueOf(yield* machine(prefix))
        yield* dead.queue.submit(facts("x", ["a"]))
        const [lease] = yield* dead.queue.take({ worker: "dead", limit: 1 })
        const outbox = `{${prefix}:0}:outbox`
        // As if it had died right after the step that wrote the bell.
        yield* dead.queue.release(lease)
        yield* Effect.promise(async () => {
          const bells = await dead.connection.client.lrange(outbox, 0, -1)
          await dead.connection.client.rpush(
            outbox,
            ...(bells.length > 0 ? bells : [`1\u001fdefault\u001fdefault\u001f${"0".repeat(24)}x\u001fa`])
          )
        })
        const { connection } = yield* queueOf(yield* machine(prefix))
        while ((yield* Effect.promise(() => connection.client.llen(outbox))) > 0) yield* Effect.sleep(10)
      }).pipe(Effect.scoped)
    )

    it.live("that was lost delays a task until the next poll", () =>
      Effect.gen(function* () {
        const prefix = RedisServer.fresh("bull")
        const { connection, queue } = yield* queueOf(yield* machine(prefix, { pollMillis: 200 }))
        const bull = yield* bullOf(prefix, connection.client)
        const waiting = yield* Effect.forkChild(queue.take({ worker: "w", limit: 1 }))
        yield* Effect.promise(() => bull.pause())
        yield* queue.submit(facts("x", ["a"]))
        assert.strictEqual((yield* Fiber.join(waiting))[0].taskId, "a")
      }).pipe(Effect.scoped)
    )
  })
})
