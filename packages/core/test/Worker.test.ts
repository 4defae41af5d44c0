import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { failed, type Ended } from "../src/AgentLoop/Leg.ts"
import * as EventLog from "../src/EventLog.ts"
import type * as ExecutionEvent from "../src/ExecutionEvent.ts"
import type * as Llm from "../src/Llm.ts"
import * as Memory from "../src/Memory.ts"
import type * as Plan from "../src/Plan.ts"
import * as Usage from "../src/Usage.ts"
import type * as Worker from "../src/Worker.ts"
import * as FaultyLog from "./fake/FaultyLog.ts"
import * as Process from "./fake/Process.ts"
import * as World from "./fake/World.ts"
import { eventsOf, inMemory, ofType, seconds } from "./fake/InMemory.ts"
import * as LocalMemory from "./fake/LocalMemory.ts"

type Runner = (typeof Worker.Runner)["Service"]

const retry: Plan.Retry = { attempts: 3, initialMillis: 10, factor: 1, maxMillis: 10 }

const turn = (taskId: string, run: number, number: number): ExecutionEvent.Draft => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn: number,
  messages: [],
  parts: [{ type: "tool-call", id: `call_${number}`, name: "look", params: {}, providerExecuted: false }],
  finishReason: "tool-calls",
  model: "fake-1",
  usage: { ...Usage.zero, requests: 1 }
})

const begun = (taskId: string, run: number, crashes: number): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run,
  attempt: 1,
  worker: "dead",
  crashes
})

const completed = (output: string): Ended => ({ outcome: { _tag: "Completed", output }, progress: [] })

/** A model that answers `done` once `release` was called, and reports interrupted calls. */
const gate = () => {
  const state = { asked: 0, interrupted: 0, open: false }
  const model = World.llm(() => {
    state.asked++
    return state.open
      ? World.text("done")
      : Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            state.interrupted++
          })
        )
  })
  return { state, model }
}

