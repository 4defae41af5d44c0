/** The graphs that are run: one of each shape in turn. */
import type * as Plan from "@crewline/core/Plan"

export const shapes = ["chain", "diamond", "lattice", "layered", "n-shape", "growing"] as const
export type Shape = (typeof shapes)[number]

/** The signal that a growing task waits for last. */
export const signal = "go"

/** A lane and its limit of concurrent tasks across all workers. */
export const lane = { name: "narrow", limit: 4 }

export const task = (id: string, dependencies: ReadonlyArray<string> = []): Plan.PlannedTask => ({
  id,
  description: `Do ${id}.`,
  expectedOutput: "Anything.",
  agent: "worker",
  context: [],
  dependencies,
  tools: [],
  guardrails: [],
  maxRepairs: 0,
  maxTurns: 10,
  retry: { attempts: 1, initialMillis: 0, factor: 1, maxMillis: 0 },
  onFailure: "fail"
})

const range = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index)

const tasks: { readonly [S in Shape]: () => ReadonlyArray<Plan.PlannedTask> } = {
  chain: () => range(6).map((n) => task(`c${n}`, n === 0 ? [] : [`c${n - 1}`])),
  diamond: () => [
    task("top"),
    ...range(8).map((n) => task(`side${n}`, ["top"])),
    task(
      "bottom",
      range(8).map((n) => `side${n}`)
    )
  ],
  lattice: () =>
    range(16).map((n) => task(`t${n}`, [...(n >= 4 ? [`t${n - 4}`] : []), ...(n % 4 > 0 ? [`t${n - 1}`] : [])])),
  layered: () =>
    range(16).map((n) =>
      task(`t${n}`, n < 4 ? [] : range(4).map((above) => `t${4 * (Math.floor(n / 4) - 1) + above}`))
    ),
  // Barriers between layers would make this slower: `d` needs only `b`, `c` needs both.
  "n-shape": () => [task("a"), task("b"), task("c", ["a", "b"]), task("d", ["b"]), task("e", ["c"]), task("f", ["d"])],
  growing: () => [
    task("before"),
    { ...task("grow", ["before"]), signals: [signal] },
    task("other"),
    task("after", ["grow", "other"])
  ]
}

export const plan = (shape: Shape): Plan.Plan => ({
  version: 1,
  name: shape,
  process: "parallel",
  // All lattices share one lane with a low limit.
  agents: {
    worker: {
      role: "Worker",
      goal: "Work.",
      backstory: "",
      ...(shape === "lattice" ? { model: `${lane.name}/model` } : {})
    }
  },
  tasks: tasks[shape](),
  inputs: {}
})

/** The final number of tasks of the execution, including spawned ones. */
export const size = (shape: Shape): number => tasks[shape]().length + (shape === "growing" ? 5 : 0)
