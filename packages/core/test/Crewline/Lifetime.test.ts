/**
 * Guarantees of `Crewline` for executions when something around them fails: the storage, the
 * caller, the queue, another process.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Crew from "../../src/Crew.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import { inMemory, seconds } from "../fake/InMemory.ts"

/** A model that never answers and counts interrupted requests. */
const silent = () => {
  const state = { interrupted: 0 }
  const model = World.llm(() =>
    Effect.onInterrupt(Effect.never, () =>
      Effect.sync(() => {
        state.interrupted++
      })
    )
  )
  return { state, model }
}

describe("Crewline", () => {
  describe("an execution that ends stops the calls in flight,", () => {
    it.effect("by its time limit", () =>
      inMemory(
        Effect.gen(function* () {
          const { model, state } = silent()
          const { crewline, queue, worker } = yield* Process.start({ model })
          const handle = yield* crewline.startPlan(World.plan({ a: {}, b: {} }, { timeoutMillis: 2_000 }))
          yield* seconds(3)
          assert.strictEqual((yield* crewline.get(handle.id)).error!.code, "execution-timeout")
          assert.strictEqual(state.interrupted, 2)
          assert.deepStrictEqual(yield* worker.running, [])
          assert.strictEqual((yield* queue.inspect(handle.id)).status, "absent")
        })
      )
    )

    it.effect("cancelled by a caller that did not wait for the answer", () =>
      inMemory(
        Effect.gen(function* () {
          const { model, state } = silent()
          const { crewline } = yield* Process.start({ model })
          const handle = yield* crewline.startPlan(World.plan({ a: {} }))
          yield* seconds(1)
          const cancelling = yield* Effect.forkChild(crewline.cancel(handle.id))
          yield* TestClock.adjust(5)
          cancelling.interruptUnsafe()
          yield* seconds(1)
          assert.strictEqual((yield* crewline.get(handle.id)).status, "cancelled")
          assert.strictEqual(state.interrupted, 1)
        }),
        FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 20) })
      )
    )

    for (const [how, millis] of [
      ["as soon as it is looked at here", 100],
      ["within a sweep", 6_000]
    ] as const) {
      it.effect(`cancelled by another process, ${how}`, () =>
        inMemory(
          Effect.gen(function* () {
            const { model, state } = silent()
            const here = yield* Process.start({ model })
            const there = yield* Process.start({})
            const handle = yield* here.crewline.startPlan(World.plan({ a: {} }))
            const result = yield* Effect.forkChild(Effect.flip(handle.result))
            yield* seconds(1)
            yield* there.crewline.cancel(handle.id)
            if (millis < 1_000) yield* here.crewline.get(handle.id)
            yield* TestClock.adjust(millis)
            assert.strictEqual(state.interrupted, 1)
            assert.deepStrictEqual(yield* here.worker.running, [])
            assert.strictEqual((yield* Fiber.join(result))._tag, "ExecutionFailed")
          })
        )
      )
    }
  })

  it.effect("the time limit of an execution survives a failing storage", () => {
    let down = false
    return inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start(silent())
        const handle = yield* crewline.startPlan(World.plan({ a: {} }, { timeoutMillis: 1_000 }))
        yield* TestClock.adjust(500)
        down = true
        yield* seconds(30)
        down = false
        yield* seconds(30)
        assert.strictEqual((yield* crewline.get(handle.id)).error!.code, "execution-timeout")
      }),
      FaultyLog.layer({
        append: (next, ...args) => (down ? Effect.fail(FaultyLog.unavailable(true)) : next(...args))
      })
    )
  })

  it.effect("a start whose caller is interrupted completes", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({})
        const crew = Crew.make({
          name: "with code",
          agents: { agent: { role: "Agent", goal: "Test", backstory: "None" } },
          tasks: {
            a: { description: "Do a.", expectedOutput: "Text.", agent: "agent", guardrails: [() => true as const] }
          }
        })
        const starting = yield* Effect.forkChild(crewline.start(crew))
        yield* TestClock.adjust(5)
        starting.interruptUnsafe()
        yield* seconds(1)
        // No sweep was needed, and the functions of the crew are available.
        assert.deepStrictEqual(
          (yield* crewline.list()).map(({ status }) => status),
          ["completed"]
        )
      }),
      FaultyLog.layer({ start: (next, ...args) => Effect.tap(next(...args), () => Effect.sleep(10)) })
    )
  )

  it.effect("a stored start is not refused because the log fails right after it", () => {
    let asked = 0
    return inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({})
        const handle = yield* crewline.startPlan(World.plan({ a: {} }))
        assert.strictEqual((yield* crewline.get(handle.id)).status, "pending")
        yield* seconds(10)
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
      }),
      FaultyLog.layer({ now: (next) => (asked++ === 0 ? Effect.fail(FaultyLog.unavailable(true)) : next) })
    )
  })

  describe("the sweep", () => {
    it.effect("takes over executions although one of them cannot be read", () =>
      inMemory(
        Effect.gen(function* () {
          const log = yield* EventLog.EventLog
          for (const id of ["one", "broken", "two"]) {
            yield* log.start(id, { type: "ExecutionStarted", plan: World.plan({ a: {} }) })
          }
          const { crewline } = yield* Process.start({})
          yield* seconds(20)
          assert.strictEqual((yield* crewline.get("one")).status, "completed")
          assert.strictEqual((yield* crewline.get("two")).status, "completed")
        }),
        FaultyLog.layer({
          read: (next, ...args) => (args[0] === "broken" ? Effect.die(new Error("no JSON")) : next(...args))
        })
      )
    )

    it.effect("continues after a failure", () => {
      let asked = 0
      return inMemory(
        Effect.gen(function* () {
          const log = yield* EventLog.EventLog
          yield* log.start("x", { type: "ExecutionStarted", plan: World.plan({ a: {} }) })
          const { crewline } = yield* Process.start({})
          yield* seconds(20)
          assert.isAtLeast(asked, 3)
          assert.strictEqual((yield* crewline.get("x")).status, "completed")
        }),
        FaultyLog.layer({
          adopt: (next, options) => {
            asked++
            if (asked === 1) return Effect.fail(FaultyLog.unavailable(true))
            return asked === 2 ? Effect.die(new Error("a bug")) : next(options)
          }
        })
      )
    })

    it.effect("renews running executions in time, however many there are to take over", () => {
      const asked: Array<number> = []
      return inMemory(
        Effect.gen(function* () {
          const log = yield* EventLog.EventLog
          const count = 2_000
          for (let i = 0; i < count; i++) {
            yield* log.start(`x${i}`, { type: "ExecutionStarted", plan: World.plan({ a: {} }) })
          }
          const { crewline } = yield* Process.start({ options: { leaseMillis: 3_000 } })
          yield* Effect.repeat(TestClock.adjust(100), { times: 400 })
          assert.isAbove(asked.length, 20)
          const gaps = asked.slice(1).map((at, index) => at - asked[index]!)
          assert.isAtMost(Math.max(...gaps), 2_500)
          const ended = yield* crewline.list({ limit: count, status: ["completed"] })
          assert.strictEqual(ended.length, count)
          assert.deepStrictEqual(yield* crewline.list({ status: ["pending", "running"] }), [])
        }),
        FaultyLog.layer({
          read: (next, ...args) => Effect.delay(next(...args), 100),
          adopt: (next, options) =>
            Effect.tap(next(options), () => Effect.map(Clock.currentTimeMillis, (now) => void asked.push(now)))
        })
      )
    })

    it.effect("covers all running executions, and others besides", () => {
      const asked: Array<number> = []
      return inMemory(
        Effect.gen(function* () {
          const { crewline } = yield* Process.start(silent())
          yield* TestClock.adjust(1)
          for (let i = 0; i < 3; i++) yield* crewline.startPlan(World.plan({ a: {} }))
          yield* seconds(6)
          // Those beyond the limit would be released, although they run here.
          assert.strictEqual(asked.at(-1)! - asked[0]!, 3)
        }),
        FaultyLog.layer({
          adopt: (next, options) => {
            asked.push(options.limit)
            return next(options)
          }
        })
      )
    })

    it.effect("restores lost executions to the queue, although nothing has happened since", () =>
      inMemory(
        Effect.gen(function* () {
          const { model } = silent()
          const { crewline, queue } = yield* Process.start({ model, options: { worker: { concurrency: 1 } } })
          const running = yield* crewline.startPlan(World.plan({ a: {} }))
          yield* seconds(1)
          const waiting = yield* crewline.startPlan(World.plan({ a: {} }))
          yield* queue.forget(waiting.id)
          yield* crewline.cancel(running.id)
          yield* seconds(10)
          assert.strictEqual((yield* crewline.get(waiting.id)).tasks["a"]!.status, "running")
        })
      )
    )

    it.effect("releases executions taken by another process, and waiting callers still get the result", () =>
      inMemory(
        Effect.gen(function* () {
          const log = yield* EventLog.EventLog
          const { model, state } = silent()
          const here = yield* Process.start({ model })
          const handle = yield* here.crewline.startPlan(World.plan({ a: {} }))
          const result = yield* Effect.forkChild(handle.result)
          yield* seconds(1)
          // As if this process had been frozen for longer than its lease.
          yield* log.disown(here.worker.name)
          const there = yield* Process.start({})
          yield* seconds(10)
          assert.strictEqual(state.interrupted, 1)
          assert.strictEqual((yield* there.crewline.get(handle.id)).status, "completed")
          assert.strictEqual((yield* Fiber.join(result)).output, "a")
          assert.deepStrictEqual(yield* here.worker.running, [])
        })
      )
    )
  })

  it.effect("a schema that throws on a value it accepted before returns the output unchanged", () =>
    inMemory(
      Effect.gen(function* () {
        let calls = 0
        const { crewline } = yield* Process.start({ model: World.llm(() => World.text("1")) })
        const crew = Crew.make({
          name: "throwing",
          agents: { agent: { role: "Agent", goal: "Test", backstory: "None" } },
          tasks: {
            a: {
              description: "Do a.",
              expectedOutput: "A number.",
              agent: "agent",
              output: {
                "~standard": {
                  version: 1,
                  vendor: "test",
                  validate: (value: unknown) => {
                    if (calls++ > 0) throw new Error("not again")
                    return { value: value as number }
                  },
                  jsonSchema: { input: () => ({ type: "number" }), output: () => ({ type: "number" }) }
                }
              }
            }
          }
        })
        const handle = yield* crewline.start(crew)
        yield* seconds(1)
        assert.strictEqual((yield* handle.result).output, 1)
      })
    )
  )

  it.effect("guardrails and conditions that return neither true nor false count as false", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({})
        // As JavaScript code may return it.
        const answer = (value: unknown) => (): never => value as never
        const task = { description: "Do it.", expectedOutput: "Text.", agent: "agent" } as const
        const crew = Crew.make({
          name: "untyped",
          agents: { agent: { role: "Agent", goal: "Test", backstory: "None" } },
          tasks: {
            a: task,
            refused: { ...task, guardrails: [answer(false)], maxRepairs: 1, retry: { attempts: 1 }, onFailure: "skip" },
            skipped: { ...task, dependsOn: ["a"], when: { task: "a", test: answer(undefined) } }
          }
        } as never)
        const handle = yield* crewline.start(crew)
        yield* seconds(2)
        const view = yield* crewline.get(handle.id)
        assert.strictEqual(view.tasks["skipped"]!.status, "skipped")
        assert.strictEqual(view.tasks["refused"]!.error!.code, "guardrail-refused")
        const events = yield* Stream.runCollect(crewline.follow(handle.id))
        assert.include(JSON.stringify(events), "gave no reason")
      })
    )
  )
})
