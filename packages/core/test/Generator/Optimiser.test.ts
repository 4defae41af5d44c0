import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Struct from "effect/Struct"
import * as Crew from "../../src/Crew.ts"
import * as Dag from "../../src/Dag.ts"
import * as Generator from "../../src/Generator.ts"
import * as Plan from "../../src/Plan.ts"
import * as Arbitrary from "../arbitrary/Crew.ts"
import * as Property from "../arbitrary/Property.ts"

type TaskData = Partial<Crew.Definition["tasks"][string]>
type AgentData = Partial<Crew.Definition["agents"][string]>

const price = () => ({ input: 2, output: 10 })
const options = { price, concurrency: 2 }

/** A crew from the parts that matter; agents default to one, tasks to texts. */
const crew = (
  tasks: { readonly [name: string]: TaskData },
  more: Partial<Omit<Crew.Definition, "agents" | "tasks">> & {
    readonly agents?: { readonly [name: string]: AgentData }
  } = {}
): Crew.Definition => {
  const { agents = { a: {} }, ...rest } = more
  const first = Object.keys(agents)[0]!
  return Result.getOrThrow(
    Crew.fromJson({
      name: "test",
      ...rest,
      agents: Object.fromEntries(
        Object.entries(agents).map(([name, agent]) => [name, { role: name, goal: "Work.", ...agent }])
      ),
      tasks: Object.fromEntries(
        Object.entries(tasks).map(([name, task]) => [
          name,
          { description: `Do ${name}.`, expectedOutput: "Text.", agent: first, ...task }
        ])
      )
    })
  ).definition
}

const only = (definition: Crew.Definition, step: Generator.Step["step"]) => {
  const { definition: after, steps } = Generator.optimise(definition, options)
  expect(steps.map((one) => one.step)).toEqual([step])
  return { after, step: steps[0]! }
}

describe("implied-order", () => {
  const crews: { readonly [title: string]: readonly [Crew.Definition, removed: number] } = {
    "a shortcut over one task": [crew({ a: {}, b: { context: ["a"] }, c: { context: ["b"], dependsOn: ["a"] } }), 1],
    "a shortcut over two tasks": [
      crew({ a: {}, b: { dependsOn: ["a"] }, c: { dependsOn: ["b"] }, d: { dependsOn: ["a", "c"] } }),
      1
    ],
    "an order that the context has": [crew({ a: {}, b: { context: ["a"], dependsOn: ["a"] } }), 1],
    "an order that the condition has": [
      crew({ a: {}, b: { dependsOn: ["a"], when: { task: "a", contains: "x" } } }),
      1
    ],
    "the order of a sequential crew": [
      crew({ a: {}, b: { dependsOn: ["a"] }, c: { dependsOn: ["a", "b"] } }, { process: "sequential" }),
      3
    ],
    "the long side of a diamond": [
      crew({ a: {}, b: { context: ["a"] }, c: { context: ["a"] }, d: { context: ["b", "c"], dependsOn: ["a"] } }),
      1
    ],
    "a name that stands twice": [
      crew({ a: {}, b: { context: ["a"] }, c: { context: ["b"], dependsOn: ["a", "a"] } }),
      2
    ]
  }
  for (const [title, [before, removed]] of Object.entries(crews))
    it(`removes ${title}`, () => {
      const { after, step } = only(before, "implied-order")
      expect(step.before.dependencies - step.after.dependencies).toBe(removed)
      expect(step.after.criticalPathSeconds).toBe(step.before.criticalPathSeconds)
      expect(after.tasks).not.toEqual(before.tasks)
    })

  it("keeps an order that nothing implies", () => {
    const before = crew({ a: {}, b: {}, c: { dependsOn: ["a", "b"] } })
    expect(Generator.optimise(before, options)).toEqual({ definition: before, steps: [] })
  })
})

