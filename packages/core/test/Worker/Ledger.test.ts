import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { TestClock } from "effect/testing"
import type * as Decision from "../../src/Decision.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import { Ledger } from "../../src/Worker/Ledger.ts"
import * as Tenant from "../../src/Tenant.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as World from "../fake/World.ts"

const start = (
  taskId: string,
  more: { readonly worker?: string; readonly seenRun?: number } = {}
): Decision.Command => ({
  _tag: "Start",
  taskId,
  worker: "w",
  maxCrashes: 5,
  ...more
})

const finish = (taskId: string, run = 1): Decision.Command => ({
  _tag: "Finish",
  taskId,
  run,
  outcome: { _tag: "Completed", output: taskId },
  progress: [],
  jitter: 0
})

const turn = (taskId: string, run: number, number: number): ExecutionEvent.Draft => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn: number,
  messages: [],
  parts: [],
  finishReason: "stop",
  model: "fake",
  usage: { requests: 1, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
})

/** The log with one execution of these tasks. */
const begin = Effect.fnUntraced(function* (tasks: ReadonlyArray<string>, id = "x") {
  const log = yield* EventLog.EventLog
  const plan = World.plan(Object.fromEntries(tasks.map((task) => [task, {}])))
  yield* log.start(id, { type: "ExecutionStarted", plan })
  return log
})

/** A separate ledger, like that of another process. */
const another = Effect.map(Layer.build(Layer.fresh(Ledger.layer)), (context) => Effect.provide(Ledger, context)).pipe(
  Effect.flatten
)

const types = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>) => events.map((event) => event.type)

