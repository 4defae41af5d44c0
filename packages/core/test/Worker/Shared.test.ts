/**
 * A worker among others: how much it takes, what it leaves to them, and how it starts and stops.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as Worker from "../../src/Worker.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { eventsOf, inMemory, seconds } from "../fake/InMemory.ts"

const startsOf = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) =>
  events.filter((event): event is ExecutionEvent.Of<"TaskStarted"> => event.type === "TaskStarted")

const agents = { agent: { role: "Agent", goal: "Test", backstory: "" } }

describe("lanes of a worker", () => {
  /** Tasks of two providers and of none, and how many of each lane run at once. */
  const plan = (each: number): Plan.Plan => {
    const tasks = ["openai", "ollama", "none"].flatMap((agent) =>
      Array.from({ length: each }, (_, index) => [`${agent}${index}`, { agent }] as const)
    )
    return World.plan(Object.fromEntries(tasks), {
      agents: {
        openai: { ...agents.agent, model: "openai/x" },
        ollama: { ...agents.agent, model: "ollama/x" },
        none: agents.agent
      }
    })
  }
  const counting = () => {
    const now = new Map<string, number>()
    const most = new Map<string, number>()
    const change = (lane: string, by: number) => {
      now.set(lane, (now.get(lane) ?? 0) + by)
      most.set(lane, Math.max(most.get(lane) ?? 0, now.get(lane)!))
    }
    const runner: (typeof Worker.Runner)["Service"] = (_, { task }) =>
      Effect.gen(function* () {
        change(task.agent, 1)
        change("all", 1)
        yield* Effect.sleep(task.agent === "openai" ? 1_000 : 100)
        change(task.agent, -1)
        change("all", -1)
        return { outcome: { _tag: "Completed", output: task.id }, progress: [] }
      })
    return { most, runner }
  }

  for (const isShared of [false, true]) {
    it.effect(`never exceed their limit, and a full one does not delay others (shared: ${isShared})`, () =>
      inMemory(
        Effect.gen(function* () {
          const { most, runner } = counting()
          const shared = isShared ? { queue: (yield* Process.sharedQueue()).queue } : {}
          const { crewline } = yield* Process.start({
            ...shared,
            runner,
            options: { worker: { concurrency: 6, lanes: { openai: 1, default: 3 } } }
          })
          const handle = yield* crewline.startPlan(plan(8))
          // The lane of one needs 8 seconds for its tasks; the others have finished long before.
          yield* Effect.repeat(TestClock.adjust(50), { times: 30 })
          const tasks = (yield* crewline.get(handle.id)).tasks
          assert.deepStrictEqual(
            Object.entries(tasks).flatMap(([id, { status }]) => (status === "completed" ? [id] : [])).length,
            1 + 16
          )
          yield* Effect.repeat(TestClock.adjust(50), { times: 140 })
          assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
          assert.strictEqual(most.get("openai"), 1)
          assert.strictEqual(most.get("all"), 4, "all lanes that are not named share what is left for them")
        })
      )
    )
  }

  it.effect("leave unnamed lanes to its concurrency", () =>
    inMemory(
      Effect.gen(function* () {
        const { most, runner } = counting()
        const { crewline } = yield* Process.start({
          runner,
          options: { worker: { concurrency: 5, lanes: { openai: 2 } } }
        })
        yield* crewline.startPlan(plan(8))
        yield* seconds(10)
        assert.deepStrictEqual([most.get("openai"), most.get("all")], [2, 5])
      })
    )
  )
})

