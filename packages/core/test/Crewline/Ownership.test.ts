/**
 * Several processes on one log and one queue: which one runs an execution, and what happens when
 * the queue misses an event.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as Tenant from "../../src/Tenant.ts"
import * as Usage from "../../src/Usage.ts"
import type * as Worker from "../../src/Worker.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { inMemory, seconds } from "../fake/InMemory.ts"

const slow = World.llm((request) => Effect.delay(Effect.succeed(World.text(request.caller!.taskId)), 500))

const many = (count: number) => World.plan(Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, {}])))

const named = (name: string, worker: Worker.Options = {}) => ({ options: { worker: { name, ...worker } } })

const startsOf = Effect.fnUntraced(function* (id: string) {
  const log = yield* EventLog.EventLog
  const events = yield* log.read(id)
  return events.filter((event): event is ExecutionEvent.Of<"TaskStarted"> => event.type === "TaskStarted")
})

/** Waits for a signal and answers with its value; other tasks answer with their name. */
const patient: (typeof Worker.Runner)["Service"] = (_, leg) => {
  const { id } = leg.task
  if (id !== "asks")
    return Effect.delay(Effect.succeed({ outcome: { _tag: "Completed", output: id }, progress: [] }), 500)
  return Effect.succeed(
    leg.run === 1
      ? {
          outcome: Plans.suspended(Wait.of({ signals: ["s"] })),
          progress: []
        }
      : { outcome: { _tag: "Completed", output: "answered" }, progress: [] }
  )
}

const answer = Effect.fnUntraced(function* (id: string) {
  const log = yield* EventLog.EventLog
  yield* Effect.orDie(log.append(id, [{ type: "SignalReceived", signal: "s", value: 1 }]))
})