describe("Ledger", () => {
  it.effect("of sixteen that race for each task, over two ledgers, one starts it", () =>
    Effect.gen(function* () {
      const log = yield* begin(["a", "b", "c", "d"])
      const ledgers = [yield* another, yield* another]
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 64 }, (_, index) => index),
        (index) =>
          Effect.map(
            ledgers[index % 2]!.decide("x", start("abcd"[index % 4]!, { worker: `w${index}`, seenRun: 0 })),
            (outcome) => [index % 4, outcome] as const
          ),
        { concurrency: "unbounded" }
      )
      for (const task of [0, 1, 2, 3]) {
        const mine = outcomes.filter(([index]) => index === task).map(([, outcome]) => outcome)
        assert.strictEqual(mine.filter(Result.isSuccess).length, 1)
        assert.deepStrictEqual([...new Set(mine.filter(Result.isFailure).map((outcome) => outcome.failure))], ["stale"])
      }
      const events = yield* log.read("x")
      assert.deepStrictEqual(
        events.flatMap((event) => (event.type === "TaskStarted" ? [event.taskId + event.run] : [])).sort(),
        ["a1", "b1", "c1", "d1"]
      )
      for (const ledger of ledgers) assert.strictEqual((yield* ledger.state("x")).lastSeq, 5)
    }).pipe(
      Effect.scoped,
      Effect.provide(FaultyLog.layer({ append: (next, ...args) => Effect.andThen(Effect.yieldNow, next(...args)) }))
    )
  )

  it.effect("decides commands that arrive during an append together, and returns to each its own events", () => {
    let appends = 0
    return Effect.gen(function* () {
      yield* begin(["a", "b", "c"])
      const ledger = yield* another
      const fibers = yield* Effect.forEach(["a", "b", "b", "c"], (task) =>
        Effect.forkChild(ledger.decide("x", start(task, { seenRun: 0 })))
      )
      yield* TestClock.adjust(100)
      const outcomes = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        outcomes.map((outcome) =>
          Result.isSuccess(outcome)
            ? outcome.success.events.map((event) => event.type === "TaskStarted" && event.taskId)
            : outcome.failure
        ),
        [["a"], ["b"], "stale", ["c"]]
      )
      assert.strictEqual(appends, 2)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        FaultyLog.layer({
          append: (next, ...args) => {
            appends++
            return Effect.delay(next(...args), 10)
          }
        })
      )
    )
  })

  it.effect("repeats an append whose reply was lost, and it is stored once", () => {
    const nonces: Array<string | undefined> = []
    return Effect.gen(function* () {
      const log = yield* begin(["a"])
      const ledger = yield* another
      const fiber = yield* Effect.forkChild(ledger.decide("x", start("a")))
      yield* TestClock.adjust(10_000)
      const outcome = yield* Fiber.join(fiber)
      assert.isTrue(Result.isSuccess(outcome) && outcome.success.events.length === 1)
      assert.deepStrictEqual(types(yield* log.read("x")), ["ExecutionStarted", "TaskStarted"])
      assert.strictEqual(nonces.length, 3)
      assert.strictEqual(new Set(nonces).size, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        FaultyLog.layer({
          append: (next, ...args) => {
            nonces.push(args[2]?.nonce)
            return nonces.length < 3
              ? Effect.andThen(next(...args), Effect.fail(FaultyLog.unavailable(true)))
              : next(...args)
          }
        })
      )
    )
  })

  it.effect("gives up on a storage that stays down, with its error", () =>
    Effect.gen(function* () {
      yield* begin(["a"])
      const ledger = yield* another
      const fiber = yield* Effect.forkChild(Effect.flip(ledger.decide("x", start("a"))))
      yield* TestClock.adjust(10_000)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Unavailable")
    }).pipe(Effect.scoped, Effect.provide(FaultyLog.layer({ append: () => Effect.fail(FaultyLog.unavailable(true)) })))
  )

  it.effect("a refusal of one command by the storage does not affect the others", () =>
    Effect.gen(function* () {
      yield* begin(["a", "b", "bad", "c"])
      const ledger = yield* another
      const fibers = yield* Effect.forEach(["a", "b", "bad", "c"], (task) =>
        Effect.forkChild(Effect.result(ledger.decide("x", start(task))))
      )
      yield* TestClock.adjust(10_000)
      const outcomes = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(
        outcomes.map((outcome) => outcome._tag),
        ["Success", "Success", "Failure", "Success"]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        FaultyLog.layer({
          append: (next, ...args) =>
            Effect.delay(
              args[1].some((event) => "taskId" in event && event.taskId === "bad")
                ? Effect.fail(FaultyLog.unavailable(false))
                : next(...args),
              10
            )
        })
      )
    )
  )

  it.effect("the first command does not wait for later ones", () =>
    Effect.gen(function* () {
      yield* begin(["a", ...Array.from({ length: 100 }, (_, index) => `t${index}`)])
      const ledger = yield* another
      const first = yield* Effect.forkChild(ledger.decide("x", start("a")))
      yield* TestClock.adjust(5)
      // There is always one more waiting when an append completes.
      for (let i = 0; i < 3; i++) {
        yield* Effect.forkChild(ledger.decide("x", start(`t${i}`)))
        yield* TestClock.adjust(10)
      }
      assert.isDefined(first.pollUnsafe())
    }).pipe(
      Effect.scoped,
      Effect.provide(FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 10) }))
    )
  )

  it.effect("reads the appends of others after a version conflict, and says which run is current", () =>
    Effect.gen(function* () {
      yield* begin(["a"])
      const [mine, theirs] = [yield* another, yield* another]
      yield* mine.decide("x", start("a"))
      assert.isTrue(yield* mine.record("x", { taskId: "a", run: 1, events: [turn("a", 1, 1)] }))
      yield* theirs.decide("x", start("a"))
      // Another run has started: what this one recorded does not count, and it must stop.
      assert.isFalse(yield* mine.record("x", { taskId: "a", run: 1, events: [turn("a", 1, 2)] }))
      yield* theirs.decide("x", finish("a", 2))
      assert.isFalse(yield* mine.record("x", { taskId: "a", run: 2, events: [turn("a", 2, 1)] }))
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("refuses nothing on an old state: a refusal is decided again on the newest one", () =>
    Effect.gen(function* () {
      yield* begin(["a"])
      const [mine, theirs] = [yield* another, yield* another]
      yield* mine.state("x")
      yield* theirs.decide("x", { _tag: "Pause" })
      assert.isTrue(Result.isSuccess(yield* mine.decide("x", { _tag: "Resume" })))
      const again = yield* mine.decide("x", { _tag: "Resume" })
      assert.strictEqual(Result.isFailure(again) && again.failure, "already")
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("orders events that were answered out of order", () => {
    let slow = true
    return Effect.gen(function* () {
      yield* begin(["a", "b"])
      const ledger = yield* another
      yield* ledger.decide("x", start("a"))
      const first = yield* Effect.forkChild(
        ledger.record("x", { taskId: "a", run: 1, events: [turn("a", 1, 1), turn("a", 1, 2)] })
      )
      yield* TestClock.adjust(1)
      assert.isTrue(yield* ledger.record("x", { taskId: "a", run: 1, events: [turn("a", 1, 3)] }))
      yield* TestClock.adjust(1_000)
      assert.isTrue(yield* Fiber.join(first))
      assert.strictEqual(ledger.seen("x")!.lastSeq, 5)
      assert.strictEqual(ledger.seen("x")!.usage.requests, 3)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        FaultyLog.layer({
          append: (next, ...args) => {
            const isSlow = slow && args[1].length === 2
            if (isSlow) slow = false
            // Stored at once, answered late.
            return isSlow ? Effect.tap(next(...args), () => Effect.sleep(500)) : next(...args)
          }
        })
      )
    )
  })

  describe("keeps nothing", () => {
    it.effect("of an execution that has ended, also if several decide at once", () =>
      Effect.gen(function* () {
        yield* begin(["a", "b"])
        const ledger = yield* another
        const decide = (command: Decision.Command) => Effect.forkChild(ledger.decide("x", command))
        yield* Fiber.joinAll([yield* decide(start("a")), yield* decide(start("b")), yield* advance])
        yield* Fiber.joinAll([yield* decide(finish("a")), yield* decide(finish("b")), yield* advance])
        assert.strictEqual(ledger.size(), 0)
        // A late command leaves nothing behind either.
        assert.isFalse(yield* ledger.record("x", { taskId: "a", run: 1, events: [turn("a", 1, 1)] }).pipe(elapsing))
        const late = yield* elapsing(ledger.decide("x", finish("a")))
        assert.strictEqual(Result.isFailure(late) && late.failure, "ended")
        assert.strictEqual((yield* ledger.state("x")).status, "completed")
        assert.strictEqual(ledger.size(), 0)
      }).pipe(
        Effect.scoped,
        Effect.provide(FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 10) }))
      )
    )

    it.effect("of an unknown one", () =>
      Effect.gen(function* () {
        const ledger = yield* another
        const unknown = ["state", "decide", "record"] as const
        for (const operation of unknown) {
          const error = yield* Effect.flip<unknown, EventLog.EventLogError, never>(
            operation === "state"
              ? ledger.state("nobody")
              : operation === "decide"
                ? ledger.decide("nobody", { _tag: "Cancel" })
                : ledger.record("nobody", { taskId: "a", run: 1, events: [turn("a", 1, 1)] })
          )
          assert.strictEqual(error.reason._tag, "UnknownExecution", operation)
        }
        assert.strictEqual(ledger.size(), 0)
      }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
    )

    it.effect("of one that was released during an append, and its waiting callers are informed", () =>
      Effect.gen(function* () {
        yield* begin(["a"])
        const ledger = yield* another
        yield* ledger.state("x")
        const waiting = yield* Effect.forkChild(ledger.awaitEnd("x"))
        const deciding = yield* Effect.forkChild(ledger.decide("x", start("a")))
        yield* TestClock.adjust(5)
        ledger.forget("x")
        yield* TestClock.adjust(100)
        yield* Fiber.join(waiting)
        assert.isTrue(Result.isSuccess(yield* Fiber.join(deciding)))
        assert.strictEqual(ledger.size(), 0)
      }).pipe(
        Effect.scoped,
        Effect.provide(FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 10) }))
      )
    )
  })

  it.effect("a decision of another tenant is never combined with ours", () =>
    Effect.gen(function* () {
      const log = yield* begin(["a", "b"])
      const ledger = yield* another
      const ours = yield* Effect.forkChild(ledger.decide("x", start("a")))
      yield* TestClock.adjust(5)
      // Our append is in progress: commands that arrive now are decided together.
      const theirs = yield* Effect.forkChild(
        Effect.flip(Effect.provideService(ledger.decide("x", { _tag: "Cancel" }), Tenant.Current, "other"))
      )
      const alsoOurs = yield* Effect.forkChild(ledger.decide("x", start("b")))
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(theirs)).reason._tag, "UnknownExecution")
      yield* Fiber.joinAll([ours, alsoOurs])
      assert.deepStrictEqual(types(yield* log.read("x")), ["ExecutionStarted", "TaskStarted", "TaskStarted"])
      assert.strictEqual(ledger.seen("x")!.lastSeq, 3)
    }).pipe(
      Effect.scoped,
      Effect.provide(FaultyLog.layer({ append: (next, ...args) => Effect.delay(next(...args), 10) }))
    )
  )
})

