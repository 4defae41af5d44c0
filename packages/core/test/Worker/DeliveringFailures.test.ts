/**
 * Consumers that hang, throw and kill, and rows that cannot be read: what they do to others, and
 * what becomes of their rows.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Outbox from "../../src/Outbox.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"

/** In small steps: whoever wakes another in no time needs a turn of the scheduler for it. */
const seconds = (count: number) => Effect.repeat(TestClock.adjust(count * 100), { times: 9 })
const hours = (count: number) => Effect.repeat(seconds(300), { times: 12 * count - 1 })

const inMemory = <A, E>(
  effect: Effect.Effect<A, E, EventLog.EventLog | Outbox.Outbox | Scope.Scope>
): Effect.Effect<A, E> => effect.pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))

/** Follows from every output; `serve` is called for each of them. */
const consumerOf = (
  serve: (taskId: string, delivery: Outbox.Delivery) => Effect.Effect<void, Outbox.ConsumerError>
) => {
  const consumer: Outbox.Consumer = {
    name: "effect",
    concerns: () => true,
    partsOf: (_, draft) => (draft.type === "TaskCompleted" ? 1 : 0),
    serve: (delivery) => serve((delivery.event as { readonly taskId: string }).taskId, delivery)
  }
  return consumer
}

const start = (consumer: Outbox.Consumer, outboxLeaseMillis = 10_000) =>
  Effect.provideService(Process.start({ options: { worker: { outboxLeaseMillis } } }), Outbox.Consumers, [consumer])

/** A process that can be killed: what it has not settled by then stays as it is. */
const startDying = Effect.fnUntraced(function* (consumer: Outbox.Consumer) {
  const outbox = yield* Outbox.Outbox
  let isDead = false
  const dead = Effect.fail(new Outbox.OutboxError({ operation: "settle", description: "The process is dead." }))
  const mortal: Outbox.Outbox["Service"] = {
    ...outbox,
    settle: (settled) => Effect.suspend(() => (isDead ? dead : outbox.settle(settled)))
  }
  const process = yield* Effect.provideService(start(consumer), Outbox.Outbox, mortal)
  return Effect.suspend(() => {
    isDead = true
    return process.close
  })
})

const rows = Effect.flatMap(Outbox.Outbox, (outbox) => outbox.list({ limit: 1_000 }))
const states = Effect.map(rows, (all) => all.map(({ attempts, state }) => [state, attempts]))

describe("a consumer", () => {
  it.effect("that throws instead of failing leaves a dead letter, and others are served", () =>
    inMemory(
      Effect.gen(function* () {
        const served: Array<string> = []
        const { crewline } = yield* start(
          consumerOf((taskId) => {
            if (taskId === "a") throw new Error("out of order")
            served.push(taskId)
            return Effect.void
          })
        )
        yield* crewline.startPlan(World.plan({ a: {}, b: { dependencies: ["a"] } }))
        yield* seconds(3)
        assert.deepStrictEqual(served, ["b"])
        const [row, ...others] = yield* rows
        assert.deepInclude(row, { state: "dead", error: "out of order" })
        assert.lengthOf(others, 0)
      })
    )
  )

  it.effect("that hangs holds up no other row, is tried again like one that fails, and leaves a dead letter", () =>
    inMemory(
      Effect.gen(function* () {
        const served: Array<string> = []
        let hung = 0
        const { crewline } = yield* start(
          consumerOf((taskId) => {
            if (taskId === "a")
              return Effect.andThen(
                Effect.sync(() => void hung++),
                Effect.never
              )
            served.push(taskId)
            return Effect.void
          })
        )
        yield* crewline.startPlan(World.plan({ a: {}, b: { dependencies: ["a"] } }))
        yield* seconds(3)
        assert.deepStrictEqual(served, ["b"])
        // What is done waits for what hangs until the next look at most.
        yield* seconds(3)
        assert.deepStrictEqual(yield* states, [["pending", 1]])
        // Its failure is stored before the lease of ten seconds ends, and nobody else has begun it.
        yield* seconds(3)
        assert.strictEqual((yield* rows)[0]!.error, "It took longer than 7500 ms, and was stopped.")
        assert.strictEqual(hung, 1)
        yield* hours(3)
        assert.deepStrictEqual(yield* states, [["dead", 10]])
        assert.strictEqual(hung, 10)
        assert.include((yield* rows)[0]!.error, "longer than")
        assert.deepStrictEqual(served, ["b"])
      })
    )
  )

  it.effect(
    "that takes the process with it leaves a dead letter in the end, and what is served beside it is done",
    () =>
      inMemory(
        Effect.gen(function* () {
          const served = new Set<string>()
          let begun = 0
          const deadly = consumerOf((taskId) => {
            if (taskId !== "killer") return Effect.sync(() => void served.add(taskId))
            begun++
            return Effect.never
          })
          const first = yield* start(consumerOf(() => Effect.never))
          yield* first.crewline.startPlan(World.plan({ a: {}, killer: {}, z: {} }))
          yield* seconds(1)
          yield* first.close
          for (let times = 0; times < 15; times++) {
            yield* TestClock.adjust(11_000)
            const next = yield* startDying(deadly)
            yield* TestClock.adjust(100)
            yield* next
          }
          assert.strictEqual(begun, 10)
          assert.deepStrictEqual([...served], ["a", "z"])
          const [row, ...others] = yield* rows
          assert.lengthOf(others, 0)
          assert.deepInclude(row, { state: "dead" })
          assert.include(row!.error, "process")
        })
      )
  )

  it.effect("is given every one of very many rows once, and few at a time", () =>
    inMemory(
      Effect.gen(function* () {
        const served = new Map<string, number>()
        let atOnce = 0
        let most = 0
        const { crewline } = yield* start(
          consumerOf((_, { row }) =>
            Effect.gen(function* () {
              most = Math.max(most, ++atOnce)
              yield* Effect.sleep(10)
              atOnce--
              const key = `${row.executionId} ${row.seq}`
              served.set(key, (served.get(key) ?? 0) + 1)
            })
          )
        )
        const names = Array.from({ length: 500 }, (_, at) => [`t${at}`, {}] as const)
        for (let at = 0; at < 4; at++) yield* crewline.startPlan(World.plan(Object.fromEntries(names)))
        yield* seconds(30)
        assert.strictEqual(served.size, 2_000)
        assert.deepStrictEqual(new Set(served.values()), new Set([1]))
        assert.isAtMost(most, 64)
        assert.lengthOf(yield* rows, 0)
      })
    )
  )
})

describe("a row whose event cannot be read", () => {
  it.effect("is tried again, later each time, and is a dead letter in the end", () =>
    inMemory(
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const dying = yield* start(consumerOf(() => Effect.never))
        const { id } = yield* dying.crewline.startPlan(World.plan({ a: {} }))
        yield* seconds(1)
        yield* dying.close
        let read = 0
        const broken: EventLog.EventLog["Service"] = {
          ...log,
          read: (executionId, options) =>
            executionId !== id || options?.limit !== 1
              ? log.read(executionId, options)
              : Effect.suspend(() => {
                  read++
                  const reason = new EventLog.Unavailable({ description: "Event 4 is garbled.", isRetryable: false })
                  return Effect.fail(new EventLog.EventLogError({ operation: "read", reason }))
                })
        }
        yield* Effect.provideService(start(consumerOf(() => Effect.void)), EventLog.EventLog, broken)
        yield* hours(3)
        assert.strictEqual(read, 9)
        assert.deepStrictEqual(yield* states, [["dead", 10]])
        assert.include((yield* rows)[0]!.error, "garbled")
      })
    )
  )
})
