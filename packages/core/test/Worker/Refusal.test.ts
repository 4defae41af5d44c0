/** A queue that disagrees with the log: the log is right, and the queue is corrected. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as TaskQueue from "../../src/TaskQueue.ts"
import * as Usage from "../../src/Usage.ts"
import type { Ledger } from "../../src/Worker/Ledger.ts"
import * as Refusals from "../../src/Worker/Refusals.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { facts } from "../../src/testing/TaskQueueContract/Story.ts"
import { seconds } from "../fake/InMemory.ts"

const begun = (taskId: string, run = 1): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run,
  attempt: 1,
  worker: "elsewhere",
  crashes: 0
})
const completed = (taskId: string, run = 1): ExecutionEvent.Draft => ({
  type: "TaskCompleted",
  taskId,
  run,
  output: `recorded ${taskId}`
})

interface Story {
  readonly plan: Parameters<typeof World.plan>[0]
  /** The state in the log. */
  readonly recorded: ReadonlyArray<ExecutionEvent.Draft>
  /** The state in the queue. */
  readonly nodes: ReadonlyArray<TaskQueue.Node>
}

/** A process whose queue has these nodes, all of them open. No other process owns the execution. */
const lied = Effect.fnUntraced(function* ({ nodes, plan, recorded }: Story, parts: Process.Parts = {}) {
  const log = yield* EventLog.EventLog
  const owner = { name: "elsewhere", leaseMillis: 3_600_000 }
  yield* log.start("x", { type: "ExecutionStarted", plan: World.plan(plan) }, { owner })
  for (const event of recorded) yield* log.append("x", [event])
  // Some time has passed: remaining waits are counted from then.
  yield* seconds(5)
  const process = yield* Process.start(parts)
  yield* process.queue.submit(facts(nodes))
  const view = Effect.map(process.crewline.get("x"), ({ status, tasks }) => ({
    status,
    tasks: Object.fromEntries(Object.entries(tasks).map(([id, task]) => [id, task.status]))
  }))
  return { ...process, view, starts: Effect.map(log.read("x"), startsOf), log }
})

const startsOf = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) =>
  events.flatMap((event) => (event.type === "TaskStarted" ? [`${event.taskId}${event.run}`] : []))

const it_ = (sentence: string, body: Effect.Effect<void, unknown, EventLog.EventLog | Scope.Scope>) =>
  it.effect(sentence, () => body.pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal)))

