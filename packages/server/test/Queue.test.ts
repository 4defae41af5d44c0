import { assert, describe, it } from "@effect/vitest"
import type * as TaskQueue from "@crewline/core/TaskQueue"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Queue from "../src/Queue.ts"
import * as QueueView from "../src/Queue/View.ts"

const read = (env: Record<string, string>) =>
  Effect.provideService(
    Effect.gen(function* () {
      return yield* Queue.config
    }),
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromUnknown(env)
  )

describe("the configuration of the queue", () => {
  it.effect("is local unless configured otherwise, even if Redis is available", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), Queue.local)
      assert.deepStrictEqual(yield* read({ REDIS_URL: "redis://h", CREWLINE_QUEUE: " " }), Queue.local)
    })
  )

  it.effect("says who hands out tasks, what carries hints, and the limits of lanes", () =>
    Effect.gen(function* () {
      const env = {
        REDIS_URL: "redis://h",
        CREWLINE_QUEUE: "BullMQ",
        CREWLINE_EVENTS: "redis",
        CREWLINE_LANES: "openai:4",
        CREWLINE_REDIS_PREFIX: "blue",
        CREWLINE_REDIS_BUCKETS: "3"
      }
      assert.deepStrictEqual(yield* read(env), {
        kind: "bullmq",
        events: "redis",
        lanes: { openai: 4 },
        prefix: "blue",
        buckets: 3
      })
    })
  )

  it.effect.each([
    [{ CREWLINE_QUEUE: "radis" }, 'CREWLINE_QUEUE must be local, redis or bullmq, not "radis"'],
    [{ CREWLINE_EVENTS: "mail" }, 'CREWLINE_EVENTS must be postgres or redis, not "mail"'],
    [{ CREWLINE_QUEUE: "redis" }, "CREWLINE_QUEUE=redis needs REDIS_URL"],
    [{ CREWLINE_QUEUE: "bullmq", REDIS_URL: "" }, "CREWLINE_QUEUE=bullmq needs REDIS_URL"],
    [{ CREWLINE_EVENTS: "redis" }, "CREWLINE_EVENTS=redis needs REDIS_URL"],
    [{ CREWLINE_LANES: "openai:0" }, 'CREWLINE_LANES: Invalid lane "openai:0"'],
    [{ CREWLINE_REDIS_PREFIX: "{a}" }, "CREWLINE_REDIS_PREFIX"],
    [{ CREWLINE_REDIS_BUCKETS: "1.5" }, 'CREWLINE_REDIS_BUCKETS must be 1 to 64, not "1.5"']
  ] as const)("%o is refused with a message", ([env, words]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read(env))
      assert.include(error.message, words)
    })
  )
})

describe("what a tenant sees of the queue", () => {
  const view: TaskQueue.WorkerView = {
    name: "w2",
    concurrency: 4,
    startedAt: "2026-01-01T00:00:00.000Z",
    draining: false,
    silentMillis: 7,
    running: [
      { executionId: "mine", tenant: "acme", taskId: "a", lane: "openai" },
      { executionId: "theirs", tenant: "other", taskId: "secret", lane: "default" }
    ]
  }

  it("is every worker, but only its own tasks", () => {
    const [first, second, ...rest] = QueueView.workers(
      [view, { ...view, name: "w1", draining: true, running: [] }, { ...view, name: "server", concurrency: 0 }],
      "acme"
    )
    assert.deepStrictEqual(rest, [])
    assert.deepInclude(first, { name: "w1", status: "draining", running: [] })
    assert.deepStrictEqual(second, {
      name: "w2",
      concurrency: 4,
      startedAt: "2026-01-01T00:00:00.000Z",
      silentMillis: 7,
      status: "working",
      running: [{ executionId: "mine", taskId: "a", lane: "openai" }]
    })
    assert.notInclude(JSON.stringify([first, second]), "theirs")
  })

  it("says which worker was silent for longer than its leases last", () => {
    const statusOf = (more: Partial<TaskQueue.WorkerView>) =>
      QueueView.workers([{ ...view, ...more }], "acme")[0]?.status
    assert.strictEqual(statusOf({ silentMillis: 15_001, leaseMillis: 15_000 }), "stuck")
    assert.strictEqual(statusOf({ silentMillis: 15_001, leaseMillis: 15_000, draining: true }), "stuck")
    assert.strictEqual(statusOf({ silentMillis: 15_000, leaseMillis: 15_000 }), "working")
    // Its tasks are never handed out to other workers.
    assert.strictEqual(statusOf({ silentMillis: 15_001 }), "working")
  })

  it("says which task has waited longest in any lane", () => {
    const lane = { ready: 1, leased: 0 }
    const overview = (lanes: TaskQueue.Overview["lanes"]) => ({ executions: 1, timed: 0, lanes })
    assert.strictEqual(
      QueueView.oldestReadyMillis(
        overview([
          { ...lane, lane: "a", oldestReadyMillis: 5 },
          { ...lane, lane: "b", oldestReadyMillis: 9 },
          { ...lane, lane: "c", ready: 0 }
        ])
      ),
      9
    )
    assert.isUndefined(QueueView.oldestReadyMillis(overview([{ ...lane, lane: "c", ready: 0 }])))
  })
})
