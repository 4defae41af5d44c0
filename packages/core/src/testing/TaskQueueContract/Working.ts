/** Whole graphs, run by many workers. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as TaskQueue from "../../TaskQueue.ts"
import { facts, ids, many, nodes, suspension, type Test } from "./Story.ts"

/** Pseudo-random numbers that are the same in every run. */
const chance = (seed: number) => {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
}

export const declare = (test: Test): void => {
  order(test)
  repetition(test)
}

/** Each task once, after what it depends on, in one place. */
const order = (test: Test): void => {
  test(
    "many workers claim ten thousand tasks, each once and after its dependencies",
    ({ elapse, queue }) =>
      Effect.gen(function* () {
        const width = 100
        const total = 10_000
        const graph: Record<string, ReadonlyArray<string>> = {}
        for (let n = 0; n < total; n++) {
          const above = n - width
          graph[`t${n}`] = above < 0 ? [] : [`t${above}`, ...(n % width === 0 ? [] : [`t${above - 1}`])]
        }
        yield* queue.submit(facts(graph))
        const done = new Set<string>()
        let wrong = 0
        const taker = (name: string) =>
          Effect.gen(function* () {
            while (done.size < total) {
              const leases = yield* queue.take({ worker: name, limit: 16 })
              for (const { taskId } of leases) {
                if (done.has(taskId) || !graph[taskId]!.every((dependency) => done.has(dependency))) wrong++
                done.add(taskId)
              }
              yield* queue.tell("x", { settled: ids(leases) })
            }
          })
        const takers = yield* Effect.forEach(["w1", "w2", "w3", "w4"], (each) => Effect.forkChild(taker(each)))
        while (done.size < total) yield* elapse(1)
        yield* Fiber.interruptAll(takers)
        assert.strictEqual(wrong, 0)
      }),
    { timeoutMillis: 120_000 }
  )

  test(
    "each task is always in one state: no two live leases, no more than the limit, none lost",
    ({ available, elapse, queue }) =>
      Effect.gen(function* () {
        const random = chance(7)
        const graph: Array<TaskQueue.Node> = []
        const dependencies = new Map<string, ReadonlyArray<string>>()
        const add = (id: string, needs: ReadonlyArray<string>): TaskQueue.Node => {
          dependencies.set(id, needs)
          return { id, dependencies: needs, lane: random(2) === 0 ? "narrow" : "wide" }
        }
        for (let n = 0; n < 120; n++) {
          const needs = Array.from({ length: n < 10 ? 0 : random(4) }, () => `t${random(n)}`)
          graph.push(add(`t${n}`, needs))
        }
        yield* queue.submit(facts(graph))
        const held = new Map<string, TaskQueue.Lease>()
        const settled = new Set<string>()
        let seq = 2
        for (let step = 0; settled.size < dependencies.size; step++) {
          assert.isBelow(step, 5_000, "something is lost: not everything is settled")
          for (const lease of yield* available({ worker: `w${random(3)}`, limit: 1 + random(5) })) {
            assert.isFalse(held.has(lease.taskId), `${lease.taskId} has a live lease`)
            assert.isFalse(settled.has(lease.taskId), `${lease.taskId} is settled`)
            for (const each of dependencies.get(lease.taskId)!) {
              assert.isTrue(settled.has(each), `${lease.taskId} needs ${each}`)
            }
            held.set(lease.taskId, lease)
          }
          const lane = (yield* queue.overview()).lanes.find(({ lane }) => lane === "narrow")!
          const narrow = [...held.values()].filter((lease) => lease.lane === "narrow").length
          assert.strictEqual(lane.leased, narrow)
          assert.isAtMost(narrow, 3)
          const lease = [...held.values()][random(held.size)]
          if (lease === undefined) {
            yield* elapse(10_000)
            continue
          }
          const { taskId } = lease
          const action = random(10)
          held.delete(taskId)
          if (action < 6) {
            yield* queue.tell("x", { settled: [taskId] })
            settled.add(taskId)
          } else if (action === 6) assert.isTrue(yield* queue.release(lease, random(2) * 10_000))
          else if (action === 7 && taskId.length < 9) {
            const child = `${taskId}/${step}`
            const settledOne = [...settled][random(settled.size)]
            const spawn = [add(child, settledOne === undefined ? [] : [settledOne])]
            assert.isTrue(yield* queue.suspend(lease, suspension({ tasks: [child] }, spawn)))
          } else if (action === 8) {
            assert.isTrue(yield* queue.suspend(lease, suspension({ signals: ["never"], timeoutMillis: 10_000 })))
          } else {
            yield* queue.tell("x", { pause: { paused: true, seq: seq++ } })
            assert.isTrue(yield* queue.release(lease))
            yield* queue.tell("x", { pause: { paused: false, seq: seq++ } })
          }
        }
        assert.deepStrictEqual(yield* available(), [])
        assert.strictEqual((yield* queue.inspect("x")).status, "idle")
      }),
    { lanes: { narrow: 3 }, timeoutMillis: 60_000 }
  )
}

