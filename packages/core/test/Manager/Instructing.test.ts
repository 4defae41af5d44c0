/** The source of a manager's instructions, and the name under which they are recorded. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import * as Plan from "../../src/Plan.ts"
import { lastMessage, ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const crewOf = (prompts?: object, agent: object = {}) =>
  Crew.fromJson({
    name: "managed",
    acceptance: ["It is short."],
    manager: { model: "fake/manager", review: "all", ...(prompts && { prompts }) },
    agents: { writer: { role: "Writer", goal: "Write", ...agent }, editor: { role: "Editor", goal: "Shorten" } },
    tasks: { write: { description: "Write.", expectedOutput: "Text.", maxRepairs: 0, retry: { attempts: 1 } } }
  })
const planOf = (prompts?: object, agent?: object, inputs = {}) =>
  Result.getOrThrow(Plan.make(Result.getOrThrow(crewOf(prompts, agent)), { inputs }))

const answers = {
  "write/assign": [World.text('{"agent":"writer","reason":"r"}')],
  "write/assign/work": [World.text(""), World.text("done")],
  "write/assign/work/1.recover": [World.text('{"choice":"retry","reason":"r","advice":"a"}')],
  "write/assign/work/3.2.review.manager": [
    World.text('{"verdict":"accept","reason":"r","criterion_1":{"passed":true,"reason":"r"}}')
  ]
}

/** The recorded instructions of each task. */
const recorded = (events: Parameters<typeof ofType>[0]) =>
  Object.fromEntries(
    ofType(events, "TurnCompleted").flatMap(({ prompt, taskId }) => (prompt ? [[taskId, prompt]] : []))
  )

const tasksOf = ({ tasks }: Plan.Plan) => Object.fromEntries(tasks.map((task) => [task.id, { ...task, retry: once }]))

describe("instructions", () => {
  it.effect("are recorded with the first turn of an agent that decides or can delegate, by name and version", () => {
    const plan = planOf(undefined, { allowDelegation: true })
    return running(
      tasksOf(plan),
      { plan: { agents: plan.agents, ...(plan.manager && { manager: plan.manager }) }, answers },
      Effect.fnUntraced(function* ({ asked, events }) {
        yield* pass(500)
        const all = yield* events
        assert.deepStrictEqual(recorded(all), {
          "write/assign": "assign/2",
          "write/assign/work": "delegate/2 ask/2",
          "write/assign/work/1.recover": "recover/3",
          "write/assign/work/3.2.review.manager": "review/3 accept/2"
        })
        assert.strictEqual(ofType(all, "TurnCompleted").filter(({ prompt }) => prompt !== undefined).length, 4)
        assert.include(lastMessage(asked[0]!), "Decide who does a task.")
      })
    )
  })

  it.effect("of the crew replace the defaults, with its inputs; the facts stay", () => {
    const own = {
      assign: "Who shall it be, {name}?",
      review: "Is it any good?",
      recover: "What now?",
      delegate: "Pass on."
    }
    const plan = planOf(own, { allowDelegation: true }, { name: "Ann" })
    return running(
      tasksOf(plan),
      { plan: { agents: plan.agents, ...(plan.manager && { manager: plan.manager }) }, answers },
      Effect.fnUntraced(function* ({ asked, events }) {
        yield* pass(500)
        assert.deepStrictEqual(Object.values(recorded(yield* events)), [
          "assign/own",
          "delegate/own ask/2",
          "recover/own",
          "review/own accept/2"
        ])
        const [assign, work] = asked
        assert.include(lastMessage(assign!), 'Who shall it be, Ann?\\n\\nThe task \\"write\\":')
        assert.notInclude(lastMessage(assign!), "Decide who does a task.")
        assert.match(work!.tools[0]!.description!, /^Pass on\.\n\nYour coworkers:\n- editor/)
        const said = asked.map((request) => lastMessage(request))
        assert.strictEqual(said.filter((text) => text.includes("What now?")).length, 1)
        assert.strictEqual(said.filter((text) => text.includes("Is it any good?")).length, 1)
      })
    )
  })

  it("are refused if they are empty, for an unknown power, or name a missing input", () => {
    const problemsOf = (made: Result.Result<unknown, Crew.CrewInvalid>) =>
      Result.isFailure(made) ? made.failure.problems.map(({ code, path }) => [code, path.join(".")]) : []
    assert.deepStrictEqual(problemsOf(crewOf({ review: " ", judge: "Judge." })), [
      ["unknown-key", "manager.prompts.judge"],
      ["empty", "manager.prompts.review"]
    ])
    const crew = Result.getOrThrow(crewOf({ review: "For {name}" }))
    assert.deepStrictEqual(problemsOf(Plan.make(crew)), [["missing-input", "inputs.name"]])
  })
})