describe("a worker", () => {
  it.effect("runs as many tasks at once as it has slots, and never more", () =>
    inMemory(
      Effect.gen(function* () {
        let now = 0
        let most = 0
        const runner: (typeof Worker.Runner)["Service"] = (_, { task }) =>
          Effect.gen(function* () {
            most = Math.max(most, ++now)
            yield* Effect.sleep(100)
            now--
            return { outcome: { _tag: "Completed", output: task.id }, progress: [] }
          })
        const { queue } = yield* Process.sharedQueue()
        const { crewline } = yield* Process.start({ queue, runner, options: { worker: { concurrency: 5 } } })
        const tasks = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`t${index}`, {}]))
        const handle = yield* crewline.startPlan(World.plan(tasks))
        yield* Effect.repeat(TestClock.adjust(50), { times: 20 })
        assert.strictEqual((yield* crewline.get(handle.id)).status, "completed")
        assert.strictEqual(most, 5)
      })
    )
  )

  it.effect("is registered while it runs, and reports when it takes no more", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const worker = { name: "a", concurrency: 3, lanes: { openai: 1 }, host: "machine", graceMillis: 5_000 }
        const model = World.llm(() => Effect.delay(Effect.succeed(World.text("done")), 2_000))
        const a = yield* Process.start({ queue, model, options: { worker } })
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {}, y: { context: ["x"] } }))
        yield* TestClock.adjust(1)
        const [there] = yield* queue.workers
        const { running, silentMillis: _, startedAt, ...info } = there!
        assert.deepStrictEqual(info, {
          name: "a",
          concurrency: 3,
          lanes: { openai: 1 },
          host: "machine",
          draining: false
        })
        assert.isFalse(Number.isNaN(Date.parse(startedAt)))
        assert.deepStrictEqual(
          running.map(({ taskId }) => taskId),
          ["x"]
        )
        const b = yield* Process.start({ queue, model, options: { worker: { name: "b" } } })
        yield* Effect.forkChild(a.close)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(
          (yield* queue.workers).map(({ draining, name }) => [name, draining]),
          [
            ["a", true],
            ["b", false]
          ]
        )
        yield* seconds(10)
        assert.deepStrictEqual(
          (yield* queue.workers).map(({ name }) => name),
          ["b"]
        )
        assert.strictEqual((yield* b.crewline.get(id)).status, "completed")
        // It finished its tasks; the rest went to the other at once.
        const starts = startsOf(yield* eventsOf(id))
        assert.deepStrictEqual(
          starts.map(({ taskId, worker: by }) => [taskId, by]),
          [
            ["x", "a"],
            ["y", "b"]
          ]
        )
      })
    )
  )

  it.effect("that stops hands unfinished tasks to others at once, without a crash", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const a = yield* Process.start({
          queue,
          model: World.llm(() => Effect.never),
          options: { worker: { name: "a", graceMillis: 1_000 } }
        })
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {}, y: {} }))
        yield* TestClock.adjust(1)
        const b = yield* Process.start({ queue, options: { worker: { name: "b" } } })
        yield* Effect.forkChild(a.close)
        yield* TestClock.adjust(1_001)
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* b.crewline.get(id)).status, "completed")
        const starts = startsOf(yield* eventsOf(id))
        assert.deepStrictEqual(
          starts.map(({ crashes, run, worker }) => [worker, run, crashes]),
          [
            ["a", 1, 0],
            ["a", 1, 0],
            ["b", 2, 0],
            ["b", 2, 0]
          ]
        )
      })
    )
  )
})