/** Repeated reports, and what remains at the end. */
const repetition = (test: Test): void => {
  test("repeated operations change nothing", ({ available, elapse, queue }) =>
    Effect.gen(function* () {
      const all = facts({ a: [], b: ["a"], c: ["a"] })
      yield* queue.submit(all)
      yield* queue.submit(all)
      const [a] = yield* available()
      const leg = suspension({ tasks: ["a/1"], signals: ["s"] }, nodes({ "a/1": [], "a/2": ["a/1"] }))
      assert.isTrue(yield* queue.suspend(a!, leg))
      assert.isFalse(yield* queue.suspend(a!, leg))
      const news = {
        nodes: nodes({ d: [], "a/1": [] }),
        settled: ["a/1"],
        signals: ["s"],
        pause: { paused: false, seq: 5 },
        upTo: 5
      }
      for (let times = 0; times < 3; times++) yield* queue.tell("x", news)
      const leases = yield* available()
      assert.deepStrictEqual(ids(leases).toSorted(), ["a", "a/2", "d"])
      for (let times = 0; times < 3; times++) yield* queue.tell("x", news)
      assert.deepStrictEqual(yield* available(), [])
      for (const lease of leases) {
        assert.isTrue(yield* queue.release(lease, 1_000))
        assert.isFalse(yield* queue.release(lease, 0))
      }
      assert.deepStrictEqual(yield* available(), [])
      yield* elapse(1_000)
      assert.strictEqual((yield* available()).length, 3)
      yield* queue.tell("x", { settled: ["a", "a"] })
      yield* queue.tell("x", { settled: ["a"] })
      assert.deepStrictEqual(ids(yield* available()), ["b", "c"])
    }))

  test("executions of many tenants complete concurrently, and nothing of them remains", ({ elapse, queue }) =>
    Effect.gen(function* () {
      const names = Object.keys(many(40, "e"))
      const left = new Map(names.map((name) => [name, new Set(["a", "b", "c", "d"])]))
      for (const [index, executionId] of names.entries()) {
        yield* queue.submit(
          facts({ a: [], b: ["a"], c: ["a"], d: ["b", "c"] }, { executionId, tenant: `t${index % 7}` })
        )
      }
      const work = (name: string) =>
        Effect.forever(
          Effect.gen(function* () {
            for (const { executionId, taskId } of yield* queue.take({ worker: name, limit: 3 })) {
              const tasks = left.get(executionId)!
              assert.isTrue(tasks.delete(taskId), `${executionId} ${taskId} once`)
              if (tasks.size > 0) yield* queue.tell(executionId, { settled: [taskId] })
              else {
                yield* queue.forget(executionId)
                left.delete(executionId)
              }
            }
          })
        )
      const workers = yield* Effect.forEach(["w1", "w2", "w3"], (name) => Effect.forkChild(work(name)))
      while (left.size > 0) {
        yield* elapse(1)
        for (const each of workers) {
          const exit = each.pollUnsafe()
          if (exit !== undefined) yield* exit
        }
      }
      yield* Fiber.interruptAll(workers)
      assert.deepStrictEqual(yield* queue.overview(), { executions: 0, lanes: [], timed: 0 })
    }))
}