describe("a shared queue", () => {
  it.effect("hands the tasks of one execution to all processes, each once, and every handle gets its result", () =>
    inMemory(
      Effect.gen(function* () {
        const { asked, queue } = yield* Process.sharedQueue()
        const a = yield* Process.start({ queue, model: slow, ...named("a", { concurrency: 4 }) })
        const b = yield* Process.start({ queue, model: slow, ...named("b", { concurrency: 4 }) })
        const handle = yield* a.crewline.startPlan(many(24))
        const elsewhere = yield* b.crewline.adopt(handle.id)
        const results = yield* Effect.forkChild(Effect.all([handle.result, elsewhere.result], { concurrency: 2 }))
        yield* seconds(5)
        const [here, there] = yield* Fiber.join(results)
        assert.strictEqual(Object.keys(here.output as object).length, 24)
        assert.deepStrictEqual(here, there)
        const starts = yield* startsOf(handle.id)
        assert.strictEqual(starts.length, 24)
        assert.deepStrictEqual([...new Set(starts.map(({ worker }) => worker))].toSorted(), ["a", "b"])
        // One process commits, another reads; only the one that commits updates the queue.
        assert.isAtMost(asked.get("tell") ?? 0, 24)
        assert.strictEqual((yield* queue.inspect(handle.id)).status, "absent")
      })
    )
  )

  it.effect("keeps an execution that a process lost to another: its tasks run where they run", () => {
    let isCut = false
    return inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const asked: Array<string> = []
        const model = World.llm((request) => {
          asked.push(request.caller!.taskId)
          return Effect.delay(Effect.succeed(World.text("done")), 40_000)
        })
        const a = yield* Process.start({ queue, model, ...named("a") })
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {}, y: { context: ["x"] } }))
        yield* TestClock.adjust(1)
        isCut = true
        const b = yield* Process.start({ queue, model, ...named("b") })
        yield* seconds(30)
        isCut = false
        yield* seconds(5)
        assert.strictEqual((yield* a.worker.running).length, 1)
        yield* seconds(60)
        assert.strictEqual((yield* b.crewline.get(id)).status, "completed")
        assert.deepStrictEqual(asked, ["x", "y"])
      }),
      FaultyLog.layer({
        adopt: (next, options) =>
          options.owner === "a" && isCut ? Effect.fail(FaultyLog.unavailable(true)) : next(options)
      })
    )
  })

  it.effect("that lost its data is restored from the log", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue, wipe } = yield* Process.sharedQueue()
        const a = yield* Process.start({ queue, model: slow, ...named("a", { concurrency: 1 }) })
        const b = yield* Process.start({ queue, model: slow, ...named("b", { concurrency: 1 }) })
        const handles = yield* Effect.all([many(6), many(6)].map((plan) => a.crewline.startPlan(plan)))
        yield* seconds(1)
        yield* wipe
        yield* seconds(40)
        for (const { id } of handles) {
          assert.strictEqual((yield* b.crewline.get(id)).status, "completed")
          assert.isAtMost((yield* startsOf(id)).length, 8)
        }
      })
    )
  )

  it.effect("that lost its data also gets back paused executions and those that only wait for a person", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue, wipe } = yield* Process.sharedQueue()
        const a = yield* Process.start({ queue, runner: patient, ...named("a") })
        const waiting = yield* a.crewline.startPlan(World.plan({ asks: { signals: ["s"] } }))
        const paused = yield* a.crewline.startPlan(World.plan({ x: {}, y: { context: ["x"] } }))
        yield* TestClock.adjust(100)
        yield* a.crewline.pause(paused.id)
        yield* seconds(1)
        yield* wipe
        yield* seconds(20)
        assert.strictEqual((yield* queue.inspect(waiting.id)).status, "idle")
        assert.strictEqual((yield* queue.inspect(paused.id)).status, "idle")
        yield* a.crewline.signal(waiting.id, "s", 1)
        yield* a.crewline.resume(paused.id)
        yield* seconds(2)
        assert.strictEqual((yield* a.crewline.get(waiting.id)).status, "completed")
        assert.strictEqual((yield* a.crewline.get(paused.id)).status, "completed")
      })
    )
  )

  it.effect("is updated by the sweep when a process died after it recorded an event", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const a = yield* Process.start({ queue, runner: patient, ...named("a") })
        const { id } = yield* a.crewline.startPlan(World.plan({ asks: { signals: ["s"] } }))
        yield* seconds(1)
        yield* answer(id)
        yield* seconds(20)
        assert.strictEqual((yield* a.crewline.get(id)).status, "completed")
      })
    )
  )

  it.effect("is updated again when a person repeats a recorded answer", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const a = yield* Process.start({ queue, runner: patient, ...named("a") })
        const { id } = yield* a.crewline.startPlan(World.plan({ asks: { signals: ["s"] }, long: {} }))
        yield* TestClock.adjust(100)
        yield* answer(id)
        yield* a.crewline.signal(id, "s", 2)
        yield* TestClock.adjust(100)
        assert.strictEqual((yield* a.crewline.get(id)).tasks["asks"]!.status, "completed")
      })
    )
  )

  it.effect("receives after a submission the events committed between reading the log and submitting", () => {
    let between: string | undefined
    return inMemory(
      Effect.gen(function* () {
        const { queue, wipe } = yield* Process.sharedQueue({
          submit: (id) => (between === id ? Effect.provideService(answer(id), EventLog.EventLog, log) : Effect.void)
        })
        const log = yield* EventLog.EventLog
        const { crewline } = yield* Process.start({
          queue,
          runner: patient,
          options: { worker: { name: "a" }, sweepMillis: 3_000, leaseMillis: 100_000 }
        })
        const { id } = yield* crewline.startPlan(World.plan({ asks: { signals: ["s"] } }))
        yield* TestClock.adjust(100)
        between = id
        yield* wipe
        // The first sweep may pass over executions with progress; the second submits it, and
        // nothing else could deliver the answer so soon.
        yield* Effect.repeat(TestClock.adjust(100), { times: 64 })
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
      })
    )
  })

  it.effect("removes, page by page, executions that have ended or are not in the log", () =>
    inMemory(
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const { queue } = yield* Process.sharedQueue()
        const facts = { priority: "normal", upTo: 1, settled: [], suspended: [], delayed: [], signals: [] } as const
        const nodes = [{ id: "a", dependencies: [] }]
        const begin = (id: string, tenant: string) =>
          Effect.provideService(
            log.start(
              id,
              { type: "ExecutionStarted", plan: World.plan({ a: {} }) },
              { owner: { name: "c", leaseMillis: 1e9 } }
            ),
            Tenant.Current,
            tenant
          )
        const submit = (executionId: string, tenant: string) =>
          queue.submit({ ...facts, executionId, tenant, nodes, paused: true })
        yield* begin("ended", "other")
        yield* Effect.provideService(
          log.append("ended", [{ type: "ExecutionEnded", status: "cancelled", usage: Usage.zero }]),
          Tenant.Current,
          "other"
        )
        const going = Array.from({ length: 250 }, (_, index) => `going ${index}`).toSorted()
        yield* Effect.forEach(going, (id) => begin(id, "default"))
        yield* Effect.forEach(["ended", "unknown"], (id) => submit(id, "other"))
        yield* Effect.forEach(going, (id) => submit(id, "default"))
        yield* Process.start({ queue, model: slow, ...named("a") })
        yield* seconds(20)
        const known = yield* queue.known({ after: undefined, limit: 1_000 })
        assert.deepStrictEqual(
          known.map(({ executionId }) => executionId),
          going
        )
      })
    )
  )

  it.effect("stops work of an ended execution although no process told it", () =>
    inMemory(
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const { queue } = yield* Process.sharedQueue()
        const { crewline, worker } = yield* Process.start({
          queue,
          model: World.llm(() => Effect.never),
          ...named("a")
        })
        const { id } = yield* crewline.startPlan(World.plan({ a: {} }))
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* worker.running).length, 1)
        yield* log.append(id, [{ type: "ExecutionEnded", status: "cancelled", usage: Usage.zero }])
        // The next reader finds out.
        assert.strictEqual((yield* crewline.get(id)).status, "cancelled")
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* worker.running, [])
      })
    )
  )

  it.effect("is rarely asked about active executions, and the log is read for none of them", () => {
    let reads = 0
    return inMemory(
      Effect.gen(function* () {
        const { asked, queue } = yield* Process.sharedQueue()
        const { crewline } = yield* Process.start({ queue, runner: patient, ...named("a") })
        for (let i = 0; i < 20; i++) yield* crewline.startPlan(World.plan({ asks: { signals: ["s"] } }))
        yield* seconds(30)
        const [inspected, read] = [asked.get("inspect") ?? 0, reads]
        yield* seconds(60)
        // Every sweep asks the queue once for each; the log is not read, because nothing has
        // happened.
        assert.isAtMost((asked.get("inspect") ?? 0) - inspected, 20 * 13)
        assert.strictEqual(reads, read)
      }),
      FaultyLog.layer({
        read: (next, ...args) => {
          reads++
          return next(...args)
        }
      })
    )
  })

  it.effect("is not filled by an owner that lacks the functions of a crew, but by others", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue, wipe } = yield* Process.sharedQueue()
        const { crewline } = yield* Process.start({ queue, runner: patient, ...named("a") })
        const { id } = yield* crewline.startPlan(World.plan({ asks: { signals: ["s"] } }, { needsCode: true }))
        yield* seconds(1)
        yield* wipe
        const { crewline: other } = yield* Process.start({ queue, runner: patient, ...named("b") })
        yield* seconds(20)
        assert.strictEqual((yield* queue.inspect(id)).status, "idle")
        yield* other.signal(id, "s", 1)
        yield* seconds(1)
        assert.strictEqual((yield* other.get(id)).status, "completed")
      })
    )
  )

  it.effect("saves the new owner from reading the whole history", () => {
    const reads: Array<EventLog.ReadOptions | undefined> = []
    return inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const first = yield* Process.start({ queue, runner: patient, ...named("a") })
        for (let i = 0; i < 20; i++) yield* first.crewline.startPlan(World.plan({ asks: { signals: ["s"] } }))
        yield* seconds(20)
        yield* Process.start({ queue, runner: patient, ...named("b") })
        yield* first.close
        reads.length = 0
        yield* seconds(30)
        assert.strictEqual(reads.length, 20)
        assert.isTrue(reads.every((options) => options?.limit === 1))
      }),
      FaultyLog.layer({
        read: (next, ...args) => {
          reads.push(args[1])
          return next(...args)
        }
      })
    )
  })
})