describe("Worker", () => {
  describe("when it stops", () => {
    it.effect("hands back running tasks: neither a crash nor a failure, and another worker resumes them at once", () =>
      inMemory(
        Effect.gen(function* () {
          const { model, state } = gate()
          const first = yield* Process.start({ model })
          const handle = yield* first.crewline.startPlan(World.plan({ a: {}, b: {} }))
          yield* seconds(1)
          assert.strictEqual((yield* first.worker.running).length, 2)
          yield* first.close
          assert.strictEqual(state.interrupted, 2)
          const events = yield* eventsOf(handle.id)
          assert.deepStrictEqual(events.map((event) => event.type).slice(-2), ["TaskReleased", "TaskReleased"])
          assert.deepStrictEqual(yield* first.worker.running, [])

          state.open = true
          const second = yield* Process.start({ model })
          yield* TestClock.adjust(1)
          const view = yield* second.crewline.get(handle.id)
          assert.strictEqual(view.status, "completed")
          const runs = ofType(yield* eventsOf(handle.id), "TaskStarted")
          assert.deepStrictEqual(
            runs.map(({ attempt, crashes, run }) => [run, attempt, crashes]),
            [
              [1, 1, 0],
              [1, 1, 0],
              [2, 1, 0],
              [2, 1, 0]
            ]
          )
        })
      )
    )

    it.effect("during a start, hands that back, too", () =>
      inMemory(
        Effect.gen(function* () {
          const { model, state } = gate()
          const first = yield* Process.start({ model })
          const handle = yield* first.crewline.startPlan(World.plan({ a: {} }))
          yield* TestClock.adjust(50)
          const closing = yield* Effect.forkChild(first.close)
          yield* seconds(1)
          yield* Fiber.join(closing)
          assert.strictEqual(state.asked, 0)
          assert.deepStrictEqual(
            (yield* eventsOf(handle.id)).map((event) => event.type),
            ["ExecutionStarted", "TaskStarted", "TaskReleased"]
          )
        }),
        FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 100) })
      )
    )

    it.effect("waits for running work up to its grace period", () =>
      inMemory(
        Effect.gen(function* () {
          const model = World.llm((request) =>
            Effect.delay(Effect.succeed(World.text("done")), request.caller!.taskId === "short" ? 500 : 5_000)
          )
          const first = yield* Process.start({ model, options: { worker: { graceMillis: 1_000 } } })
          const handle = yield* first.crewline.startPlan(
            World.plan({ short: {}, long: {}, later: { context: ["short"] } })
          )
          yield* TestClock.adjust(10)
          const closing = yield* Effect.forkChild(first.close)
          yield* seconds(2)
          yield* Fiber.join(closing)
          const events = yield* eventsOf(handle.id)
          assert.deepStrictEqual(
            ofType(events, "TaskCompleted").map((event) => event.taskId),
            ["short"]
          )
          assert.deepStrictEqual(
            ofType(events, "TaskReleased").map((event) => event.taskId),
            ["long"]
          )
          // Tasks that became ready while it stopped were not started.
          assert.strictEqual(ofType(events, "TaskStarted").length, 2)
        })
      )
    )
  })

  it.effect("stores results while it stops, even if its grace period exceeds the lease of its executions", () =>
    inMemory(
      Effect.gen(function* () {
        const model = World.llm(() => Effect.delay(Effect.succeed(World.text("done")), 5_000))
        const first = yield* Process.start({ model, options: { worker: { graceMillis: 60_000 }, leaseMillis: 1_000 } })
        const handle = yield* first.crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
        yield* seconds(1)
        const closing = yield* Effect.forkChild(first.close)
        const second = yield* Process.start({ model, options: { leaseMillis: 1_000 } })
        yield* seconds(20)
        yield* Fiber.join(closing)
        assert.strictEqual((yield* second.crewline.get(handle.id)).status, "completed")
        assert.deepStrictEqual(
          ofType(yield* eventsOf(handle.id), "TaskStarted").map((event) => `${event.taskId}${event.run}`),
          ["a1", "b1"]
        )
      })
    )
  )

  it.effect("a task whose lease is lost is stopped, and records nothing more", () =>
    inMemory(
      Effect.gen(function* () {
        const { model, state } = gate()
        const { crewline, queue, worker } = yield* Process.start({ model })
        const handle = yield* crewline.startPlan(World.plan({ a: {} }))
        yield* seconds(1)
        const before = (yield* eventsOf(handle.id)).length
        yield* queue.forget(handle.id)
        yield* TestClock.adjust(1)
        assert.strictEqual(state.interrupted, 1)
        assert.strictEqual((yield* eventsOf(handle.id)).length, before)
        assert.deepStrictEqual(yield* worker.running, [])
      })
    )
  )

  it.effect("never runs more tasks than its limit, and every slot is returned", () =>
    inMemory(
      Effect.gen(function* () {
        let running = 0
        let most = 0
        const runner: Runner = (_services, leg) =>
          Effect.gen(function* () {
            most = Math.max(most, ++running)
            yield* Effect.sleep(100)
            running--
            if (leg.task.id === "t3" && leg.run === 1) return yield* Effect.die(new Error("bad"))
            return leg.task.id === "t4" && leg.run === 1
              ? failed("x", "again", { isRetryable: true })
              : completed(leg.task.id)
          })
        const { crewline } = yield* Process.start({ runner, options: { worker: { concurrency: 3 } } })
        const tasks = Object.fromEntries(
          Array.from({ length: 20 }, (_, index) => [`t${index}`, { retry, onFailure: "continue" as const }])
        )
        const handle = yield* crewline.startPlan(World.plan(tasks))
        yield* seconds(3)
        const view = yield* crewline.get(handle.id)
        assert.strictEqual(view.status, "completed")
        assert.strictEqual(most, 3)
        assert.strictEqual(view.tasks["t3"]!.error!.code, "defect")
        assert.strictEqual(view.tasks["t4"]!.attempts, 2)
      })
    )
  )

  describe("a task whose only dependency has ended", () => {
    /** The events of each append. */
    const appends = () => {
      const made: Array<string> = []
      const log = FaultyLog.layer({
        append: (next, id, drafts, options) => {
          made.push(drafts.map(({ type }) => type).join(" "))
          // Takes a while, so that a pause can come in between.
          const appending = next(id, drafts, options)
          return drafts[0].type.startsWith("Execution") ? appending : Effect.delay(appending, 10)
        }
      })
      return { made, log }
    }

    it.effect("starts in the append of that outcome, and in its slot", () => {
      const { log, made } = appends()
      return inMemory(
        Effect.gen(function* () {
          const { crewline, worker } = yield* Process.start({ options: { worker: { concurrency: 1 } } })
          const handle = yield* crewline.startPlan(
            World.plan({ a: {}, b: { context: ["a"] }, c: { context: ["b"], dependencies: ["a", "b"] } })
          )
          yield* seconds(1)
          assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
          const outcome = "TurnCompleted TaskCompleted"
          assert.deepStrictEqual(made, [
            "TaskStarted",
            `${outcome} TaskStarted`,
            `${outcome} TaskStarted`,
            `${outcome} ExecutionEnded`
          ])
          assert.deepStrictEqual(yield* worker.running, [])
        }),
        log
      )
    })

    it.effect("is handed out as usual if another became ready, too", () => {
      const { log, made } = appends()
      return inMemory(
        Effect.gen(function* () {
          const { crewline } = yield* Process.start({})
          const handle = yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] }, c: { context: ["a"] } }))
          yield* seconds(1)
          assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
          assert.strictEqual(made[1], "TurnCompleted TaskCompleted")
        }),
        log
      )
    })

    it.effect("does not start if the execution was paused meanwhile, and starts when it resumes", () => {
      const { log } = appends()
      return inMemory(
        Effect.gen(function* () {
          const { model, state } = gate()
          state.open = true
          const { crewline, worker } = yield* Process.start({ model })
          const other = yield* Process.start({ model })
          const handle = yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
          yield* TestClock.adjust(15)
          // By another process: the queue here was not informed.
          yield* other.crewline.pause(handle.id)
          yield* seconds(1)
          assert.deepStrictEqual(
            ofType(yield* eventsOf(handle.id), "TaskStarted").map(({ taskId }) => taskId),
            ["a"]
          )
          assert.deepStrictEqual(yield* worker.running, [])
          yield* crewline.resume(handle.id)
          yield* seconds(1)
          const view = yield* crewline.get(handle.id)
          assert.deepStrictEqual([view.status, view.tasks["b"]!.attempts], ["completed", 1])
        }),
        log
      )
    })

    it.effect("is handed back if the worker stops at that moment", () => {
      const { log } = appends()
      return inMemory(
        Effect.gen(function* () {
          const model = World.llm(({ caller }) => (caller!.taskId === "a" ? World.text("a") : Effect.never))
          const first = yield* Process.start({ model })
          const handle = yield* first.crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
          // The outcome is being stored.
          yield* TestClock.adjust(15)
          const closing = yield* Effect.forkChild(first.close)
          yield* seconds(1)
          yield* Fiber.join(closing)
          assert.deepStrictEqual((yield* eventsOf(handle.id)).map(({ type }) => type).slice(-3), [
            "TaskCompleted",
            "TaskStarted",
            "TaskReleased"
          ])
          const second = yield* Process.start({})
          yield* seconds(1)
          const view = yield* second.crewline.get(handle.id)
          assert.deepStrictEqual([view.status, view.tasks["b"]!.attempts], ["completed", 1])
          assert.deepStrictEqual(
            ofType(yield* eventsOf(handle.id), "TaskStarted").map(({ crashes }) => crashes),
            [0, 0, 0]
          )
        }),
        log
      )
    })
  })

  it.effect("a defect fails the task, without its secrets, and is not retried", () =>
    inMemory(
      Effect.gen(function* () {
        const model = World.llm(() => Effect.die(new Error("no route to sk-canary1234567890")))
        const { crewline } = yield* Process.start({ model })
        const handle = yield* crewline.startPlan(World.plan({ a: { retry } }))
        yield* seconds(1)
        const view = yield* crewline.get(handle.id)
        assert.strictEqual(view.tasks["a"]!.error!.code, "defect")
        assert.strictEqual(view.tasks["a"]!.attempts, 1)
        assert.include(view.tasks["a"]!.error!.message, "no route to [redacted]")
      })
    )
  )

  it.effect("an invalid regular expression as a condition fails its task with a message", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({})
        const handle = yield* crewline.startPlan(
          World.plan({ a: {}, b: { dependencies: ["a"], when: { task: "a", matches: "(" } } })
        )
        yield* seconds(1)
        const view = yield* crewline.get(handle.id)
        assert.strictEqual(view.tasks["b"]!.error!.code, "invalid-condition")
        assert.include(view.tasks["b"]!.error!.message, 'task "b"')
      })
    )
  )

  describe("memory", () => {
    const kept = () => {
      const texts: Array<string> = []
      const memory = LocalMemory.make({
        remember: (entries) =>
          Effect.sync(() => {
            texts.push(...entries.map((entry) => entry.text))
            return []
          }),
        recall: () =>
          Effect.fail(new Memory.MemoryError({ operation: "recall", description: "down", isRetryable: true }))
      })
      return { memory, texts }
    }

    it.effect("receives the outcome of each task, including the last, and its failure does not affect a task", () =>
      inMemory(
        Effect.gen(function* () {
          const { memory, texts } = kept()
          const { crewline } = yield* Process.start({ memory })
          const handle = yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }, { memory: true }))
          yield* seconds(2)
          assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
          assert.deepStrictEqual(texts, ["a", "b"])
        }),
        FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 20) })
      )
    )

    it.effect("does not receive an outcome that was not stored", () =>
      inMemory(
        Effect.gen(function* () {
          const { memory, texts } = kept()
          const { crewline } = yield* Process.start({ memory })
          yield* crewline.startPlan(World.plan({ a: {} }, { memory: true }))
          yield* seconds(2)
          assert.deepStrictEqual(texts, [])
        }),
        FaultyLog.layer({
          append: (next, ...args) =>
            args[1].some((event) => event.type === "TaskCompleted")
              ? Effect.fail(FaultyLog.unavailable(false))
              : next(...args)
        })
      )
    )
  })

  describe("when the storage fails", () => {
    it.effect("temporarily, work waits, and is neither lost nor counted as a crash", () => {
      let down = false
      const asked: Array<Llm.Request> = []
      return inMemory(
        Effect.gen(function* () {
          const model = World.llm(World.script({ a: [World.calls(["look", {}]), World.text("done")] }), asked)
          const tools = [
            World.tool("look", () =>
              Effect.sync(() => {
                down = true
                return "seen"
              })
            )
          ]
          const { crewline, worker } = yield* Process.start({ model, tools, options: { worker: { maxCrashes: 1 } } })
          const handle = yield* crewline.startPlan(World.plan({ a: { tools: ["look"] } }))
          yield* seconds(60)
          assert.strictEqual((yield* worker.running).length, 1)
          down = false
          yield* seconds(60)
          const view = yield* crewline.get(handle.id)
          assert.strictEqual(view.status, "completed")
          // The recorded answer was not requested again.
          assert.strictEqual(asked.length, 2)
        }),
        FaultyLog.layer({
          append: (next, ...args) => (down ? Effect.fail(FaultyLog.unavailable(true)) : next(...args))
        })
      )
    })

    it.effect("during a task without recorded turns, the attempt fails without a crash", () => {
      let failures = 0
      return inMemory(
        Effect.gen(function* () {
          const model = World.llm(() => World.calls(["look", {}]))
          const { crewline } = yield* Process.start({
            model,
            tools: [World.tool("look", () => Effect.never)],
            options: { worker: { maxCrashes: 2 } }
          })
          const handle = yield* crewline.startPlan(World.plan({ a: { tools: ["look"] } }))
          yield* seconds(120)
          const view = yield* crewline.get(handle.id)
          assert.strictEqual(view.tasks["a"]!.status, "running")
          assert.deepStrictEqual(
            ofType(yield* eventsOf(handle.id), "TaskStarted").map(({ attempt, crashes }) => [attempt, crashes]),
            [
              [1, 0],
              [2, 0],
              [3, 0]
            ]
          )
        }),
        FaultyLog.layer({
          // Starts are stored; the first two turns are not, however often they are sent.
          append: (next, ...args) =>
            args[1][0].type === "TurnCompleted" && failures++ < 14
              ? Effect.fail(FaultyLog.unavailable(true))
              : next(...args)
        })
      )
    })

    it.effect("permanently for the events of a task, the task fails, and the others do not", () =>
      inMemory(
        Effect.gen(function* () {
          const { crewline } = yield* Process.start({})
          const handle = yield* crewline.startPlan(World.plan({ bad: { onFailure: "skip" }, good: {} }))
          yield* seconds(60)
          const view = yield* crewline.get(handle.id)
          assert.strictEqual(view.tasks["bad"]!.status, "failed")
          assert.strictEqual(view.tasks["bad"]!.error!.code, "storage")
          assert.include(view.tasks["bad"]!.error!.message, "the disk is gone")
          assert.strictEqual(view.tasks["good"]!.status, "completed")
        }),
        FaultyLog.layer({
          append: (next, ...args) =>
            args[1].some((event) => event.type === "TurnCompleted" && event.taskId === "bad")
              ? Effect.fail(FaultyLog.unavailable(false))
              : next(...args)
        })
      )
    )
  })

  describe("crashes", () => {
    /** An execution whose worker died this often, with or without a recorded turn each time. */
    const died = Effect.fnUntraced(function* (times: number, progress: boolean) {
      const log = yield* EventLog.EventLog
      yield* log.start("x", {
        type: "ExecutionStarted",
        plan: World.plan({ a: { tools: ["look"], maxTurns: 100, onFailure: "continue" } })
      })
      for (let run = 1; run <= times; run++) {
        yield* log.append("x", [begun("a", run, progress ? 0 : run - 1), ...(progress ? [turn("a", run, run)] : [])])
      }
    })
    const tools = [World.tool("look", () => Effect.succeed("seen"), { idempotent: true })]

    it.effect("a task that always kills its worker fails", () =>
      inMemory(
        Effect.gen(function* () {
          yield* died(5, false)
          const asked: Array<Llm.Request> = []
          const { crewline } = yield* Process.start({ tools, model: World.llm(() => World.text("done"), asked) })
          yield* seconds(1)
          const view = yield* crewline.get("x")
          assert.strictEqual(view.tasks["a"]!.error!.code, "crashed")
          assert.strictEqual(asked.length, 0)
        })
      )
    )

    it.effect("with one crash fewer, it is retried", () =>
      inMemory(
        Effect.gen(function* () {
          yield* died(4, false)
          const { crewline } = yield* Process.start({ tools, model: World.llm(() => World.text("done")) })
          yield* seconds(1)
          assert.strictEqual((yield* crewline.get("x")).tasks["a"]!.status, "completed")
          assert.strictEqual(ofType(yield* eventsOf("x"), "TaskStarted").at(-1)!.crashes, 4)
        })
      )
    )

    it.effect("a task with progress between crashes does not fail, and resumes where it was", () =>
      inMemory(
        Effect.gen(function* () {
          yield* died(20, true)
          const asked: Array<Llm.Request> = []
          const { crewline } = yield* Process.start({ tools, model: World.llm(() => World.text("done"), asked) })
          yield* seconds(1)
          assert.strictEqual((yield* crewline.get("x")).tasks["a"]!.status, "completed")
          assert.strictEqual(asked.length, 1)
        })
      )
    )
  })

  describe("pause", () => {
    it.effect("holds starts, lets running tasks commit, and ends with resume", () =>
      inMemory(
        Effect.gen(function* () {
          const log = yield* EventLog.EventLog
          const model = World.llm((request) => Effect.delay(Effect.succeed(World.text(request.caller!.taskId)), 500))
          const { crewline } = yield* Process.start({ model })
          const handle = yield* crewline.startPlan(World.plan({ a: {}, b: { context: ["a"] } }))
          yield* TestClock.adjust(100)
          // By another process: the queue here must find out.
          yield* log.append(handle.id, [{ type: "ExecutionPaused" }])
          yield* seconds(3)
          const paused = yield* crewline.get(handle.id)
          assert.strictEqual(paused.tasks["a"]!.status, "completed")
          assert.strictEqual(paused.tasks["b"]!.status, "pending")
          yield* log.append(handle.id, [{ type: "ExecutionResumed" }])
          yield* seconds(10)
          assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
        })
      )
    )
  })
})
