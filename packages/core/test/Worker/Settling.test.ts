/**
 * What was served travels with appends and looks through the outbox: how many statements that
 * takes, and that nothing is lost with them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Outbox from "../../src/Outbox.ts"
import * as Settling from "../../src/Worker/Delivering/Settling.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"

/** In small steps: whoever wakes another in no time needs a turn of the scheduler for it. */
const seconds = (count: number) => Effect.repeat(TestClock.adjust(count * 100), { times: 9 })

/**
 * A process whose tasks and consumer take their time; counts what it serves and what settles it.
 */
const start = Effect.fnUntraced(function* (options: {
  readonly taskMillis: number
  readonly serve?: (taskId: string) => Effect.Effect<void, Outbox.ConsumerError>
  readonly log?: Partial<EventLog.EventLog["Service"]>
  readonly sweepFails?: boolean
}) {
  const log = yield* EventLog.EventLog
  const outbox = yield* Outbox.Outbox
  const count = { statements: 0, served: [] as Array<string>, rode: 0, swept: 0 }
  const counted: Outbox.Outbox["Service"] = {
    ...outbox,
    settle: (rows) => {
      count.statements++
      return outbox.settle(rows)
    },
    claim: (claim) => {
      const settled = claim.settled?.length ?? 0
      count.swept += settled
      return settled > 0 && options.sweepFails === true
        ? Effect.fail(new Outbox.OutboxError({ operation: "claim", description: "the disk is gone" }))
        : outbox.claim(claim)
    }
  }
  const riding: EventLog.EventLog["Service"] = {
    ...log,
    append: (executionId, drafts, append) => {
      count.rode += append?.settled?.length ?? 0
      return (options.log?.append ?? log.append)(executionId, drafts, append)
    }
  }
  const consumer: Outbox.Consumer = {
    name: "effect",
    concerns: () => true,
    partsOf: (_, draft) => (draft.type === "TaskCompleted" ? 1 : 0),
    serve: ({ event }) =>
      Effect.suspend(() => {
        const { taskId } = event as { readonly taskId: string }
        count.served.push(taskId)
        return options.serve?.(taskId) ?? Effect.void
      })
  }
  const model = World.llm(({ caller }) => Effect.as(Effect.sleep(options.taskMillis), World.text(caller!.taskId)))
  const process = yield* Process.start({ model }).pipe(
    Effect.provideService(Outbox.Consumers, [consumer]),
    Effect.provideService(Outbox.Outbox, counted),
    Effect.provideService(EventLog.EventLog, riding)
  )
  return { ...process, count }
})

const chain = World.plan({ a: {}, b: { context: ["a"] }, c: { context: ["b"] }, d: { context: ["c"] } })
const rows = Effect.flatMap(Outbox.Outbox, (outbox) => outbox.list())
const inMemory = Effect.provide(LocalEventLog.layerLocal)

describe("what was served", () => {
  it.effect("is settled by the appends of its execution, and by one statement when that has ended", () =>
    Effect.gen(function* () {
      const { count, crewline } = yield* start({ taskMillis: 1_200 })
      const { id } = yield* crewline.startPlan(chain)
      yield* seconds(5)
      assert.strictEqual((yield* crewline.get(id)).status, "completed")
      yield* seconds(2)
      assert.deepStrictEqual(count, { statements: 1, served: ["a", "b", "c", "d"], rode: 3, swept: 0 })
      assert.deepStrictEqual(yield* rows, [])
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("waits for what is slower, so that the end of an execution is one statement", () =>
    Effect.gen(function* () {
      const { count, crewline } = yield* start({
        taskMillis: 10,
        serve: (taskId) => Effect.sleep({ a: 6_000, b: 2_000, c: 4_000, d: 10 }[taskId]!)
      })
      yield* crewline.startPlan(World.plan({ a: {}, b: {}, c: {}, d: {} }))
      yield* seconds(8)
      assert.deepStrictEqual(count.served, ["a", "b", "c", "d"])
      assert.strictEqual(count.statements, 1)
      assert.deepStrictEqual(yield* rows, [])
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("is settled by the next look when nothing is appended, and nobody serves it again", () =>
    Effect.gen(function* () {
      const { count, crewline } = yield* start({ taskMillis: 100_000 })
      const other = yield* start({ taskMillis: 100_000 })
      yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
      yield* seconds(101)
      assert.deepStrictEqual(count, { statements: 0, served: ["a"], rode: 0, swept: 0 })
      yield* seconds(50)
      assert.deepStrictEqual(count, { statements: 0, served: ["a"], rode: 0, swept: 1 })
      assert.deepStrictEqual(yield* rows, [])
      yield* seconds(60)
      assert.deepStrictEqual([...count.served, ...other.count.served], ["a", "b"])
      assert.strictEqual(count.statements + other.count.statements, 1)
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("is settled by a statement of its own when the look fails", () =>
    Effect.gen(function* () {
      const { count, crewline } = yield* start({ taskMillis: 100_000, sweepFails: true })
      const other = yield* start({ taskMillis: 100_000 })
      yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
      yield* seconds(150)
      assert.deepStrictEqual(count, { statements: 1, served: ["a"], rode: 0, swept: 1 })
      assert.deepStrictEqual(yield* rows, [])
      assert.deepStrictEqual(other.count.served, [])
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("by a slow consumer is settled before others may have it", () =>
    Effect.gen(function* () {
      const { count, crewline } = yield* start({ taskMillis: 100_000, serve: () => Effect.sleep(24_000) })
      const other = yield* start({ taskMillis: 100_000 })
      yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
      yield* seconds(130)
      assert.strictEqual(count.statements, 1)
      assert.deepStrictEqual(yield* rows, [])
      assert.deepStrictEqual([...count.served, ...other.count.served], ["a"])
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("and could not be done is settled by a look that comes first: its row is not claimed again", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox.Outbox
      const settling = yield* Settling.make({ outbox, leaseMillis: 10_000, isRunning: () => false })
      const failed = { tenant: "default", executionId: "exec_1", seq: 2, part: 0, error: "It took too long." }
      settling.soon(failed)
      assert.deepStrictEqual(yield* settling.with(Effect.succeed), [failed])
      assert.deepStrictEqual(yield* settling.with(Effect.succeed), [])
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("is settled when the process stops", () =>
    Effect.gen(function* () {
      const { close, count, crewline } = yield* start({ taskMillis: 500 })
      yield* crewline.startPlan(World.plan({ a: {} }))
      yield* seconds(1)
      assert.lengthOf(yield* rows, 1)
      assert.deepStrictEqual(count, { statements: 0, served: ["a"], rode: 0, swept: 0 })
      yield* close
      assert.deepStrictEqual(yield* rows, [])
      assert.strictEqual(count.statements, 1)
    }).pipe(Effect.scoped, inMemory)
  )

  it.effect("travels once more when the append with it may not have been stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      let lost = 0
      const reason = new EventLog.Unavailable({ description: "the disk is gone", isRetryable: false })
      const { count, crewline } = yield* start({
        taskMillis: 1_200,
        log: {
          append: (executionId, drafts, options) =>
            options?.settled !== undefined && lost++ === 0
              ? Effect.fail(new EventLog.EventLogError({ operation: "append", reason }))
              : log.append(executionId, drafts, options)
        }
      })
      yield* crewline.startPlan(chain)
      yield* seconds(20)
      assert.isAbove(lost, 1)
      assert.isAtMost(count.statements, 1)
      assert.deepStrictEqual(yield* rows, [])
      assert.deepStrictEqual(count.served, ["a", "b", "c", "d"])
    }).pipe(Effect.scoped, inMemory)
  )
})
