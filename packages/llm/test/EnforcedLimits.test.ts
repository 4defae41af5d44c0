/**
 * Limits of crews apply with every way to create models, and a crew whose limits cannot be enforced
 * is refused.
 */
import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Llm from "@crewline/core/Llm"
import * as Plan from "@crewline/core/Plan"
import * as Toolbox from "@crewline/core/Toolbox"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Providers from "../src/Providers.ts"
import * as Resilience from "../src/Resilience.ts"
import * as Scripted from "../src/Scripted.ts"

/** Two tasks; the limit pays for one. */
const crew = Crew.make({
  name: "notes",
  agents: { writer: { role: "Writer", goal: "Write" } },
  limits: { requests: 1 },
  tasks: {
    first: { description: "Write.", expectedOutput: "A note." },
    second: { description: "Write more.", expectedOutput: "A note.", context: ["first"] }
  }
})

const outcomeOf = (llm: Layer.Layer<Llm.Llm>, run: Crew.Crew = crew) =>
  Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const handle = yield* crewline.start(run)
    yield* Effect.exit(handle.result)
    const { status, tasks } = yield* crewline.get(handle.id)
    return { status, code: tasks["second"]?.error?.code }
  }).pipe(Effect.provide(Crewline.layerLocal().pipe(Layer.provide([llm, Toolbox.layer([])]))))

const over = { status: "failed", code: "model-budget-exceeded" } as const

const providers = (options: Partial<Providers.Options>, script = Scripted.make(["One.", "Two."])) => ({
  script,
  layer: Providers.layer({ providers: [script.provider], defaultModel: "scripted/script", ...options })
})

describe("limits of a crew", () => {
  it.effect("apply with Providers.layer, and no call exceeds them", () =>
    Effect.gen(function* () {
      const { layer, script } = providers({})
      assert.deepStrictEqual(yield* outcomeOf(layer), over)
      assert.strictEqual(script.requests.length, 1)
    })
  )

  it.effect("apply with Scripted.layer", () =>
    Effect.gen(function* () {
      const script = Scripted.make(["One."])
      assert.deepStrictEqual(yield* outcomeOf(script.layer), over)
      assert.strictEqual(script.requests.length, 1)
    })
  )

  it.effect("apply within wrappers with a budget, which counts each call once, and within those without", () =>
    Effect.gen(function* () {
      const enough = Crew.make({ ...crew.definition, limits: { requests: 2 } })
      for (const budget of [undefined, false] as const) {
        const wrap = yield* Resilience.make(budget === undefined ? {} : { budget })
        assert.deepStrictEqual(yield* outcomeOf(providers({ wrap }).layer), over)
        const paid = yield* outcomeOf(providers({ wrap }).layer, enough)
        assert.deepStrictEqual(paid, { status: "completed", code: undefined })
      }
    })
  )

  it.effect(
    "are refused if nothing enforces them: the crew at its start, and a foreign plan when its task starts",
    () =>
      Effect.gen(function* () {
        const { layer, script } = providers({ budget: false })
        const refused = yield* Effect.flip(outcomeOf(layer))
        assert.include(
          String(refused),
          "limits cannot be enforced: The models of this application do not enforce budgets."
        )
        assert.deepStrictEqual(script.requests, [])

        const plan = Result.getOrThrow(Plan.make(crew))
        const view = yield* Effect.gen(function* () {
          const crewline = yield* Crewline.Crewline
          const handle = yield* crewline.startPlan(plan)
          yield* Effect.exit(handle.result)
          return yield* crewline.get(handle.id)
        }).pipe(Effect.provide(Crewline.layerLocal().pipe(Layer.provide([layer, Toolbox.layer([])]))))
        assert.strictEqual(view.tasks["first"]?.error?.code, "unenforced-limits")
        assert.deepStrictEqual(script.requests, [])
      })
  )
})

describe("Plan.make", () => {
  it("reports every place of limits that are not enforced", () => {
    const { agents, tasks } = crew.definition
    const limits = { tokens: 100 }
    const limited = Result.getOrThrow(
      Crew.fromJson({
        ...crew.definition,
        agents: { writer: { ...agents["writer"], limits } },
        tasks: { ...tasks, first: { ...tasks["first"], limits } }
      })
    )
    const plan = Plan.make(limited, { enforcesLimits: false })
    assert.deepStrictEqual(
      Result.isFailure(plan) && plan.failure.problems.map(({ code, path }) => [code, path.join(".")]),
      ["limits", "agents.writer.limits", "tasks.first.limits"].map((path) => ["unenforced-limits", path])
    )
  })
})