describe("empty-context", () => {
  const done = { const: "done" }
  const crews: { readonly [title: string]: Crew.Definition } = {
    "a constant": crew({ a: { output: done }, b: { context: ["a"] } }),
    "the only value of an enum": crew({ a: { output: { enum: [true] } }, b: { context: ["a"] } }),
    null: crew({ a: { output: { type: "null" } }, b: { context: ["a"] }, c: { context: ["a", "b"] } }),
    "an empty text": crew({ a: { output: { type: "string", maxLength: 0 } }, b: {}, c: { context: ["a", "b"] } }),
    "an object without properties": crew({
      a: { output: { type: "object", additionalProperties: false } },
      b: { context: ["a"] }
    }),
    "an empty list": crew({ a: { output: { type: "array", maxItems: 0 } }, b: { dependsOn: ["a"], context: ["a"] } })
  }
  for (const [title, before] of Object.entries(crews))
    it(`does not read ${title}`, () => {
      const { definition, steps } = Generator.optimise(before, options)
      const step = steps.find((one) => one.step === "empty-context")!
      expect(step.after.tokens).toBeLessThan(step.before.tokens)
      expect(step.after.costUsd!).toBeLessThan(step.before.costUsd!)
      expect(step.after.makespanSeconds).toBe(step.before.makespanSeconds)
      expect(Object.values(definition.tasks).flatMap(({ context = [] }) => context)).not.toContain("a")
    })

  it("keeps the order, and in a sequential crew an empty context", () => {
    const parallel = Generator.optimise(crew({ a: { output: done }, b: { context: ["a"] } }), options)
    expect(parallel.definition.tasks["b"]).toMatchObject({ dependsOn: ["a"] })
    expect(parallel.definition.tasks["b"]).not.toHaveProperty("context")
    const sequential = crew({ a: { output: done }, b: { context: ["a"] } }, { process: "sequential" })
    expect(Generator.optimise(sequential, options).definition.tasks["b"]).toMatchObject({ context: [] })
  })

  it("reads what may be skipped, may fail, or has more than one value", () => {
    for (const task of [
      { output: done, onFailure: "continue" as const },
      { output: { type: "string" } },
      { output: { enum: [1, 2] } },
      { output: { type: "object" } }
    ]) {
      const before = crew({ a: task, b: { context: ["a"] } })
      expect(Generator.optimise(before, options)).toEqual({ definition: before, steps: [] })
    }
  })
})

describe("same-agents", () => {
  const two = { a: { agent: "x" }, b: { agent: "y" } }
  const crews: { readonly [title: string]: readonly [Crew.Definition, agents: number] } = {
    "two with the same role": [crew(two, { agents: { x: { role: "Writer" }, y: { role: "Writer" } } }), 1],
    "roles that differ in case and spaces": [
      crew(two, { agents: { x: { role: "Senior  writer" }, y: { role: "senior writer " } } }),
      1
    ],
    "the same tools in another order": [
      crew(two, { agents: { x: { role: "R", tools: ["p", "q"] }, y: { role: "R", tools: ["q", "p", "q"] } } }),
      1
    ],
    "three of four": [
      crew(
        { a: { agent: "x" }, b: { agent: "y" }, c: { agent: "z" }, d: { agent: "w" } },
        { agents: { x: { role: "R" }, y: { role: "R" }, w: { role: "Editor" }, z: { role: "R" } } }
      ),
      2
    ],
    "agents that a manager may choose": [
      crew(two, {
        agents: { x: { role: "R" }, y: { role: "R" }, z: { role: "Z" } },
        manager: { model: "scripted/demo", allow: ["x", "y"] }
      }),
      2
    ],
    "agents with the same model": [
      crew(two, { agents: { x: { role: "R", model: "p/m" }, y: { role: "R", model: "p/m" } } }),
      1
    ]
  }
  for (const [title, [before, agents]] of Object.entries(crews))
    it(`merges ${title}`, () => {
      const { after, step } = only(before, "same-agents")
      expect(step.after.agents).toBe(agents)
      expect(step.after.agents).toBeLessThan(step.before.agents)
      expect(step.after.makespanSeconds).toBe(step.before.makespanSeconds)
      expect(after.tasks["a"]!.agent).toBe("x")
      expect(after.tasks["b"]!.agent).toBe("x")
      expect(Result.isSuccess(Crew.fromJson(after))).toBe(true)
    })

  it("joins goals and backstories that differ", () => {
    const { after } = only(
      crew(two, {
        agents: { x: { role: "R", goal: "Find." }, y: { role: "R", goal: "Write.", backstory: "Once." } }
      }),
      "same-agents"
    )
    expect(after.agents).toEqual({ x: { role: "R", goal: "Find.\nWrite.", backstory: "Once." } })
  })

  it("keeps agents apart that differ in more, have limits of their own, or manage", () => {
    for (const y of [
      { role: "Other" },
      { model: "p/n" },
      { tools: ["p"] },
      { maxTurns: 3 },
      { limits: { tokens: 9 } }
    ]) {
      const before = crew(two, { agents: { x: { role: "R" }, y: { role: "R", ...y } } })
      expect(Generator.optimise(before, options).steps).toEqual([])
    }
    const managed = crew(
      { a: { agent: "y" } },
      { agents: { x: { role: "R" }, y: { role: "R" } }, manager: { agent: "x" } }
    )
    expect(Generator.optimise(managed, options).steps).toEqual([])
  })
})

