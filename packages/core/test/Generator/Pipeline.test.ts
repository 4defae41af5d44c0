import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Crew from "../../src/Crew.ts"
import * as CrewFile from "../../src/CrewFile.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as Generator from "../../src/Generator.ts"
import * as Llm from "../../src/Llm.ts"
import * as Plan from "../../src/Plan.ts"
import * as Budgeted from "../fake/Budgeted.ts"
import * as World from "../fake/World.ts"
import * as Scripted from "./Scripted.ts"

const { generate, layer } = Scripted.make()
const live = (name: string, test: () => Effect.Effect<void, unknown, never>) => it.live(name, test, 120_000)

type Generating = ReturnType<typeof generate>
const run = (...given: Parameters<typeof generate>): Effect.Effect<Effect.Success<Generating>, unknown> =>
  Effect.provide(generate(...given), layer)

const crewOf = ({ crew }: Generator.Generated) => Result.getOrThrow(Crew.fromJson(crew)).definition
const codes = ({ problems }: Generator.Generated) => problems.map(({ code }) => code)

describe("a generation", () => {
  live("is an execution of a built-in crew, each step a task", () =>
    Effect.gen(function* () {
      const { events, generated } = yield* run({
        tools: { tasks: [{ task: "find", tools: [], reason: "Nothing is needed." }] }
      })
      expect(generated.problems).toEqual([])
      expect(generated).toMatchObject({
        goal: "Write a report.",
        model: "fake-1",
        promptVersion: "generator-1",
        rounds: 0
      })
      expect(events.flatMap((event) => (event.type === "TaskCompleted" ? [event.taskId] : []))).toEqual([
        "deliverables",
        "organisation",
        "decomposition",
        "tools"
      ])
      expect(crewOf(generated)).toEqual({
        name: "report_crew",
        description: "Write a report.",
        agents: {
          worker: { role: "The worker", goal: "Work well." },
          manager: { role: "Manager", goal: "Get the work of the crew done when something fails." }
        },
        tasks: {
          find: { description: "Do find.", expectedOutput: "Text.", agent: "worker" },
          write: { description: "Do write.", expectedOutput: "Text.", agent: "worker", context: ["find"] }
        },
        manager: { agent: "manager" },
        acceptance: ["It names its sources."]
      })
      expect(generated.rationale.map(({ about }) => about)).toEqual([
        "deliverables.report",
        "organisation",
        "decomposition",
        "dependencies.write",
        "tools.find",
        "manager"
      ])
      expect(generated.estimate!.criticalPath).toEqual(["find", "write"])
    })
  )

  live("goes on in a process that has not started it: its plan is all that is needed", () =>
    Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const log = yield* EventLog.EventLog
      const { crew, inputs } = Generator.make({ goal: "Write a report." }, { tools: Scripted.toolbox })
      const plan = JSON.parse(JSON.stringify(Result.getOrThrow(Plan.make(crew, { inputs }))))
      const { events, id } = yield* crewline.startPlan(plan)
      yield* Stream.runDrain(events)
      expect(Generator.fromEvents(yield* log.read(id)).problems).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  live("does not ask for tools where there are none", () =>
    Effect.gen(function* () {
      const { asked, generated } = yield* run({}, {}, { tools: [] })
      expect(generated.problems).toEqual([])
      expect(asked.map(({ caller }) => caller!.taskId)).toEqual(["deliverables", "organisation", "decomposition"])
    })
  )

  live("sends typed problems back, and takes the corrected answer", () =>
    Effect.gen(function* () {
      const { asked, generated } = yield* run({
        decomposition: (attempt: number) =>
          attempt === 1
            ? { ...Scripted.decomposition, tasks: [Scripted.task("write", { produces: "report", agent: "nobody" })] }
            : Scripted.decomposition
      })
      expect(generated.problems).toEqual([])
      expect(generated.rounds).toBe(1)
      const complaint = JSON.stringify(
        asked.filter(({ caller }) => caller!.taskId === "decomposition")[1]!.messages.at(-1)
      )
      expect(complaint).toContain("unknown-agent")
      expect(complaint).toContain("nobody")
    })
  )

  live("ends after its rounds with the problems and the draft", () =>
    Effect.gen(function* () {
      const tasks = [
        Scripted.task("a", { reads: ["report"] }),
        Scripted.task("b", { reads: ["a_output"], produces: "report" })
      ]
      const { asked, generated } = yield* run({ decomposition: { ...Scripted.decomposition, tasks } }, { rounds: 2 })
      expect(codes(generated)).toEqual(["cycle"])
      expect(generated.rounds).toBe(3)
      expect(asked.filter(({ caller }) => caller!.taskId === "decomposition")).toHaveLength(3)
      expect(generated.crew).toMatchObject({
        name: "report_crew",
        tasks: [{ name: "a", context: ["b"] }, { name: "b" }]
      })
      expect(generated.estimate).toBe(null)
    })
  )

  live("reports a failure of the model", () =>
    Effect.gen(function* () {
      const refused = World.refuse(new Llm.ContentRefused({ description: "no" }))
      const first = yield* run({ deliverables: refused })
      expect(first.generated).toMatchObject({ crew: null, estimate: null, problems: [{ code: "no-result" }] })
      const last = yield* run({ tools: refused })
      expect(codes(last.generated)).toEqual(["no-result"])
      expect(last.generated.crew).not.toBe(null)
    })
  )

  live("gives inputs to the tasks that read them, and wants each read", () =>
    Effect.gen(function* () {
      const inputs = { topic: { description: "What it is about" }, tone: { of: "a letter" } }
      const tasks = [
        Scripted.task("find", { reads: ["topic"] }),
        Scripted.task("write", {
          description: "Write in a {tone} tone.",
          reads: ["tone", "find_output"],
          produces: "report"
        })
      ]
      const { asked, generated } = yield* run({ decomposition: { ...Scripted.decomposition, tasks } }, { inputs })
      expect(generated.problems).toEqual([])
      const crew = crewOf(generated)
      expect(crew.inputs).toEqual({ topic: { description: "What it is about" }, tone: { default: { of: "a letter" } } })
      expect(crew.tasks["find"]!.description).toBe("Do find.\n\ntopic: {topic}")
      expect(crew.tasks["write"]!.description).toBe("Write in a {tone} tone.")
      expect(JSON.stringify(asked[0]!.messages)).toContain("- topic: What it is about")
      expect(JSON.stringify(asked[2]!.messages)).toContain("At most 8 agents and 30 tasks.")
      const unread = yield* run({}, { inputs, rounds: 0 })
      expect(codes(unread.generated)).toEqual(["unused-input", "unused-input"])
    })
  )

  live("keeps to the constraints, and puts them into the crew", () =>
    Effect.gen(function* () {
      const constraints = { models: ["p/m"], limits: { tokens: 100_000 }, timeout: "10 minutes", tools: ["file_*"] }
      const { asked, generated } = yield* run(
        { tools: { tasks: [{ task: "find", tools: ["file_read"], reason: "To read." }] } },
        { constraints }
      )
      expect(generated.problems).toEqual([])
      expect(crewOf(generated)).toMatchObject({ model: "p/m", limits: { tokens: 100_000 }, timeout: "10 minutes" })
      const prompt = JSON.stringify(asked.at(-1)!.messages)
      expect(prompt).toContain("- file_read: Reads a file")
      expect(prompt).not.toContain("web_search")
      const other = yield* run(
        { tools: { tasks: [{ task: "find", tools: ["web_search"], reason: "To search." }] } },
        { constraints, rounds: 0 }
      )
      expect(codes(other.generated)).toEqual(["unknown-tool"])
    })
  )

  live("offers no tools that wait for people where none may", () =>
    Effect.gen(function* () {
      const asking = yield* run({})
      expect(JSON.stringify(asking.asked.at(-1)!.messages)).toContain("mail_send: Sends mail (waits for a person)")
      const { asked } = yield* run({}, { constraints: { asksPeople: false } })
      expect(JSON.stringify(asked.at(-1)!.messages)).not.toContain("mail_send")
    })
  )

  live("judges several deliverables where they are produced", () =>
    Effect.gen(function* () {
      const both = {
        crewName: "two",
        deliverables: [
          { name: "report", description: "A report.", criteria: ["It is long."] },
          { name: "slides", description: "Slides.", criteria: ["They are few."] }
        ]
      }
      const tasks = [Scripted.task("write", { produces: "report" }), Scripted.task("draw", { produces: "slides" })]
      const { generated } = yield* run({ deliverables: both, decomposition: { ...Scripted.decomposition, tasks } })
      expect(generated.problems).toEqual([])
      const crew = crewOf(generated)
      expect(crew.acceptance).toBe(undefined)
      expect(crew.tasks["draw"]!.guardrails).toEqual(["They are few."])
    })
  )

  live("optimises the crew and says what it gained, unless it is told not to", () =>
    Effect.gen(function* () {
      const agents = ["worker", "other", "checker"].map((name) => ({
        ...Scripted.agent(name),
        role: name === "checker" ? "Checker" : "Writer"
      }))
      const tasks = [
        Scripted.task("a"),
        Scripted.task("b", { agent: "other", reads: ["a_output"] }),
        Scripted.task("c", { agent: "checker", reads: ["b_output"], produces: "report" })
      ]
      const script = { organisation: Scripted.reviewers, decomposition: { agents, tasks, reason: "Checked." } }
      const { generated } = yield* run(script)
      expect(generated.optimisation.map(({ step }) => step)).toEqual(["same-agents"])
      expect(Object.keys(crewOf(generated).agents)).toEqual(["worker", "checker", "manager"])
      const plain = yield* run(script, {}, { optimises: false })
      expect(plain.generated.optimisation).toEqual([])
      expect(Object.keys(crewOf(plain.generated).agents)).toEqual(["worker", "other", "checker", "manager"])
    })
  )

  live("keeps agents alike that are there to check each other", () =>
    Effect.gen(function* () {
      const agents = ["worker", "other"].map((name) => ({ ...Scripted.agent(name), role: "Writer" }))
      const tasks = [
        Scripted.task("a"),
        Scripted.task("b", { agent: "other", produces: "report", reads: ["a_output"] })
      ]
      const script = { organisation: Scripted.reviewers, decomposition: { agents, tasks, reason: "Checked." } }
      const { generated } = yield* run(script)
      expect(generated.problems).toEqual([])
      expect(generated.optimisation).toEqual([])
    })
  )

  live("stays within its budget", () => {
    const budgeted = Scripted.make((reply) => Budgeted.make(reply))
    return Effect.gen(function* () {
      const endless = { decomposition: { ...Scripted.decomposition, tasks: [] } }
      const { asked, generated } = yield* budgeted.generate(endless, { rounds: 1_000, limits: { requests: 5 } })
      // The sixth is refused before it is made.
      expect(asked.length).toBeLessThanOrEqual(6)
      expect(codes(generated)).toContain("no-result")
      expect(generated.problems.at(-1)!.message).toContain("model-budget-exceeded")
    }).pipe(Effect.provide(budgeted.layer))
  })

  live("runs as a crew that was read from its YAML does: the same plan, one path", () =>
    Effect.gen(function* () {
      const { generated } = yield* run({})
      const crew = Result.getOrThrow(Crew.fromJson(generated.crew))
      const again = Result.getOrThrow(CrewFile.parse(CrewFile.stringify(crew)))
      expect(Result.getOrThrow(Plan.make(again))).toEqual(Result.getOrThrow(Plan.make(crew)))
    })
  )
})

describe("whether a crew is justified", () => {
  const two = [Scripted.agent("worker"), Scripted.agent("checker")]
  const chain = [Scripted.task("a"), Scripted.task("b", { reads: ["a_output"], produces: "report" })]
  const reviewed = [
    Scripted.task("a"),
    Scripted.task("b", { agent: "checker", reads: ["a_output"], produces: "report" })
  ]
  const wide = [
    Scripted.task("a"),
    Scripted.task("b", { agent: "checker" }),
    Scripted.task("c", { reads: ["a_output", "b_output"], produces: "report" })
  ]
  const crew = (ground: string) => ({ kind: "crew", ground, reason: "It is." })
  const cases: ReadonlyArray<readonly [string, Scripted.Script, ReadonlyArray<string>]> = [
    ["one agent and several", { decomposition: { agents: two, tasks: reviewed, reason: "r" } }, ["unfounded-crew"]],
    ["a crew of one", { organisation: crew("parallel-work") }, ["unfounded-crew"]],
    ["a crew without a ground", { organisation: crew("none") }, ["no-result"]],
    [
      "parallel work in a chain",
      { organisation: crew("parallel-work"), decomposition: { agents: two, tasks: reviewed, reason: "r" } },
      ["unfounded-crew"]
    ],
    [
      "parallel work side by side",
      { organisation: crew("parallel-work"), decomposition: { agents: two, tasks: wide, reason: "r" } },
      []
    ],
    [
      "a review by the author",
      {
        organisation: crew("independent-review"),
        decomposition: { agents: [...two], tasks: [...chain, Scripted.task("c", { agent: "checker" })], reason: "r" }
      },
      ["unneeded-output", "unfounded-crew"]
    ],
    [
      "different tools that are the same",
      { organisation: crew("different-tools"), decomposition: { agents: two, tasks: reviewed, reason: "r" } },
      ["unfounded-crew"]
    ],
    [
      "different tools",
      {
        organisation: crew("different-tools"),
        decomposition: { agents: two, tasks: reviewed, reason: "r" },
        tools: { tasks: [{ task: "a", tools: ["web_search"], reason: "r" }] }
      },
      []
    ]
  ]
  for (const [title, script, expected] of cases)
    live(`${expected.length === 0 ? "accepts" : "refuses"} ${title}`, () =>
      Effect.gen(function* () {
        const { generated } = yield* run(script, { rounds: 0 })
        expect(codes(generated)).toEqual(expected)
      })
    )
})
