/**
 * Dead processes, and the takeover of their executions. No test waits for a lease: the clock stands
 * still unless a test moves it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Adoption from "../src/Adoption.ts"
import * as EventLog from "../src/EventLog.ts"
import * as Liveness from "../src/Liveness.ts"
import * as Process from "./fake/Process.ts"
import * as World from "./fake/World.ts"
import { inMemory } from "./fake/InMemory.ts"

/** The processes of a machine; the test decides which are dead. */
const machine = () => {
  const gone = new Set<string>()
  return {
    gone,
    /** One of them, with a worker of the same name. */
    process: (name: string, parts: Process.Parts = {}): Process.Parts => ({
      ...parts,
      options: { worker: { name } },
      liveness: { self: `p.${name}`, isGone: (word) => gone.has(word) }
    })
  }
}

/** Answers with the name of the task, but never answers the first request. */
const answersSecond = () => {
  const asked: Array<string> = []
  const model = World.llm((request) => {
    const { taskId } = request.caller!
    asked.push(taskId)
    return asked.filter((id) => id === taskId).length === 1 ? Effect.never : Effect.succeed(World.text(taskId))
  })
  return { asked, model }
}

const ownersOf = Effect.gen(function* () {
  const log = yield* EventLog.EventLog
  return (yield* log.owners).map(({ owner }) => owner)
})

const statusOf = (process: Process.Process, id: string) => Effect.map(process.crewline.get(id), ({ status }) => status)

describe("a dead process", () => {
  it.effect("loses its executions at once to one that starts", () =>
    inMemory(
      Effect.gen(function* () {
        const { gone, process } = machine()
        const { asked, model } = answersSecond()
        const a = yield* Process.start(process("a", { model }))
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {} }))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* ownersOf, ["a p.a"])
        gone.add("p.a")
        const b = yield* Process.start(process("b", { model }))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* statusOf(b, id), "completed")
        assert.deepStrictEqual(asked, ["x", "x"])
      })
    )
  )

  it.effect("loses them to a running one, at its next sweep", () =>
    inMemory(
      Effect.gen(function* () {
        const { gone, process } = machine()
        const { model } = answersSecond()
        const a = yield* Process.start(process("a", { model }))
        const b = yield* Process.start(process("b", { model }))
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {} }))
        yield* TestClock.adjust(1)
        gone.add("p.a")
        yield* TestClock.adjust(5_000)
        assert.strictEqual(yield* statusOf(b, id), "completed")
      })
    )
  )

  it.effect("loses the tasks of a shared queue, too", () =>
    inMemory(
      Effect.gen(function* () {
        const { gone, process } = machine()
        const { asked, model } = answersSecond()
        const { queue } = yield* Process.sharedQueue()
        const a = yield* Process.start(process("a", { model, queue }))
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {} }))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(asked, ["x"])
        gone.add("p.a")
        // The leases of this queue never expire.
        const b = yield* Process.start(process("b", { model, queue }))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(
          (yield* queue.enlisted).map(({ name }) => name),
          ["b"]
        )
        assert.strictEqual(yield* statusOf(b, id), "completed")
      })
    )
  )
})

describe("a process that may be alive", () => {
  it.effect("keeps its executions until its lease expires, and its tasks", () =>
    inMemory(
      Effect.gen(function* () {
        const { process } = machine()
        const { asked, model } = answersSecond()
        const a = yield* Process.start(process("a", { model }))
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {} }))
        yield* TestClock.adjust(1)
        const b = yield* Process.start(process("b", { model }))
        yield* TestClock.adjust(60_000)
        assert.deepStrictEqual(asked, ["x"])
        assert.deepStrictEqual(yield* ownersOf, ["a p.a"])
        assert.strictEqual(yield* statusOf(b, id), "running")
      })
    )
  )

  it.effect("is distinguished from one of the same name", () =>
    inMemory(
      Effect.gen(function* () {
        const { asked, model } = answersSecond()
        const liveness = (self: string): Liveness.Liveness => ({ self, isGone: () => false })
        const options = { worker: { name: "same" } }
        const a = yield* Process.start({ model, options, liveness: liveness("p.1") })
        yield* a.crewline.startPlan(World.plan({ x: {} }))
        yield* TestClock.adjust(1)
        yield* Process.start({ model, options, liveness: liveness("p.2") })
        yield* TestClock.adjust(60_000)
        assert.deepStrictEqual(asked, ["x"])
      })
    )
  )
})

/** Takes over at a person's request; returns the executions that were refused. */
const refused = (process: Process.Process, worker: string, options?: Adoption.Options) =>
  Effect.flip(process.crewline.adoptFrom(worker, options))