describe("critical-path", () => {
  const long = { tools: ["search"] }
  const known = { ...options, tools: { search: { kind: "network" as const } } }
  const crews: { readonly [title: string]: Crew.Definition } = {
    "one long task after short ones": crew({ a: {}, b: {}, c: {}, d: long }),
    "a chain after short tasks": crew({
      a: {},
      b: {},
      c: {},
      d: {},
      e: {},
      f: { context: ["e"] },
      g: { context: ["f"] }
    }),
    "the source of a long task": crew({ a: {}, b: {}, c: {}, root: {}, d: { ...long, context: ["root"] } }),
    "a long task after five short ones": crew({ a: {}, b: {}, c: {}, d: {}, e: {}, f: long }),
    "a long task after a short one": crew({ a: {}, b: {}, c: {}, d: {}, e: {}, f: { ...long, context: ["e"] } })
  }
  for (const [title, before] of Object.entries(crews))
    it(`begins with ${title}`, () => {
      const { definition, steps } = Generator.optimise(before, known)
      expect(steps.map(({ step }) => step)).toEqual(["critical-path"])
      expect(steps[0]!.after.makespanSeconds).toBeLessThan(steps[0]!.before.makespanSeconds)
      expect(steps[0]!.after.criticalPathSeconds).toBe(steps[0]!.before.criticalPathSeconds)
      expect(Object.keys(definition.tasks).toSorted()).toEqual(Object.keys(before.tasks).toSorted())
    })

  it("keeps the order of a sequential crew, and one that costs no time", () => {
    const sequential = crew({ a: {}, b: {}, c: long }, { process: "sequential" })
    expect(Generator.optimise(sequential, known).steps).toEqual([])
    expect(Generator.optimise(crew({ d: long, a: {}, b: {}, c: {} }), known).steps).toEqual([])
  })
})

/** What each task comes to, if its output is a function of its texts and of what it reads. */
const outputs = (definition: Crew.Definition): { readonly [task: string]: unknown } => {
  const plan = Result.getOrThrow(Plan.make(Result.getOrThrow(Crew.fromJson(definition)), { inputs: { topic: "t" } }))
  const byId = new Map(plan.tasks.map((task) => [task.id, task]))
  const known = new Map<string, unknown>()
  const valueOf = (id: string): unknown => {
    if (known.has(id)) return known.get(id)
    const { context, description, expectedOutput, output = {}, tools } = byId.get(id)!
    const value = Object.hasOwn(output, "const")
      ? output["const"]
      : [description, expectedOutput, tools, context.map(valueOf).filter((one) => one !== "constant")]
    known.set(id, value)
    return value
  }
  return Object.fromEntries(plan.tasks.filter(({ office }) => office === undefined).map(({ id }) => [id, valueOf(id)]))
}

/** For each task all that it waits for, at any distance. */
const waits = (definition: Crew.Definition) => {
  const { tasks } = Result.getOrThrow(
    Plan.make(Result.getOrThrow(Crew.fromJson(definition)), { inputs: { topic: "t" } })
  )
  const dag = Result.getOrThrow(Dag.make(tasks))
  return Object.fromEntries(tasks.map(({ id }) => [id, [...Dag.reachable(dag, [id])].toSorted()]))
}

/** Valid crews, in which some outputs are constant and some agents alike. */
const any = Arbitrary.definition.map((definition): Crew.Definition => {
  const rest = Struct.omit(definition, ["inputs"])
  return {
    ...rest,
    agents: Object.fromEntries(
      Object.entries(definition.agents).map(([name, agent], index) => [
        name,
        index % 2 === 1 ? { ...agent, role: "R" } : { role: "R", goal: "G." }
      ])
    ),
    tasks: Object.fromEntries(
      Object.entries(definition.tasks).map(([name, task], index) => [
        name,
        index % 3 === 0 ? { ...task, output: { const: "constant" } } : task
      ])
    )
  }
})

describe("any crew", () => {
  Property.test(300)("stays valid, waits for the same, and its pure tasks come to the same", [any], (definition) => {
    if (Result.isFailure(Plan.make(Result.getOrThrow(Crew.fromJson(definition)), { inputs: { topic: "t" } }))) return
    const { definition: after, steps } = Generator.optimise(definition, options)
    expect(Result.isSuccess(Crew.fromJson(after))).toBe(true)
    expect(outputs(after)).toEqual(outputs(definition))
    expect(waits(after)).toEqual(waits(definition))
    for (const { after: then, before, changes } of steps) {
      expect(changes.length).toBeGreaterThan(0)
      expect(then.criticalPathSeconds).toBeLessThanOrEqual(before.criticalPathSeconds)
      expect(then.makespanSeconds).toBeLessThanOrEqual(before.makespanSeconds)
    }
    // A second time there is nothing to do.
    expect(Generator.optimise(after, options).steps).toEqual([])
  })
})
