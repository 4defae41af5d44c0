/**
 * Effects of outcomes outside of the log: stored together with them, performed in the background,
 * by other processes if the one that stored them dies.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import type * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Memory from "../../src/Memory.ts"
import * as Outbox from "../../src/Outbox.ts"
import * as LocalMemory from "../fake/LocalMemory.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"

/** In small steps, because waking another fiber takes a turn of the scheduler. */
const seconds = (count: number) => Effect.repeat(TestClock.adjust(count * 100), { times: 9 })

const inMemory = <A, E>(
  effect: Effect.Effect<A, E, EventLog.EventLog | Outbox.Outbox | Scope.Scope>
): Effect.Effect<A, E> => effect.pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))

/** Stores its inputs once allowed: a memory that may be slow, or down. */
const memoryOf = (remember: Effect.Effect<void, Memory.MemoryError> = Effect.void) => {
  const texts: Array<string> = []
  const recalled: Array<number> = []
  const memory = LocalMemory.make({
    remember: (entries) =>
      Effect.andThen(
        remember,
        Effect.sync(() => {
          texts.push(...entries.map((entry) => entry.text))
          return []
        })
      ),
    recall: () =>
      Effect.sync(() => {
        recalled.push(texts.length)
        return []
      })
  })
  return { memory, texts, recalled }
}

const remembering = { memory: true } as const
const rows = Effect.flatMap(Outbox.Outbox, (outbox) => outbox.list())
const statusOf = (crewline: Crewline.Crewline["Service"], id: string) =>
  Effect.map(crewline.get(id), ({ status }) => status)

const down = (isRetryable: boolean) =>
  Effect.fail(new Memory.MemoryError({ operation: "remember", description: "the disk is gone", isRetryable }))

describe("a memory of a crew", () => {
  it.effect("is stored in the background, delays no other task, and is stored once", () =>
    inMemory(
      Effect.gen(function* () {
        const gate = yield* Latch.make(false)
        const { memory, texts } = memoryOf(gate.await)
        const { crewline } = yield* Process.start({ memory, options: { worker: { concurrency: 1 } } })
        const handle = yield* crewline.startPlan(World.plan({ a: {} }, remembering))
        const other = yield* crewline.startPlan(World.plan({ c: {} }))
        yield* seconds(1)
        assert.strictEqual(yield* statusOf(crewline, other.id), "completed")
        assert.deepStrictEqual(texts, [])
        assert.deepStrictEqual(
          (yield* rows).map(({ attempts, consumer, executionId, state }) => [executionId, consumer, state, attempts]),
          [[handle.id, "memory", "pending", 1]]
        )
        yield* gate.open
        yield* seconds(2)
        assert.strictEqual(yield* statusOf(crewline, handle.id), "completed")
        assert.deepStrictEqual(texts, ["a"])
        assert.deepStrictEqual(yield* rows, [])
        yield* seconds(60)
        assert.strictEqual(texts.length, 1)
      })
    )
  )

  it.effect("is stored by another process if the one with the outbox row died", () =>
    inMemory(
      Effect.gen(function* () {
        const first = memoryOf(Effect.never)
        const dying = yield* Process.start({ memory: first.memory, options: { worker: { outboxLeaseMillis: 10_000 } } })
        const { id } = yield* dying.crewline.startPlan(World.plan({ a: {} }, remembering))
        yield* seconds(1)
        assert.strictEqual(yield* statusOf(dying.crewline, id), "completed")
        yield* dying.close
        const second = memoryOf()
        yield* Process.start({ memory: second.memory, options: { worker: { outboxLeaseMillis: 10_000 } } })
        yield* seconds(5)
        assert.deepStrictEqual(second.texts, [])
        yield* seconds(10)
        assert.deepStrictEqual([first.texts, second.texts], [[], ["a"]])
        assert.deepStrictEqual(yield* rows, [])
      })
    )
  )

  it.effect("is retried at increasing intervals while the memory fails, and becomes a dead letter in the end", () =>
    inMemory(
      Effect.gen(function* () {
        let tried = 0
        const { memory } = memoryOf(
          Effect.suspend(() => {
            tried++
            return down(true)
          })
        )
        const { crewline } = yield* Process.start({ memory })
        const { id } = yield* crewline.startPlan(World.plan({ a: {} }, remembering))
        yield* seconds(1)
        assert.strictEqual(yield* statusOf(crewline, id), "completed")
        yield* seconds(60)
        assert.isAtLeast(tried, 2)
        assert.isAtMost(tried, 5)
        yield* Effect.repeat(seconds(600), { times: 15 })
        assert.strictEqual(tried, 10)
        const [row] = yield* rows
        assert.deepInclude(row, { executionId: id, state: "dead", attempts: 10 })
        assert.include(row!.error, "the disk is gone")
      })
    )
  )

  it.effect("is a dead letter at once if a retry cannot succeed", () =>
    inMemory(
      Effect.gen(function* () {
        const { memory } = memoryOf(down(false))
        const { crewline } = yield* Process.start({ memory })
        yield* crewline.startPlan(World.plan({ a: {} }, remembering))
        yield* seconds(2)
        assert.deepStrictEqual(
          (yield* rows).map(({ attempts, state }) => [state, attempts]),
          [["dead", 1]]
        )
      })
    )
  )

  it.effect("is stored before this process recalls anything", () =>
    inMemory(
      Effect.gen(function* () {
        const { memory, recalled } = memoryOf(Effect.sleep(500))
        const { crewline } = yield* Process.start({ memory })
        const { id } = yield* crewline.startPlan(World.plan({ a: {}, b: { dependencies: ["a"] } }, remembering))
        yield* seconds(5)
        assert.strictEqual(yield* statusOf(crewline, id), "completed")
        assert.deepStrictEqual(recalled, [0, 1])
      })
    )
  )

  it.effect("delays a recall only briefly", () =>
    inMemory(
      Effect.gen(function* () {
        const { memory, recalled } = memoryOf(Effect.never)
        const { crewline } = yield* Process.start({ memory })
        const { id } = yield* crewline.startPlan(World.plan({ a: {}, b: { dependencies: ["a"] } }, remembering))
        yield* seconds(5)
        assert.strictEqual(yield* statusOf(crewline, id), "completed")
        assert.deepStrictEqual(recalled, [0, 0])
      })
    )
  )

  it.effect("is not stored for crews that do not ask for it, for failures, and for results taken over", () =>
    inMemory(
      Effect.gen(function* () {
        const { memory, texts } = memoryOf()
        let fails = true
        const model = World.llm(({ caller }) =>
          caller!.taskId === "b" && fails ? Effect.die(new Error("no")) : World.text(caller!.taskId)
        )
        const { crewline } = yield* Process.start({ memory, model })
        yield* crewline.startPlan(World.plan({ x: {} }))
        const { id } = yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }, remembering))
        yield* seconds(2)
        assert.strictEqual(yield* statusOf(crewline, id), "failed")
        assert.deepStrictEqual(texts, ["a"])
        fails = false
        const again = yield* crewline.retry(id)
        yield* seconds(2)
        assert.strictEqual(yield* statusOf(crewline, again.id), "completed")
        assert.deepStrictEqual(texts, ["a", "b"])
        assert.deepStrictEqual(yield* rows, [])
      })
    )
  )
})