describe("a ledger with a limited capacity", () => {
  const bounded = (tasks: number) =>
    Effect.flatten(
      Effect.map(Layer.build(Layer.fresh(Ledger.layerBounded(tasks))), (context) => Effect.provide(Ledger, context))
    )

  it.effect("keeps recently used executions, and those in use, however many come", () =>
    Effect.gen(function* () {
      const ledger = yield* bounded(30)
      const many = 200
      for (let i = 0; i < many; i++) {
        yield* begin(["a", "b"], `x${i}`)
        yield* ledger.decide(`x${i}`, start("a"))
        if (i === 0) ledger.hold("x0")
        // Used repeatedly.
        yield* ledger.state("x1").pipe(Effect.ignore)
        assert.isAtMost(ledger.size(), 10)
      }
      assert.isDefined(ledger.seen("x0"))
      assert.isDefined(ledger.seen("x1"))
      assert.isDefined(ledger.seen(`x${many - 1}`))
      assert.isUndefined(ledger.seen("x2"))
      // An evicted execution is read again, and decided as before.
      assert.isTrue(Result.isSuccess(yield* ledger.decide("x2", finish("a"))))
      ledger.letGo("x0")
      for (let i = 3; i < 20; i++) yield* ledger.state(`x${i}`)
      assert.isUndefined(ledger.seen("x0"))
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("keeps one that exceeds its capacity while it is used", () =>
    Effect.gen(function* () {
      const ledger = yield* bounded(3)
      yield* begin(["a", "b", "c", "d", "e"], "large")
      assert.isTrue(Result.isSuccess(yield* ledger.decide("large", start("a"))))
      assert.isTrue(Result.isSuccess(yield* ledger.decide("large", finish("a"))))
      assert.strictEqual(ledger.size(), 1)
      yield* begin(["a"], "small")
      yield* ledger.state("small")
      assert.isUndefined(ledger.seen("large"))
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("evicts unwanted executions only when they are not in use", () =>
    Effect.gen(function* () {
      yield* begin(["a", "b"])
      const ledger = yield* another
      yield* ledger.decide("x", start("a"))
      ledger.hold("x")
      ledger.hold("x")
      ledger.forget("x")
      assert.isDefined(ledger.seen("x"))
      ledger.letGo("x")
      assert.isDefined(ledger.seen("x"))
      ledger.letGo("x")
      assert.isUndefined(ledger.seen("x"))
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )
})

const advance = Effect.forkChild(TestClock.adjust(100))
const elapsing = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust(100)
    return yield* Fiber.join(fiber)
  })