describe("a clock that is wrong by minutes", () => {
  /** The log keeps the right time, for every caller. */
  const rightLog = Layer.effect(
    EventLog.EventLog,
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const clock = yield* Clock.Clock
      const right = <A, E>(effect: Effect.Effect<A, E>) => Effect.provideService(effect, Clock.Clock, clock)
      return EventLog.EventLog.of({
        ...log,
        start: (...args) => right(log.start(...args)),
        append: (...args) => right(log.append(...args)),
        adopt: (...args) => right(log.adopt(...args)),
        now: right(log.now)
      })
    })
  ).pipe(Layer.provideMerge(LocalEventLog.layerLocal))

  const wrongBy = (clock: Clock.Clock, millis: number): Clock.Clock => ({
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + millis,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(millis) * 1_000_000n,
    currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + BigInt(millis) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  })

  const start = Effect.fnUntraced(function* (minutes: number, parts: Process.Parts) {
    const clock = yield* Clock.Clock
    return yield* Effect.provideService(Process.start(parts), Clock.Clock, wrongBy(clock, minutes * 60_000))
  })

  const retry = { attempts: 2, initialMillis: 60_000, factor: 1, maxMillis: 60_000 }
  const failing: (typeof Worker.Runner)["Service"] = (_, { run }) =>
    Effect.succeed({
      outcome:
        run === 1
          ? {
              _tag: "Failed",
              error: { code: "test", message: "no", isRetryable: true },
              retryAfterMillis: 60_000
            }
          : { _tag: "Completed", output: "done" },
      progress: []
    })

  const dozing: (typeof Worker.Runner)["Service"] = (_, { run }) =>
    Effect.succeed({
      outcome:
        run === 1
          ? Plans.suspended(Wait.of({ signals: ["s"] }, { timeoutMillis: 60_000 }))
          : { _tag: "Completed", output: "woken" },
      progress: []
    })

  /** Seconds from the log's `from` to its `to`. */
  const between = (
    events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
    from: ExecutionEvent.Type,
    to: (event: ExecutionEvent.ExecutionEvent) => boolean
  ) => (Date.parse(events.find(to)!.at) - Date.parse(events.find(({ type }) => type === from)!.at)) / 1_000

  for (const minutes of [-5, 0, 5]) {
    const name = `${Math.abs(minutes)} ${minutes < 0 ? "behind" : "ahead"}`
    const again = (event: ExecutionEvent.ExecutionEvent) => event.type === "TaskStarted" && event.run === 2

    for (const isWiped of [false, true]) {
      it.effect(`starts no attempt too early or late (${name}, ${isWiped ? "queue rebuilt" : "queue kept"})`, () =>
        inMemory(
          Effect.gen(function* () {
            const { queue, wipe } = yield* Process.sharedQueue()
            const { crewline } = yield* start(minutes, { queue, runner: failing })
            const { id } = yield* crewline.startPlan(World.plan({ a: { retry } }))
            yield* seconds(20)
            if (isWiped) yield* wipe
            yield* seconds(60)
            const waited = between(yield* eventsOf(id), "TaskRetried", again)
            assert.isAtLeast(waited, 60)
            assert.isAtMost(waited, 62)
          }),
          rightLog
        )
      )

      it.effect(`ends a wait in time (${name}, ${isWiped ? "queue rebuilt" : "queue kept"})`, () =>
        inMemory(
          Effect.gen(function* () {
            const { queue, wipe } = yield* Process.sharedQueue()
            const { crewline } = yield* start(minutes, { queue, runner: dozing })
            const { id } = yield* crewline.startPlan(World.plan({ a: {} }))
            yield* seconds(20)
            if (isWiped) yield* wipe
            yield* seconds(60)
            const waited = between(yield* eventsOf(id), "TaskSuspended", again)
            assert.isAtLeast(waited, 60)
            assert.isAtMost(waited, 62)
          }),
          rightLog
        )
      )
    }

    it.effect(`stops an execution when its time is over, whichever process owns it then (${name})`, () =>
      inMemory(
        Effect.gen(function* () {
          const { queue } = yield* Process.sharedQueue()
          const model = World.llm(() => Effect.never)
          const first = yield* start(0, { queue, model })
          const { id } = yield* first.crewline.startPlan(World.plan({ a: {} }, { timeoutMillis: 60_000 }))
          yield* seconds(20)
          const second = yield* start(minutes, { queue, model })
          yield* first.close
          yield* seconds(60)
          const events = yield* eventsOf(id)
          const lasted = between(events, "ExecutionStarted", ({ type }) => type === "ExecutionEnded")
          assert.isAtLeast(lasted, 60)
          assert.isAtMost(lasted, 62)
          assert.strictEqual((yield* second.crewline.get(id)).error?.code, "execution-timeout")
        }),
        rightLog
      )
    )
  }
})
