/**
 * Random crews of three levels with limits at each: no limit is ever exceeded, as counted by the
 * provider, and the spending in the log is the sum of its records.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Crewline from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FastCheck from "fast-check"
import * as Budget from "../src/Budget.ts"
import * as BudgetStore from "../src/BudgetStore.ts"
import * as Trees from "./fake/Trees.ts"

const runOf = (tree: Trees.Tree) => {
  const provider = Trees.provider(tree)
  const budget = Budget.make({ store: BudgetStore.makeLocal(), prices: { "fake/model": tree.price }, waitMillis: 50 })
  const model = budget({ reference: "fake/model", generate: provider.generate })
  const llm = Layer.succeed(Llm.Llm, { enforcesLimits: true, resolve: () => Effect.succeed(model) })
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const log = yield* EventLog.EventLog
    const handle = yield* crewline.startPlan(Trees.planOf(tree))
    yield* Effect.exit(handle.result)
    return { view: yield* crewline.get(handle.id), events: yield* log.read(handle.id), provider }
  }).pipe(Effect.provide(Crewline.layerLocal().pipe(Layer.provide([llm, Toolbox.layer([Trees.spawn(tree)])]))))
}

describe("limits up a tree", () => {
  it("are never exceeded by concurrent tasks, and spending is the sum of the turns below", async () => {
    let refused = 0
    let asked = 0
    let finished = 0
    await FastCheck.assert(
      FastCheck.asyncProperty(Trees.tree, async (tree) => {
        const { events, provider, view } = await Effect.runPromise(runOf(tree))
        expect(Trees.exceededIn(tree, provider.calls)).toEqual([])
        expect(Trees.spentIn(view)).toEqual(Trees.recordedIn(tree, view, events))
        asked += provider.calls.length
        finished += events.filter((event) => event.type === "TurnCompleted" && event.isLast === true).length
        refused += events.filter((event) => event.type === "ModelNoticed").length
      }),
      { numRuns: 100 }
    )
    // With fewer, the test would show little.
    expect(asked).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(30)
    expect(finished).toBeGreaterThan(10)
  }, 120_000)
})
