/** Retries of failed executions: a new execution that keeps completed work. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type * as Crewline from "../../src/Crewline.ts"
import * as Crew from "../../src/Crew.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as Llm from "../../src/Llm.ts"
import * as Tenant from "../../src/Tenant.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import { inMemory, seconds } from "../fake/InMemory.ts"

const asked: { tasks: Array<string>; good: boolean } = { tasks: [], good: false }
/** Fails task `b` until it is allowed to succeed. */
const moody = World.llm((request) => {
  const task = request.caller!.taskId
  asked.tasks.push(task)
  if (task !== "b" || asked.good) return World.text(`${task} of ${request.messages.length}`)
  return Effect.delay(World.refuse(new Llm.InvalidRequest({ description: "no" })), 50)
})

const diamond = World.plan({ a: {}, b: { context: ["a"] }, c: { context: ["a"] }, d: { context: ["b", "c"] } })

const history = Effect.fnUntraced(function* (id: string) {
  const log = yield* EventLog.EventLog
  const events = yield* log.read(id)
  const outcomes = events.filter(ExecutionEvent.isTerminal) as ReadonlyArray<ExecutionEvent.Of<"TaskCompleted">>
  return { events, settled: outcomes.map(({ run, taskId }) => `${taskId}@${run}`) }
})

const failing = Effect.fnUntraced(function* (crewline: Crewline.Crewline["Service"]) {
  asked.good = false
  const { id } = yield* crewline.startPlan(diamond, { priority: "low", crewId: "crew" })
  yield* seconds(1)
  assert.strictEqual((yield* crewline.get(id)).status, "failed")
  asked.good = true
  asked.tasks = []
  return id
})

describe("retry", () => {
  it.effect("keeps completed work, repeats the rest, and leaves the old execution unchanged", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({ model: moody })
        const id = yield* failing(crewline)
        const before = yield* history(id)
        const old = yield* crewline.get(id)
        const handle = yield* crewline.retry(id)
        assert.notStrictEqual(handle.id, id)
        yield* seconds(1)
        const { output, tasks, usage } = yield* handle.result
        assert.match(String(output), /^d of/)
        assert.deepStrictEqual(asked.tasks.toSorted(), ["b", "d"])
        assert.strictEqual(usage.requests, 2)
        assert.deepStrictEqual([tasks["a"]!.reused, tasks["b"]!.reused, tasks["c"]!.reused], [true, undefined, true])
        assert.strictEqual(tasks["a"]!.output, old.tasks["a"]!.output)
        assert.strictEqual(tasks["a"]!.attempts, 0)
        const view = yield* crewline.get(handle.id)
        assert.deepStrictEqual([view.retryOf, view.crewId], [id, "crew"])
        const { events, settled } = yield* history(handle.id)
        assert.strictEqual(events[0]!.type === "ExecutionStarted" && events[0]!.priority, "low")
        assert.deepStrictEqual(settled.toSorted(), ["a@0", "b@1", "c@0", "d@1"])
        assert.deepStrictEqual(yield* history(id), before)
      })
    )
  )

  it.effect("requested twice creates one execution, and retries that one if it has failed, too", () =>
    inMemory(
      Effect.gen(function* () {
        const here = yield* Process.start({ model: moody })
        const there = yield* Process.start({ model: moody })
        const id = yield* failing(here.crewline)
        asked.good = false
        const forks = yield* Effect.all(
          [here, here, there].map(({ crewline }) => crewline.retry(id)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(forks.map((fork) => fork.id)).size, 1)
        assert.strictEqual(forks.filter((fork) => fork.existing).length, 2)
        const [first] = forks
        yield* seconds(1)
        assert.strictEqual((yield* here.crewline.get(first!.id)).status, "failed")
        asked.good = true
        const second = yield* there.crewline.retry(id)
        assert.notStrictEqual(second.id, first!.id)
        yield* seconds(1)
        const view = yield* here.crewline.get(second.id)
        assert.deepStrictEqual([view.status, view.retryOf], ["completed", first!.id])
        const again = yield* here.crewline.retry(id)
        assert.deepStrictEqual([again.id, again.existing], [second.id, true])
      })
    )
  )

  it.effect("is refused for running and completed executions", () =>
    inMemory(
      Effect.gen(function* () {
        const { crewline } = yield* Process.start({
          model: World.llm(() => Effect.delay(Effect.succeed(World.text("done")), 100))
        })
        const { id } = yield* crewline.startPlan(World.plan({ a: {} }))
        yield* TestClock.adjust(1)
        const going = yield* Effect.flip(crewline.retry(id))
        assert.include(going.message, "has not ended")
        yield* seconds(1)
        const done = yield* Effect.flip(crewline.retry(id))
        assert.deepStrictEqual([done._tag, done._tag === "NotRetryable" && done.status], ["NotRetryable", "completed"])
        const unknown = yield* Effect.flip(crewline.retry("exec_none"))
        assert.strictEqual(unknown._tag === "EventLogError" && unknown.reason._tag, "UnknownExecution")
        const { id: cancelled } = yield* crewline.startPlan(World.plan({ a: {} }))
        yield* crewline.cancel(cancelled)
        const foreign = yield* Effect.flip(Effect.provideService(crewline.retry(cancelled), Tenant.Current, "other"))
        assert.strictEqual(foreign._tag, "EventLogError")
        const handle = yield* crewline.retry(cancelled)
        yield* seconds(1)
        assert.strictEqual((yield* handle.result).output, "done")
      })
    )
  )

  it.effect("needs the crew if its functions are not known", () =>
    inMemory(
      Effect.gen(function* () {
        const crew = Crew.make({
          name: "checked",
          agents: { agent: { role: "Agent", goal: "Test" } },
          tasks: {
            a: {
              agent: "agent",
              description: "Do a.",
              expectedOutput: "Text.",
              guardrails: [(text: string) => (text.startsWith("a of 2") ? true : "no")],
              retry: { attempts: 1 }
            }
          }
        })
        const first = yield* Process.start({ model: World.llm(() => Effect.never) })
        const { id } = yield* first.crewline.start(crew)
        yield* TestClock.adjust(1)
        yield* first.crewline.cancel(id)
        yield* first.close
        const { crewline } = yield* Process.start({ model: moody })
        const blind = yield* crewline.retry(id)
        yield* seconds(10)
        assert.strictEqual((yield* crewline.get(blind.id)).status, "pending")
        const handle = yield* crewline.adopt(blind.id, crew)
        yield* seconds(1)
        assert.strictEqual((yield* handle.result).output, "a of 2")
        assert.strictEqual((yield* crewline.retry(id, crew)).id, blind.id)
      })
    )
  )
})

