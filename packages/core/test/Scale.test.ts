/** Large executions cost so much for each task, however many there are. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Ended } from "../src/AgentLoop/Leg.ts"
import * as Crewline from "../src/Crewline.ts"
import * as Llm from "../src/Llm.ts"
import type * as Plan from "../src/Plan.ts"
import * as Worker from "../src/Worker.ts"
import * as World from "./fake/World.ts"
import * as Wait from "../src/Wait.ts"

const retry = (attempts: number): Plan.Retry => ({ attempts, initialMillis: 1, factor: 1, maxMillis: 1 })

const tasks = (count: number, task: (index: number) => Partial<Plan.PlannedTask>) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, task(index)]))

interface Shape {
  readonly plan: (count: number) => Plan.Plan
  readonly model?: () => Parameters<typeof World.llm>[0]
  readonly runner?: (count: number) => (typeof Worker.Runner)["Service"]
}

const done: Ended = { outcome: { _tag: "Completed", output: "x" }, progress: [] }

const shapes: { readonly [name: string]: Shape } = {
  "side by side": { plan: (count) => World.plan(tasks(count, () => ({}))) },
  "one after the other": {
    plan: (count) => World.plan(tasks(count, (index) => ({ context: index === 0 ? [] : [`t${index - 1}`] })))
  },
  "all before one": {
    plan: (count) =>
      World.plan({ ...tasks(count - 1, () => ({})), end: { dependencies: Object.keys(tasks(count - 1, () => ({}))) } })
  },
  "that all fail and skip what depends on them": {
    plan: (count) => World.plan(tasks(count, () => ({ onFailure: "skip", retry: retry(1) }))),
    model: () => () => World.refuse(new Llm.Authentication({ description: "no" }))
  },
  "that all need a second attempt": {
    plan: (count) => World.plan(tasks(count, () => ({ retry: retry(2) }))),
    model: () => {
      const seen = new Set<string>()
      return ({ caller }) => {
        if (seen.has(caller!.taskId)) return World.text("x")
        seen.add(caller!.taskId)
        return World.refuse(new Llm.Network({ description: "cut" }))
      }
    }
  },
  "spawned by one that waits for them": {
    plan: () => World.plan({ parent: {} }),
    runner: (count) => {
      const spawn = World.plan(tasks(count, () => ({}))).tasks
      const suspended: Ended = {
        outcome: {
          _tag: "Suspended",
          for: { kind: "assignment", turn: 0 },
          waits: Wait.of({ tasks: spawn.map(({ id }) => id) }),
          spawn
        },
        progress: []
      }
      return (_services, leg) => Effect.succeed(leg.task.id === "parent" && leg.run === 1 ? suspended : done)
    }
  }
}

/** CPU time for each task of an execution of this many, in microseconds. */
const cost = ({ model, plan, runner }: Shape, count: number) =>
  Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const before = process.cpuUsage()
    const handle = yield* crewline.startPlan(plan(count))
    yield* Effect.exit(handle.result)
    const { tasks } = yield* crewline.get(handle.id)
    assert.isAtLeast(Object.keys(tasks).length, count)
    assert.isTrue(Object.values(tasks).every(({ status }) => status === "completed" || status === "failed"))
    const { system, user } = process.cpuUsage(before)
    return (user + system) / count
  }).pipe(
    Effect.provide(
      World.world(World.llm(model === undefined ? () => World.text("x") : model())).pipe(
        Layer.provide(runner === undefined ? Layer.empty : Layer.succeed(Worker.Runner, runner(count)))
      )
    )
  )

describe("an execution of 10,000 tasks", () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it.live(
      `${name} costs no more for each than one of 1,000`,
      () =>
        Effect.gen(function* () {
          const few = yield* cost(shape, 1_000)
          const many = yield* cost(shape, 10_000)
          // What grows with the square would take ten times as much.
          assert.isBelow(many, Math.max(few, 100) * 3, `${Math.round(few)} and ${Math.round(many)} microseconds a task`)
        }),
      60_000
    )
  }
})
