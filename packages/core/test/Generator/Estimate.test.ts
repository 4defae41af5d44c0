import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import * as Generator from "../../src/Generator.ts"
import * as Plan from "../../src/Plan.ts"
import * as Arbitrary from "../arbitrary/Crew.ts"
import * as Property from "../arbitrary/Property.ts"

const definition = (
  tasks: { readonly [name: string]: Partial<Crew.Definition["tasks"][string]> },
  more: Partial<Crew.Definition> = {}
): Crew.Definition =>
  Result.getOrThrow(
    Crew.fromJson({
      name: "test",
      agents: { a: { role: "R", goal: "G." } },
      ...more,
      tasks: Object.fromEntries(
        Object.entries(tasks).map(([name, task]) => [name, { description: "Do.", expectedOutput: "Text.", ...task }])
      )
    })
  ).definition

describe("Estimate", () => {
  it("knows the kind of a task by its tools and its schema", () => {
    const { tasks } = Generator.estimate(
      definition({
        text: {},
        object: { output: { type: "object" } },
        read: { tools: ["look"] },
        network: { tools: ["look", "fetch"] },
        unknown: { tools: ["other"] }
      }),
      { tools: { look: { kind: "read" }, fetch: { kind: "network" } } }
    )
    expect(Object.values(tasks).map(({ kind }) => kind)).toEqual(["text", "object", "read", "network", "execute"])
    expect(Object.values(tasks).every(({ from }) => from === "default")).toBe(true)
    expect(tasks["network"]!.tokens.likely).toBeGreaterThan(tasks["text"]!.tokens.likely)
  })

  it("adds what a task reads of others to its tokens", () => {
    const { tasks } = Generator.estimate(definition({ a: {}, b: { context: ["a"] }, c: { dependsOn: ["a"] } }))
    expect(tasks["b"]!.tokens.likely).toBeGreaterThan(tasks["c"]!.tokens.likely)
  })

  it("takes as long as the critical path, and longer when fewer tasks run at once", () => {
    const wide = definition({ a: {}, b: {}, c: {}, d: { context: ["a", "b", "c"] } })
    const free = Generator.estimate(wide, { concurrency: 3 })
    const one = Generator.estimate(wide, { concurrency: 1 })
    expect(free.seconds.likely).toBe(2 * free.tasks["a"]!.seconds.likely)
    expect(one.seconds.likely).toBe(4 * one.tasks["a"]!.seconds.likely)
    expect(free.criticalPath).toEqual(["a", "d"])
  })

  it("is replaced by history: of the task, else the agent, else the tools", () => {
    const sample = (seconds: number) => ({ seconds, inputTokens: 10 * seconds, outputTokens: seconds })
    const crew = definition(
      { a: {}, b: { agent: "other" }, c: { agent: "third", tools: ["look"] }, d: { agent: "third" } },
      {
        agents: { a: { role: "R", goal: "G." }, other: { role: "O", goal: "G." }, third: { role: "T", goal: "G." } },
        manager: { model: "scripted/demo" }
      }
    )
    const { tasks } = Generator.estimate(crew, {
      history: {
        tasks: { a: [sample(1), sample(5), sample(2)] },
        agents: { R: [sample(100)], O: [sample(7), sample(9)] },
        tools: { look: [sample(3)] }
      },
      price: () => ({ input: 1, output: 2 })
    })
    expect(tasks["a"]).toMatchObject({ from: "history", seconds: { low: 1, likely: 2, high: 5 } })
    expect(tasks["a"]!.tokens).toEqual({ low: 11, likely: 22, high: 55 })
    expect(tasks["a"]!.costUsd!.likely).toBeCloseTo(24e-6)
    expect(tasks["b"]).toMatchObject({ from: "history", seconds: { low: 7, likely: 8, high: 9 } })
    expect(tasks["c"]).toMatchObject({ from: "history", seconds: { low: 3, likely: 3, high: 3 } })
    expect(tasks["d"]).toMatchObject({ from: "default" })
  })

  it("has no cost where a price is not known", () => {
    const agents = { a: { role: "R", goal: "G.", model: "p/priced" }, b: { role: "B", goal: "G.", model: "p/other" } }
    const price = (model?: string) => (model === "p/priced" ? { input: 1, output: 1 } : undefined)
    const both = definition({ a: { agent: "a" }, b: { agent: "b" } }, { agents })
    const estimate = Generator.estimate(both, { price })
    expect(estimate.costUsd).toBe(null)
    expect(estimate.tasks["a"]!.costUsd).not.toBe(null)
    expect(Generator.estimate(definition({ a: { agent: "a" } }, { agents }), { price }).costUsd).not.toBe(null)
  })

  it("counts what the manager does when nothing fails: nothing, unless it reviews, writes or judges", () => {
    const tasks = { a: {}, b: {} }
    const plain = Generator.estimate(definition(tasks))
    const managed = Generator.estimate(definition(tasks, { manager: { model: "scripted/demo" } }))
    expect(managed.tokens).toEqual(plain.tokens)
    for (const more of [
      { manager: { model: "scripted/demo", review: "all" as const } },
      { acceptance: ["It is short."] },
      { synthesis: true as const }
    ])
      expect(Generator.estimate(definition(tasks, more)).tokens.likely).toBeGreaterThan(plain.tokens.likely)
  })

  it("says whether it may wait for people", () => {
    const waits = (task: Partial<Crew.Definition["tasks"][string]>) =>
      Generator.estimate(definition({ a: task }), { tools: { ask: { asks: true }, look: {} } }).waitsForPeople
    expect(waits({})).toBe(false)
    expect(waits({ tools: ["look"] })).toBe(false)
    expect(waits({ tools: ["ask"] })).toBe(true)
    expect(waits({ humanInput: true })).toBe(true)
    expect(waits({ tools: ["look"], approvals: ["look"] })).toBe(true)
  })

  Property.test(200)("is a range for any crew, and no shorter with less at once", [Arbitrary.definition], (any) => {
    if (Result.isFailure(Plan.make(Result.getOrThrow(Crew.fromJson(any)), { inputs: { topic: "t" } }))) return
    const estimate = Generator.estimate(any, { price: () => ({ input: 1, output: 4 }) })
    for (const { high, likely, low } of [estimate.seconds, estimate.tokens, estimate.costUsd!]) {
      expect(low).toBeGreaterThan(0)
      expect(low).toBeLessThanOrEqual(likely)
      expect(likely).toBeLessThanOrEqual(high)
    }
    const alone = Generator.estimate(any, { concurrency: 1 })
    expect(alone.seconds.likely).toBeGreaterThanOrEqual(estimate.seconds.likely)
    expect(alone.tokens).toEqual(estimate.tokens)
    const onPath = estimate.criticalPath.reduce((sum, name) => sum + estimate.tasks[name]!.seconds.likely, 0)
    expect(onPath).toBeLessThanOrEqual(estimate.seconds.likely + 1e-6)
  })
})