describe("Worker, given a task that the log", () => {
  it_(
    "has settled, continues with its dependents",
    Effect.gen(function* () {
      const { starts, view } = yield* lied({
        plan: { a: {}, b: { context: ["a"] } },
        recorded: [begun("a"), completed("a")],
        nodes: [
          { id: "a", dependencies: [] },
          { id: "b", dependencies: ["a"] }
        ]
      })
      yield* seconds(1)
      assert.strictEqual((yield* view).status, "completed")
      assert.deepStrictEqual(yield* starts, ["a1", "b1"])
    })
  )

  it_(
    "has not released, runs its dependencies first",
    Effect.gen(function* () {
      const { starts, view } = yield* lied({
        plan: { a: {}, b: { context: ["a"] } },
        recorded: [],
        nodes: [{ id: "b", dependencies: [] }]
      })
      yield* seconds(1)
      assert.strictEqual((yield* view).status, "completed")
      assert.deepStrictEqual(yield* starts, ["a1", "b1"])
    })
  )

  it_(
    "does not know, runs those that it knows",
    Effect.gen(function* () {
      const { starts, view } = yield* lied({
        plan: { a: {} },
        recorded: [],
        nodes: [{ id: "ghost", dependencies: [] }]
      })
      yield* seconds(1)
      assert.strictEqual((yield* view).status, "completed")
      assert.deepStrictEqual(yield* starts, ["a1"])
    })
  )

  const child: Plan.PlannedTask = World.plan({ child: {} }).tasks[0]!

  it_(
    "has suspended, waits, and runs the tasks it had spawned",
    Effect.gen(function* () {
      const { starts, view } = yield* lied({
        plan: { a: {} },
        recorded: [begun("a"), { ...Plans.suspension("a", 1, Wait.of({ tasks: ["child"] })), spawn: [child] }],
        nodes: [{ id: "a", dependencies: [] }]
      })
      yield* seconds(1)
      assert.deepStrictEqual(yield* starts, ["a1", "child1", "a2"])
      assert.strictEqual((yield* view).status, "completed")
    })
  )

  it_(
    "has suspended with a time limit, waits for the remaining time",
    Effect.gen(function* () {
      const { starts } = yield* lied({
        plan: { a: {} },
        recorded: [begun("a"), Plans.suspension("a", 1, Wait.of({ signals: ["answer"] }, { timeoutMillis: 10_000 }))],
        nodes: [{ id: "a", dependencies: [] }]
      })
      yield* seconds(4)
      assert.deepStrictEqual(yield* starts, ["a1"])
      yield* seconds(2)
      assert.deepStrictEqual(yield* starts, ["a1", "a2"])
    })
  )

  it_(
    "will retry later, waits until then",
    Effect.gen(function* () {
      const { starts } = yield* lied({
        plan: { a: {} },
        recorded: [
          begun("a"),
          {
            type: "TaskRetried",
            taskId: "a",
            run: 1,
            attempt: 1,
            error: { code: "model-network", message: "cut", isRetryable: true },
            delayMillis: 10_000,
            keepsTurns: true
          }
        ],
        nodes: [{ id: "a", dependencies: [] }]
      })
      yield* seconds(4)
      assert.deepStrictEqual(yield* starts, ["a1"])
      yield* seconds(2)
      assert.deepStrictEqual(yield* starts, ["a1", "a2"])
    })
  )

  it_(
    "has paused, holds it until the execution resumes",
    Effect.gen(function* () {
      const { log, queue, starts, view } = yield* lied({
        plan: { a: {} },
        recorded: [{ type: "ExecutionPaused" }],
        nodes: [{ id: "a", dependencies: [] }]
      })
      yield* seconds(1)
      assert.deepStrictEqual(yield* starts, [])
      assert.strictEqual((yield* queue.inspect("x")).status, "idle")
      yield* log.append("x", [{ type: "ExecutionResumed" }])
      // Reading is enough: events of other processes are passed to the queue.
      yield* view
      yield* seconds(1)
      assert.deepStrictEqual(yield* starts, ["a1"])
    })
  )

  it_(
    "has ended, removes the execution",
    Effect.gen(function* () {
      const { queue, starts, worker } = yield* lied({
        plan: { a: {} },
        recorded: [
          { type: "TaskCancelled", taskId: "a", reason: "execution-cancelled" },
          { type: "ExecutionEnded", status: "cancelled", usage: Usage.zero }
        ],
        nodes: [{ id: "a", dependencies: [] }]
      })
      yield* seconds(1)
      assert.deepStrictEqual(yield* starts, [])
      assert.strictEqual((yield* queue.inspect("x")).status, "absent")
      assert.deepStrictEqual(yield* worker.running, [])
    })
  )

  it_(
    "does not have, removes the execution, too",
    Effect.gen(function* () {
      const { queue } = yield* Process.start({})
      yield* queue.submit(facts({ a: [] }, { executionId: "nowhere" }))
      yield* seconds(1)
      assert.strictEqual((yield* queue.inspect("nowhere")).status, "absent")
    })
  )

  it_(
    "has started elsewhere meanwhile, starts it under a new fence, which overrides the other run",
    Effect.gen(function* () {
      const { log, view } = yield* lied(
        { plan: { a: {} }, recorded: [begun("a")], nodes: [{ id: "a", dependencies: [] }] },
        { model: World.llm(() => Effect.delay(Effect.succeed(World.text("mine")), 500)) }
      )
      yield* TestClock.adjust(100)
      // Late events of the previous worker: as progress they are stored, and ignored.
      yield* log.append("x", [
        {
          type: "TurnCompleted",
          taskId: "a",
          run: 1,
          turn: 1,
          messages: [],
          parts: World.text("theirs").parts,
          finishReason: "stop",
          model: "fake-1",
          usage: { ...Usage.zero, requests: 1 }
        }
      ])
      yield* seconds(1)
      assert.strictEqual((yield* view).status, "completed")
      assert.strictEqual((yield* log.outputs("x", ["a"])).get("a"), "mine")
    })
  )
})

describe("Worker, refused for an execution that its ledger has forgotten meanwhile", () => {
  it.effect.each(["delayed", "suspended", "paused"] as const)("hands the task back: %s", (refusal) =>
    Effect.gen(function* () {
      const released: Array<string> = []
      // What the other refusals use is not called here.
      const queue = {
        release: ({ taskId }: TaskQueue.Lease) => Effect.sync(() => void released.push(taskId)),
        tell: () => Effect.void
      } as unknown as TaskQueue.TaskQueue["Service"]
      const ledger = { seen: () => undefined } as unknown as Ledger["Service"]
      const refused = Refusals.make({
        queue,
        ledger,
        now: Effect.succeed(0),
        ended: () => Effect.void,
        rebuild: () => Effect.void
      })
      yield* refused({ executionId: "x", taskId: "a" } as TaskQueue.Lease, refusal)
      assert.deepStrictEqual(released, ["a"])
    })
  )
})
