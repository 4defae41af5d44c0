/**
 * How close parallel execution comes to the critical path: makespan over the longest chain of
 * durations, next to the same graph written by hand with promises. The model answers after the time
 * that its task is meant to take, without a network.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Dag from "@crewline/core/Dag"
import * as Llm from "@crewline/core/Llm"
import type * as Plan from "@crewline/core/Plan"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Usage from "@crewline/core/Usage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Result from "effect/Result"
import type { Report } from "./run.ts"
import * as Random from "../packages/core/test/simulation/Random.ts"
import * as TimedCrew from "./TimedCrew.ts"
import { median } from "./Quantile.ts"

interface Task {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
  readonly millis: number
}

/** Not series-parallel: c need not wait for b, nor d for c. */
const nShape: ReadonlyArray<Task> = [
  { id: "a", dependencies: [], millis: 50 },
  { id: "b", dependencies: [], millis: 200 },
  { id: "c", dependencies: ["a"], millis: 200 },
  { id: "d", dependencies: ["a", "b"], millis: 50 },
  { id: "e", dependencies: ["c", "d"], millis: 50 }
]

const diamond: ReadonlyArray<Task> = [
  { id: "top", dependencies: [], millis: 50 },
  ...Array.from({ length: 8 }, (_, n) => ({ id: `side${n}`, dependencies: ["top"], millis: 100 })),
  { id: "bottom", dependencies: Array.from({ length: 8 }, (_, n) => `side${n}`), millis: 50 }
]

const layered = (size: number, width: number): ReadonlyArray<Task> => {
  const { next } = Random.make(1)
  return Array.from({ length: size }, (_, n) => {
    const layer = Math.floor(n / width)
    const dependencies = new Set<string>()
    if (layer > 0) {
      for (let k = 0; k < 3; k++) dependencies.add(`t${(layer - 1) * width + Math.floor(next() * width)}`)
    }
    return { id: `t${n}`, dependencies: [...dependencies], millis: 20 + Math.floor(next() * 80) }
  })
}

const planOf = (tasks: ReadonlyArray<Task>): Plan.Plan => ({
  version: 1,
  name: "makespan",
  process: "parallel",
  inputs: {},
  agents: { agent: { role: "Agent", goal: "Wait", backstory: "" } },
  tasks: tasks.map(TimedCrew.taskOf)
})

const byHand = async (tasks: ReadonlyArray<Task>): Promise<void> => {
  const done = new Map<string, Promise<void>>()
  for (const { dependencies, id, millis } of tasks) {
    done.set(
      id,
      Promise.all(dependencies.map((dependency) => done.get(dependency)!)).then(
        () => new Promise((resolve) => setTimeout(resolve, millis))
      )
    )
  }
  await Promise.all(done.values())
}

const timed = async (run: () => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  await run()
  return performance.now() - from
}

export const run = async (report: Report): Promise<void> => {
  const millis = new Map<string, number>()
  const runs = new Map<string, number>()
  const llm = Layer.succeed(Llm.Llm, {
    resolve: () =>
      Effect.succeed({
        reference: "bench/timer",
        generate: (request) => {
          const id = request.caller!.taskId
          runs.set(id, (runs.get(id) ?? 0) + 1)
          return Effect.delay(
            Effect.succeed<Llm.Answer>({
              parts: [{ type: "text", text: id }],
              finishReason: "stop",
              usage: { ...Usage.zero, requests: 1 },
              model: "timer"
            }),
            millis.get(id)!
          )
        }
      })
  })
  const toolbox = Layer.succeed(Toolbox.Toolbox, {
    list: Effect.succeed([]),
    get: (tool) => Effect.fail(new Toolbox.UnknownTool({ tool, known: [] }))
  })
  const runtime = ManagedRuntime.make(Crewline.layerLocal().pipe(Layer.provide([llm, toolbox])))
  const crewline = await runtime.runPromise(Effect.service(Crewline.Crewline))
  const start = (plan: Plan.Plan) =>
    runtime.runPromise(Effect.flatMap(crewline.startPlan(plan), (handle) => handle.result))

  for (const [name, tasks] of [
    ["n-shape", nShape],
    ["diamond-8", diamond],
    ["layered-100", layered(100, 10)]
  ] as const) {
    millis.clear()
    for (const task of tasks) millis.set(task.id, task.millis)
    const lengths = Dag.longestPathToSink(Result.getOrThrow(Dag.make(tasks)), (id) => millis.get(id)!)
    const critical = Math.max(...lengths)
    const plan = planOf(tasks)
    const ours: Array<number> = []
    const hand: Array<number> = []
    await start(plan) // warming up
    for (let round = 0; round < 5; round++) {
      runs.clear()
      ours.push(await timed(() => start(plan)))
      hand.push(await timed(() => byHand(tasks)))
    }
    report({
      bench: "makespan",
      case: name,
      tasks: tasks.length,
      "critical path ms": critical,
      "crewline ms": Number(median(ours).toFixed(1)),
      "by hand ms": Number(median(hand).toFixed(1)),
      "crewline / critical": Number((median(ours) / critical).toFixed(3)),
      "by hand / critical": Number((median(hand) / critical).toFixed(3)),
      "runs per task": Math.max(...runs.values())
    })
  }
  await runtime.dispose()
}
