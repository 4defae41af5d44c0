import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Crewline from "../src/Crewline.ts"
import * as Llm from "../src/Llm.ts"
import * as World from "./fake/World.ts"

const start = Effect.fnUntraced(function* (plan: ReturnType<typeof World.plan>) {
  const crewline = yield* Crewline.Crewline
  return yield* crewline.startPlan(plan)
})

/** Runs to the end while the test clock advances; returns the view and the events. */
const runToEnd = Effect.fnUntraced(function* (plan: ReturnType<typeof World.plan>) {
  const crewline = yield* Crewline.Crewline
  const handle = yield* crewline.startPlan(plan)
  const fiber = yield* Effect.forkChild(Effect.exit(handle.result))
  for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust(200)
  const exit = yield* Fiber.join(fiber)
  const events = yield* Stream.runCollect(crewline.follow(handle.id))
  return { exit, events, view: yield* crewline.get(handle.id), types: events.map((event) => event.type) }
})

describe("Crewline", () => {
  it.effect("runs a graph, each task once, with the outputs of its context in declared order", () => {
    const asked: Array<Llm.Request> = []
    return Effect.gen(function* () {
      const { events, exit, view } = yield* runToEnd(
        World.plan({ a: {}, b: {}, c: { context: ["b", "a"] }, d: { dependencies: ["c"] } })
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(view.status, "completed")
      assert.strictEqual(view.output, "out d")
      assert.deepStrictEqual(
        events.map((event) => (event.type === "TextDelta" ? 0 : event.seq)),
        events.map((_, index) => index + 1)
      )
      assert.strictEqual(asked.length, 4)
      const prompt = JSON.stringify(asked.find((request) => request.caller!.taskId === "c")!.messages)
      assert.isTrue(prompt.indexOf("out b") > 0 && prompt.indexOf("out b") < prompt.indexOf("out a"))
      assert.strictEqual(view.usage.requests, 4)
      assert.strictEqual(view.tasks["a"]!.usage.inputTokens, 10)
    }).pipe(Effect.provide(World.world(World.llm((request) => World.text(`out ${request.caller!.taskId}`), asked))))
  })

  it.effect("returns the results of several final tasks by name", () =>
    Effect.gen(function* () {
      const { view } = yield* runToEnd(World.plan({ a: {}, b: { context: ["a"] }, c: { context: ["a"] } }))
      assert.deepStrictEqual(view.output, { b: "b!", c: "c!" })
    }).pipe(Effect.provide(World.world(World.llm((request) => World.text(`${request.caller!.taskId}!`)))))
  )

  it.effect("starts a task as soon as its own dependencies are settled", () => {
    const millis: Record<string, number> = { a: 50, b: 200, c: 200, d: 50, e: 50 }
    return Effect.gen(function* () {
      const handle = yield* start(
        World.plan({
          a: {},
          b: {},
          c: { context: ["a"] },
          d: { context: ["a", "b"] },
          e: { context: ["c", "d"] }
        })
      )
      const fiber = yield* Effect.forkChild(handle.result)
      yield* TestClock.adjust(299)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(fiber)).output, "e")
    }).pipe(
      Effect.provide(
        World.world(
          World.llm((request) => {
            const task = request.caller!.taskId
            return Effect.delay(Effect.succeed(World.text(task)), millis[task]!)
          })
        )
      )
    )
  })

  it.effect("retries after the backoff, honours Retry-After, and keeps the turns that were recorded", () => {
    const asked: Array<Llm.Request> = []
    return Effect.gen(function* () {
      const { events, view } = yield* runToEnd(World.plan({ a: { tools: ["look"] } }))
      assert.strictEqual(view.status, "completed")
      assert.strictEqual(view.tasks["a"]!.attempts, 2)
      // Look, refused, then the answer: the recorded first turn was not requested again.
      assert.strictEqual(asked.length, 3)
      const retried = events.find((event) => event.type === "TaskRetried")!
      assert.isTrue(retried.type === "TaskRetried" && retried.delayMillis >= 700 && retried.keepsTurns)
      const restarted = events.filter((event) => event.type === "TaskStarted")[1]!
      assert.isAtLeast(Date.parse(restarted.at) - Date.parse(retried.at), 700)
      assert.strictEqual(events.filter((event) => event.type === "ToolCalled").length, 1)
    }).pipe(
      Effect.provide(
        World.world(
          World.llm(
            World.script({
              a: [
                World.calls(["look", {}]),
                World.refuse(new Llm.RateLimited({ description: "slow down", retryAfterMillis: 700 })),
                World.text("done")
              ]
            }),
            asked
          ),
          World.toolbox(World.tool("look", () => Effect.succeed("seen")))
        )
      )
    )
  })

  describe("a permanent failure", () => {
    const failing = World.llm((request) =>
      request.caller!.taskId === "bad"
        ? World.refuse(new Llm.Authentication({ description: "no such key sk-canary1234567890" }))
        : World.text(`out ${request.caller!.taskId}`)
    )
    const graph = (onFailure: "fail" | "skip" | "continue") =>
      World.plan({ bad: { onFailure }, good: {}, after: { context: ["bad"] }, other: { context: ["good"] } })

    it.effect("`fail` ends the execution and cancels the rest", () =>
      Effect.gen(function* () {
        const { exit, view } = yield* runToEnd(graph("fail"))
        assert.strictEqual(view.status, "failed")
        assert.strictEqual(view.tasks["bad"]!.attempts, 1)
        assert.strictEqual(view.tasks["after"]!.status, "cancelled")
        assert.strictEqual(view.error!.code, "model-authentication")
        assert.strictEqual(view.error!.taskId, "bad")
        assert.isTrue(Exit.isFailure(exit))
      }).pipe(Effect.provide(World.world(failing)))
    )

    it.effect("`skip` skips the descendants and lets the others finish", () =>
      Effect.gen(function* () {
        const { view } = yield* runToEnd(graph("skip"))
        assert.strictEqual(view.status, "completed")
        assert.strictEqual(view.tasks["after"]!.status, "skipped")
        assert.deepStrictEqual(view.output, { after: null, other: "out other" })
      }).pipe(Effect.provide(World.world(failing)))
    )

    it.effect("`continue` runs dependents, which receive the failure", () =>
      Effect.gen(function* () {
        const { events, view } = yield* runToEnd(graph("continue"))
        assert.strictEqual(view.tasks["after"]!.status, "completed")
        const turn = events.find((event) => event.type === "TurnCompleted" && event.taskId === "after")
        assert.include(JSON.stringify(turn), 'status=\\"failed\\"')
        assert.notInclude(JSON.stringify(events), "canary1234567890")
      }).pipe(Effect.provide(World.world(failing)))
    )
  })

  it.effect("cancel interrupts the call in flight and records it", () => {
    let interrupted = false
    return Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const handle = yield* start(World.plan({ a: {}, b: { context: ["a"] } }))
      const fiber = yield* Effect.forkChild(Effect.exit(handle.result))
      yield* TestClock.adjust(10)
      yield* crewline.cancel(handle.id)
      const exit = yield* Fiber.join(fiber)
      yield* TestClock.adjust(1)
      assert.isTrue(interrupted)
      assert.isTrue(Exit.isFailure(exit))
      const view = yield* crewline.get(handle.id)
      assert.strictEqual(view.status, "cancelled")
      assert.deepStrictEqual(
        Object.values(view.tasks).map((task) => task.status),
        ["cancelled", "cancelled"]
      )
      yield* crewline.cancel(handle.id)
      assert.strictEqual((yield* crewline.get(handle.id)).lastSeq, view.lastSeq)
    }).pipe(
      Effect.provide(
        World.world(
          World.llm(() =>
            Effect.onInterrupt(Effect.never, () =>
              Effect.sync(() => {
                interrupted = true
              })
            )
          )
        )
      )
    )
  })

  it.effect("the time limit of the execution interrupts calls in flight", () =>
    Effect.gen(function* () {
      const { view } = yield* runToEnd(World.plan({ a: {} }, { timeoutMillis: 1_000 }))
      assert.strictEqual(view.status, "failed")
      assert.strictEqual(view.error!.code, "execution-timeout")
      assert.strictEqual(view.tasks["a"]!.status, "cancelled")
    }).pipe(Effect.provide(World.world(World.llm(() => Effect.never))))
  )

  it.effect("the time limit of a task ends the attempt, then the task", () =>
    Effect.gen(function* () {
      const retry = { attempts: 2, initialMillis: 1, factor: 1, maxMillis: 1 }
      const { view } = yield* runToEnd(World.plan({ a: { timeoutMillis: 500, retry } }))
      assert.strictEqual(view.error!.code, "timeout")
      assert.strictEqual(view.tasks["a"]!.attempts, 2)
    }).pipe(Effect.provide(World.world(World.llm(() => Effect.never))))
  )

  it.effect("a false condition skips the task, and its dependents get no result", () =>
    Effect.gen(function* () {
      const { view } = yield* runToEnd(
        World.plan({
          a: {},
          yes: { dependencies: ["a"], when: { task: "a", contains: "A" } },
          no: { dependencies: ["a"], when: { task: "a", equals: "b" } },
          end: { context: ["yes", "no"] }
        })
      )
      assert.strictEqual(view.tasks["yes"]!.status, "completed")
      assert.strictEqual(view.tasks["no"]!.status, "skipped")
      assert.strictEqual(view.tasks["end"]!.status, "completed")
    }).pipe(Effect.provide(World.world(World.llm(() => World.text("a")))))
  )

  it.effect("forwards the pieces of a streamed answer", () =>
    Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const handle = yield* start(World.plan({ a: {} }))
      const events = yield* Stream.runCollect(handle.events)
      const deltas = events.filter((event) => event.type === "TextDelta")
      assert.deepStrictEqual(
        deltas.map((delta) => [delta.offset, delta.delta]),
        [
          [0, "he"],
          [2, "llo"]
        ]
      )
      assert.strictEqual((yield* crewline.get(handle.id)).output, "hello")
    }).pipe(
      Effect.provide(
        World.world(
          World.llm((request) =>
            Effect.gen(function* () {
              yield* Effect.yieldNow
              request.onDelta!("he")
              request.onDelta!("llo")
              yield* Effect.yieldNow
              return World.text("hello")
            })
          ),
          World.toolbox(),
          { worker: { streaming: true } }
        )
      )
    )
  )

  it.effect("the same idempotency key starts one execution", () =>
    Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const plan = World.plan({ a: {} })
      const first = yield* crewline.startPlan(plan, { idempotencyKey: "k" })
      const again = yield* crewline.startPlan(plan, { idempotencyKey: "k" })
      assert.strictEqual(again.id, first.id)
      assert.isTrue(again.existing)
      assert.strictEqual((yield* again.result).output, "x")
      const other = yield* Effect.flip(crewline.startPlan(World.plan({ b: {} }), { idempotencyKey: "k" }))
      assert.strictEqual(other._tag === "EventLogError" ? other.reason._tag : other._tag, "KeyReused")
    }).pipe(Effect.provide(World.world(World.llm(() => World.text("x")))))
  )

  it.effect("an unknown execution is a typed error", () =>
    Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      for (const operation of [crewline.get("exec_no"), crewline.cancel("exec_no"), crewline.adopt("exec_no")]) {
        const error = yield* Effect.flip<unknown, Error & { readonly reason?: { readonly _tag: string } }, never>(
          operation
        )
        assert.strictEqual(error.reason?._tag, "UnknownExecution")
      }
    }).pipe(Effect.provide(World.world(World.llm(() => World.text("x")))))
  )
})