describe("a retry that is interrupted", () => {
  const many = 450
  const wide = World.plan(
    Object.fromEntries([
      ...Array.from({ length: many }, (_, index) => [`t${index}`, {}] as const),
      ["b", { context: Array.from({ length: many }, (_, index) => `t${index}`) }]
    ])
  )

  for (const [name, parts] of [
    ["before anything was taken over", 0],
    ["between two parts", 1],
    ["after all was taken over", 3]
  ] as const) {
    it.effect(`${name} is gone on with by another process, each task with one outcome`, () => {
      const over = Deferred.makeUnsafe<void>()
      const dead = Effect.fail(FaultyLog.unavailable(false))
      let appended = 0
      let isDead = false
      const log = FaultyLog.layer({
        append: (next, id, drafts, options) => {
          const takesOver = drafts[0].type === "TaskCompleted" && drafts[0].run === 0
          if (isDead && (!takesOver || appended >= parts)) return Effect.andThen(Deferred.await(over), dead)
          if (takesOver) appended++
          return next(id, drafts, options)
        },
        // A killed process hands nothing back; its lease expires.
        adopt: (next, owning) => (owning.owner === "killed" ? dead : next(owning))
      })
      return inMemory(
        Effect.gen(function* () {
          const first = yield* Process.start({ model: moody, options: { worker: { name: "killed" } } })
          asked.good = false
          const { id } = yield* first.crewline.startPlan(wide)
          yield* seconds(1)
          asked.good = true
          isDead = true
          yield* Effect.forkChild(first.crewline.retry(id))
          yield* TestClock.adjust(1)
          const second = yield* Process.start({ model: moody })
          isDead = false
          asked.tasks = []
          yield* seconds(40)
          const fork = yield* second.crewline.retry(id)
          assert.isTrue(fork.existing)
          assert.match(String((yield* fork.result).output), /^b of/)
          const { settled } = yield* history(fork.id)
          assert.strictEqual(settled.length, many + 1)
          assert.strictEqual(new Set(settled).size, many + 1)
          assert.deepStrictEqual(asked.tasks, ["b"])
        }).pipe(Effect.ensuring(Deferred.succeed(over, undefined))),
        log
      )
    })
  }

  it.effect("because its source was deleted ends, and says what to do", () =>
    inMemory(
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const retryOf = { executionId: "exec_gone", tasks: ["a"] }
        yield* log.start("exec_fork", { type: "ExecutionStarted", plan: diamond, retryOf })
        const { crewline, worker } = yield* Process.start({ model: moody })
        yield* seconds(10)
        const view = yield* crewline.get("exec_fork")
        assert.deepStrictEqual([view.status, view.error?.code], ["failed", "retry-source-gone"])
        assert.include(view.error!.message, "exec_gone")
        assert.deepStrictEqual(yield* worker.running, [])
      })
    )
  )
})