describe("a process whose event loop was blocked", () => {
  it.effect("reports it once, if it lasted longer than its leases", () => {
    const said: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
    return inMemory(
      Effect.gen(function* () {
        const inner = yield* Clock.Clock
        let blockedNanos = 0n
        const clock: Clock.Clock = Object.create(inner)
        Object.assign(clock, {
          currentTimeNanos: Effect.map(inner.currentTimeNanos, (nanos) => nanos + blockedNanos),
          currentTimeNanosUnsafe: () => inner.currentTimeNanosUnsafe() + blockedNanos
        })
        const block = (millis: number) => {
          blockedNanos += BigInt(millis) * 1_000_000n
          return seconds(20)
        }
        yield* Process.start({ options: { leaseMillis: 15_000 } }).pipe(Effect.provideService(Clock.Clock, clock))
        yield* seconds(60)
        yield* block(9_000)
        assert.deepStrictEqual(said, [])
        yield* block(15_001)
        yield* seconds(60)
        assert.strictEqual(said.length, 1)
        assert.match(said[0]!, /^The event loop was blocked: nothing ran for 20001 ms, and leases last 15000 ms\. /)
        yield* block(40_000)
        assert.strictEqual(said.length, 2)
      })
    ).pipe(Effect.provide(logger))
  })
})
