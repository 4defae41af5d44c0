/** Executions of many tasks. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Ended } from "../../src/AgentLoop/Leg.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Worker from "../../src/Worker.ts"
import * as Wait from "../../src/Wait.ts"
import * as World from "../fake/World.ts"

const retry = (attempts: number): Plan.Retry => ({ attempts, initialMillis: 1, factor: 1, maxMillis: 1 })

const tasks = (count: number, task: (index: number) => Partial<Plan.PlannedTask>) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, task(index)]))

export interface Shape {
  readonly plan: (count: number) => Plan.Plan
  readonly model?: () => Parameters<typeof World.llm>[0]
  readonly runner?: (count: number) => (typeof Worker.Runner)["Service"]
}

const done: Ended = { outcome: { _tag: "Completed", output: "x" }, progress: [] }

export const all: { readonly [name: string]: Shape } = {
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

/** Runs one of this many tasks to its end. */
export const run = ({ model, plan, runner }: Shape, count: number): Promise<void> =>
  Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const handle = yield* crewline.startPlan(plan(count))
    yield* Effect.exit(handle.result)
    const tasks = Object.values((yield* crewline.get(handle.id)).tasks)
    if (tasks.length < count) return yield* Effect.die(new Error(`Expected ${count} tasks, got ${tasks.length}`))
    const open = tasks.find(({ status }) => status !== "completed" && status !== "failed")
    if (open !== undefined) yield* Effect.die(new Error(`A task is ${open.status}`))
  }).pipe(
    Effect.provide(
      World.world(World.llm(model === undefined ? () => World.text("x") : model())).pipe(
        Layer.provide(runner === undefined ? Layer.empty : Layer.succeed(Worker.Runner, runner(count)))
      )
    ),
    Effect.runPromise
  )
