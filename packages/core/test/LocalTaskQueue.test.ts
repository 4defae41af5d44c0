import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as LocalTaskQueue from "../src/LocalTaskQueue.ts"
import * as TaskQueue from "../src/TaskQueue.ts"

const node = (id: string, ...dependencies: ReadonlyArray<string>): TaskQueue.Node => ({ id, dependencies })

const facts = (nodes: ReadonlyArray<TaskQueue.Node>, more: Partial<TaskQueue.Facts> = {}): TaskQueue.Facts => ({
  executionId: "x",
  tenant: "t",
  upTo: 1,
  nodes,
  settled: [],
  suspended: [],
  delayed: [],
  signals: [],
  paused: false,
  ...more
})

/** Submits it, claims one task, and requests the next. */
const takeBoth = Effect.fnUntraced(function* (given: TaskQueue.Facts) {
  const queue = yield* TaskQueue.TaskQueue
  yield* queue.submit(given)
  const [lease] = yield* queue.take({ worker: "w", limit: 1 })
  return { queue, lease, next: yield* queue.takeNext!(lease) }
})

const inQueue = <A, E>(effect: Effect.Effect<A, E, TaskQueue.TaskQueue>, options: TaskQueue.Options = {}) =>
  Effect.provide(effect, LocalTaskQueue.layerLocalWith(options))

describe("the next task of a queue in process", () => {
  it.effect("is leased before its dependency is settled, and handed out to no other worker", () =>
    inQueue(
      Effect.gen(function* () {
        const { lease, next, queue } = yield* takeBoth(facts([node("a"), node("b", "a"), node("c", "a", "b")]))
        assert.deepInclude(next, { executionId: "x", taskId: "b", worker: "w" })
        assert.isTrue(yield* queue.holds(next!))
        yield* queue.tell("x", { settled: ["a"] })
        assert.deepStrictEqual([yield* queue.holds(lease), yield* queue.holds(next!)], [false, true])
        assert.strictEqual((yield* queue.overview()).lanes[0]!.ready, 0)
        yield* queue.tell("x", { settled: ["b"] })
        assert.strictEqual((yield* queue.take({ worker: "w", limit: 9 }))[0].taskId, "c")
      })
    )
  )

  it.effect("waits again if it is released before, and is ready if it is released after", () =>
    inQueue(
      Effect.gen(function* () {
        const { lease, next, queue } = yield* takeBoth(facts([node("a"), node("b", "a")]))
        assert.isTrue(yield* queue.release(next!))
        assert.strictEqual((yield* queue.overview()).lanes[0]!.ready, 0)
        const again = yield* queue.takeNext!(lease)
        yield* queue.tell("x", { settled: ["a"] })
        assert.isTrue(yield* queue.release(again!))
        assert.deepInclude((yield* queue.take({ worker: "v", limit: 9 }))[0], { taskId: "b", worker: "v" })
      })
    )
  )

  const others: ReadonlyArray<readonly [why: string, given: TaskQueue.Facts, options?: TaskQueue.Options]> = [
    ["two become ready", facts([node("a"), node("b", "a"), node("c", "a")])],
    ["it waits for more", facts([node("a"), node("b", "a", "z")])],
    ["another is ready already", facts([node("a"), node("b", "a"), node("z")])],
    ["it is of another lane", facts([node("a"), { ...node("b", "a"), lane: "other" }])],
    ["its lane is full", facts([node("a"), node("b", "a")]), { lanes: { default: 1 } }],
    [
      "a suspended one may become ready",
      facts([node("s"), node("a"), node("b", "a")], {
        suspended: [{ id: "s", run: 1, waits: { tasks: ["a"], signals: [], mode: "all" }, remainingMillis: undefined }]
      })
    ]
  ]
  for (const [why, given, options] of others) {
    it.effect(`is not leased when ${why}`, () =>
      inQueue(
        Effect.map(takeBoth(given), ({ lease, next }) => {
          assert.strictEqual(lease.taskId, "a")
          assert.isUndefined(next)
        }),
        options
      )
    )
  }

  it.effect("is not leased while the execution is paused, nor under a lost lease", () =>
    inQueue(
      Effect.gen(function* () {
        const { lease, next, queue } = yield* takeBoth(facts([node("a"), node("b", "a")]))
        yield* queue.release(next!)
        yield* queue.tell("x", { pause: { paused: true, seq: 2 } })
        assert.isUndefined(yield* queue.takeNext!(lease))
        yield* queue.tell("x", { pause: { paused: false, seq: 3 } })
        yield* queue.release(lease)
        assert.isUndefined(yield* queue.takeNext!(lease))
      })
    )
  )
})
