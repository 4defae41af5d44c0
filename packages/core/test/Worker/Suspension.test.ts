/** Legs that suspend: they release their slot, and resume when their wait is satisfied. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type { Ended } from "../../src/AgentLoop/Leg.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as Worker from "../../src/Worker.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { eventsOf, inMemory, ofType, seconds } from "../fake/InMemory.ts"

type Runner = (typeof Worker.Runner)["Service"]

const completed = (output: string): Ended => ({ outcome: { _tag: "Completed", output }, progress: [] })

describe("a leg that suspends", () => {
  const child = (id: string, dependencies: ReadonlyArray<string> = []): Plan.PlannedTask => ({
    ...World.plan({ [id]: {} }).tasks[0]!,
    dependencies
  })
  /** Task `a` spawns these in its first run, and waits for them; every other run completes. */
  const spawning = (...spawn: ReadonlyArray<Plan.PlannedTask>) => {
    const legs: Array<string> = []
    const runner: Runner = (_services, leg) =>
      Effect.sync((): Ended => {
        legs.push(`${leg.task.id}${leg.run}`)
        if (leg.task.id !== "a" || leg.run > 1) return completed(leg.task.id)
        return { outcome: Plans.suspended(Wait.of({ tasks: spawn.map(({ id }) => id) }), spawn), progress: [] }
      })
    return { legs, runner }
  }

  it.effect("releases its slot, is woken by the tasks it spawned, and continues in a new run", () =>
    inMemory(
      Effect.gen(function* () {
        const { legs, runner } = spawning(child("one"), child("two", ["one"]))
        // With one slot, a task that kept it while waiting would wait forever.
        const { crewline } = yield* Process.start({ runner, options: { worker: { concurrency: 1 } } })
        const handle = yield* crewline.startPlan(World.plan({ a: { signals: ["answer"] }, b: { context: ["a"] } }))
        yield* seconds(1)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
        assert.deepStrictEqual(legs, ["a1", "one1", "two1", "a2", "b1"])
        const woken = ofType(yield* eventsOf(handle.id), "TaskStarted").find((event) => event.woke !== undefined)!
        assert.deepStrictEqual([woken.taskId, woken.run, woken.woke], ["a", 2, "satisfied"])
      })
    )
  )

  it.effect("spawns tasks that run as declared, in a process that read their start without texts", () =>
    Effect.gen(function* () {
      const seen = new Map<string, string>()
      const runner: Runner = (_services, leg) =>
        Effect.suspend(() => {
          if (leg.task.id === "a" && leg.run === 1) {
            const outcome = Plans.suspended(Wait.of({ tasks: ["one", "two"] }), [child("one"), child("two")])
            return Effect.succeed<Ended>({ outcome, progress: [] })
          }
          if (leg.run === 1) return Effect.never
          seen.set(leg.task.id, leg.task.description)
          return Effect.succeed(completed(leg.task.id))
        })
      const log = yield* EventLog.EventLog
      const first = yield* Process.start({ runner })
      const { id } = yield* first.crewline.startPlan(World.plan({ a: {} }))
      yield* seconds(1)
      yield* first.close
      yield* log.append(id, [
        {
          type: "TaskRetried",
          taskId: "two",
          run: 1,
          attempt: 1,
          error: { code: "test", message: "no", isRetryable: true },
          delayMillis: 0,
          keepsTurns: false,
          description: "Rewritten"
        }
      ])
      const second = yield* Process.start({ runner })
      yield* seconds(60)
      assert.strictEqual((yield* second.crewline.get(id)).status, "completed")
      assert.strictEqual(seen.get("one"), child("one").description)
      assert.strictEqual(seen.get("two"), "Rewritten")
    }).pipe(
      Effect.scoped,
      Effect.provide(
        FaultyLog.layer({
          read: (next, id, options) =>
            Effect.map(next(id, options), (events) => (options?.payloads === false ? events.map(withoutTexts) : events))
        })
      )
    )
  )

  /** Like a log that stores texts separately. */
  const withoutTexts = (event: ExecutionEvent.ExecutionEvent): ExecutionEvent.ExecutionEvent =>
    event.type === "TaskSuspended"
      ? {
          ...event,
          spawn: event.spawn.map((task) => ({ ...task, description: "", expectedOutput: "", guardrails: [] }))
        }
      : event

  it.effect("on the critical path has its spawned tasks run before others start", () =>
    inMemory(
      Effect.gen(function* () {
        const { legs, runner } = spawning(child("one"))
        const { crewline } = yield* Process.start({ runner, options: { worker: { concurrency: 1 } } })
        yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] }, long: {}, end: { context: ["long"] } }))
        yield* seconds(1)
        assert.deepStrictEqual(legs.slice(0, 3), ["a1", "one1", "long1"])
      })
    )
  )

  const waiting =
    (timeoutMillis?: number): Runner =>
    (_services, leg) =>
      Effect.delay(
        Effect.succeed<Ended>(
          leg.task.id !== "a" || leg.run > 1
            ? completed(leg.task.id)
            : {
                outcome: Plans.suspended(
                  Wait.of({ signals: ["answer"] }, timeoutMillis === undefined ? {} : { timeoutMillis })
                ),
                progress: []
              }
        ),
        leg.task.id === "slow" ? 60_000 : 100
      )

  it.effect("is woken by its own time limit only", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ runner: waiting(5_000) })
        const handle = yield* crewline.startPlan(World.plan({ a: { signals: ["answer"] } }))
        yield* TestClock.adjust(5_050)
        assert.strictEqual((yield* crewline.get(handle.id)).tasks["a"]!.status, "waiting")
        yield* seconds(1)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
        assert.strictEqual(ofType(yield* eventsOf(handle.id), "TaskStarted")[1]!.woke, "timeout")
      })
    )
  )

  it.effect("is woken at its time also after a restart in between", () =>
    inMemory(
      Effect.gen(function* () {
        const first = yield* Process.start({ runner: waiting(60_000) })
        const handle = yield* first.crewline.startPlan(World.plan({ a: { signals: ["answer"] } }))
        yield* seconds(30)
        yield* first.close
        yield* seconds(20)
        const second = yield* Process.start({ runner: waiting(60_000) })
        yield* seconds(9)
        assert.strictEqual((yield* second.crewline.get(handle.id)).tasks["a"]!.status, "waiting")
        yield* seconds(2)
        assert.strictEqual((yield* second.crewline.get(handle.id)).status, "completed")
      })
    )
  )

  it.effect("is woken by a signal, and the first answer counts", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ runner: waiting() })
        const handle = yield* crewline.startPlan(World.plan({ a: { signals: ["answer"] } }))
        yield* seconds(30)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "waiting")
        yield* crewline.signal(handle.id, "answer", "yes")
        yield* crewline.signal(handle.id, "answer", "no")
        yield* TestClock.adjust(200)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
        assert.deepStrictEqual(
          ofType(yield* eventsOf(handle.id), "SignalReceived").map((event) => event.value),
          ["yes"]
        )
      })
    )
  )

  it.effect("is listed with its state: waiting for a signal, paused, or running", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ runner: waiting() })
        const { id } = yield* crewline.startPlan(
          World.plan({ a: { signals: ["answer"] }, slow: {}, last: { context: ["a"] } })
        )
        const statuses = ["pending", "running", "waiting", "paused", "completed"] as const
        const status = Effect.gen(function* () {
          const view = yield* crewline.get(id)
          for (const each of statuses) {
            const listed = yield* crewline.list({ status: [each] })
            assert.deepStrictEqual(
              listed.map((summary) => summary.id),
              each === view.status ? [id] : [],
              `${each} in lists of ${view.status}`
            )
          }
          return view.status
        })
        yield* seconds(1)
        // `slow` is running.
        assert.strictEqual(yield* status, "running")
        yield* crewline.pause(id)
        assert.strictEqual(yield* status, "paused")
        yield* crewline.resume(id)
        assert.strictEqual(yield* status, "running")
        yield* seconds(60)
        assert.strictEqual(yield* status, "waiting")
        yield* crewline.pause(id)
        assert.strictEqual(yield* status, "paused")
        yield* crewline.signal(id, "answer", "yes")
        assert.strictEqual(yield* status, "paused")
        yield* crewline.resume(id)
        assert.strictEqual(yield* status, "running")
        yield* seconds(1)
        assert.strictEqual(yield* status, "completed")
      })
    )
  )

  it.effect("is woken by a signal that came before it", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ runner: waiting() })
        const handle = yield* crewline.startPlan(World.plan({ a: { signals: ["answer"] } }))
        yield* TestClock.adjust(50)
        yield* crewline.signal(handle.id, "answer", "yes")
        yield* TestClock.adjust(200)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
      })
    )
  )

  it.effect("is woken by a signal that another process accepted, while other tasks of the execution run here", () =>
    inMemory(
      Effect.gen(function* () {
        const here = yield* Process.start({ runner: waiting() })
        const there = yield* Process.start({ runner: waiting() })
        const handle = yield* here.crewline.startPlan(World.plan({ a: { signals: ["answer"] }, slow: {} }))
        yield* seconds(1)
        yield* there.crewline.signal(handle.id, "answer", "yes")
        yield* seconds(15)
        assert.strictEqual((yield* here.crewline.get(handle.id)).tasks["a"]!.status, "completed")
      })
    )
  )

  it.effect("fails with the reason if its tasks cannot run", () =>
    inMemory(
      Effect.gen(function* () {
        const runner: Runner = () =>
          Effect.succeed<Ended>({
            outcome: Plans.suspended(Wait.of({ tasks: ["stranger"] })),
            progress: []
          })
        const { crewline } = yield* Process.start({ runner })
        const handle = yield* crewline.startPlan(World.plan({ a: { signals: ["answer"] } }))
        yield* seconds(1)
        const view = yield* crewline.get(handle.id)
        assert.strictEqual(view.error!.code, "invalid-growth")
        assert.include(view.error!.message, "stranger")
      })
    )
  )
})