describe("adopt", () => {
  /** Two processes; the tasks of the first never complete. Neither can see the other. */
  const two = (model: NonNullable<Process.Parts["model"]>) =>
    Effect.gen(function* () {
      const a = yield* Process.start({ model, options: { worker: { name: "a" } } })
      const { id } = yield* a.crewline.startPlan(World.plan({ x: {} }))
      yield* TestClock.adjust(1)
      const b = yield* Process.start({ model, options: { worker: { name: "b" } } })
      return { a, b, id }
    })

  it.effect("refuses a worker that renews its lease, and says how long the lease lasts", () =>
    inMemory(
      Effect.gen(function* () {
        const { asked, model } = answersSecond()
        const { b } = yield* two(model)
        yield* TestClock.adjust(2_000)
        const error = yield* refused(b, "a")
        assert.strictEqual(
          error.message,
          'Worker "a" renewed its lease 2.0 s ago and may be alive. If you know that it is dead, use force; otherwise try again in 5.5 s.'
        )
        assert.deepInclude(error, { _tag: "WorkerAlive", silentMillis: 2_001, leaseMillis: 15_000 })
        yield* TestClock.adjust(60_000)
        assert.strictEqual((yield* refused(b, "a"))._tag, "WorkerAlive")
        assert.deepStrictEqual(asked, ["x"])
      })
    )
  )

  it.effect("takes over when forced, and later results of the previous owner are ignored", () =>
    inMemory(
      Effect.gen(function* () {
        const { asked, model } = answersSecond()
        const { a, b, id } = yield* two(model)
        assert.deepStrictEqual(yield* b.crewline.adoptFrom("a", { force: true }), { executions: 1 })
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* statusOf(b, id), "completed")
        assert.deepStrictEqual(asked, ["x", "x"])
        yield* TestClock.adjust(5_000)
        assert.deepStrictEqual(yield* a.worker.running, [])
      })
    )
  )

  it.effect("takes over from a silent worker before its lease expires", () =>
    inMemory(
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        yield* log.start(
          "left",
          { type: "ExecutionStarted", plan: World.plan({ x: {} }) },
          { owner: { name: "dead", leaseMillis: 15_000 } }
        )
        const b = yield* Process.start({ options: { worker: { name: "b" } } })
        yield* TestClock.adjust(7_500)
        assert.strictEqual((yield* refused(b, "dead"))._tag, "WorkerAlive")
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* b.crewline.adoptFrom("dead"), { executions: 1 })
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* statusOf(b, "left"), "completed")
      })
    )
  )

  it.effect("finds a worker by its name, whatever process it signs with, and takes over from a dead one at once", () =>
    inMemory(
      Effect.gen(function* () {
        const { gone, process } = machine()
        const { model } = answersSecond()
        const a = yield* Process.start(process("a", { model }))
        const { id } = yield* a.crewline.startPlan(World.plan({ x: {} }))
        const b = yield* Process.start(process("b", { model }))
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* refused(b, "a"))._tag, "WorkerAlive")
        gone.add("p.a")
        assert.deepStrictEqual(yield* b.crewline.adoptFrom("a"), { executions: 1 })
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* statusOf(b, id), "completed")
      })
    )
  )

  it.effect("hands out again the tasks it held of a shared queue, and refuses a worker that the queue hears from", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const { asked, model } = answersSecond()
        // It owns no execution: only the queue knows it.
        const a = yield* Process.start({ model, queue, options: { worker: { name: "a" } } })
        const b = yield* Process.start({ model, queue, options: { worker: { name: "b", concurrency: 0 } } })
        const { id } = yield* b.crewline.startPlan(World.plan({ x: {} }))
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* a.worker.running).length, 1)
        assert.strictEqual((yield* refused(b, "a"))._tag, "WorkerAlive")
        assert.deepStrictEqual(yield* b.crewline.adoptFrom("a", { force: true }), { executions: 0 })
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* statusOf(b, id), "completed")
        assert.deepStrictEqual(asked, ["x", "x"])
      })
    )
  )

  it.effect("lists the known workers when the name is unknown", () =>
    inMemory(
      Effect.gen(function* () {
        const lonely = yield* Process.start({ options: { worker: { name: "b" } } })
        assert.strictEqual(
          (yield* refused(lonely, "web-1")).message,
          'Worker "web-1" owns no executions and is not registered with the queue; no worker owns any.'
        )
        const { model } = answersSecond()
        const other = yield* Process.start({ model, options: { worker: { name: "web-2" } } })
        yield* other.crewline.startPlan(World.plan({ x: {} }))
        assert.strictEqual(
          (yield* refused(lonely, "web-1", { force: true })).message,
          'Worker "web-1" owns no executions and is not registered with the queue; the only one is web-2. Did you mean "web-2"?'
        )
      })
    )
  )
})
