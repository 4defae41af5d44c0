/**
 * The overhead that a manager adds to a crew: calls, tokens and time. The same four tasks as a
 * sequential crew, a parallel one and a managed one, and the parallel one with each of the
 * manager's duties; then one task of which five parts are delegated. The model answers after the
 * time that its agent takes, without a network. `makespanOverCritical`: over the longest chain of
 * the crew's own tasks, of the delegated parts over the longest of them. `addedCalls` and
 * `addedTokens`: over the parallel crew; of delegated parts, over the parts themselves.
 */
import * as Crew from "@crewline/core/Crew"
import * as Scripted from "@crewline/llm/Scripted"
import { client } from "crewline"
import { median } from "./Quantile.ts"
import type { Options, Report } from "./run.ts"

export const options = { rounds: 5 }

/** How long an answer takes, in milliseconds, by agent; the manager's decisions are short. */
const millis = { researcher: 300, analyst: 200, writer: 200, manager: 20 } as const
type Agent = keyof typeof millis

const answer = (agent: Agent, text: string, task?: string) =>
  Scripted.text(text, { delayMillis: millis[agent], ...(task === undefined ? { agent } : { task }) })

interface Case {
  readonly crew: Crew.Crew
  readonly steps: ReadonlyArray<Scripted.Step>
}

const described = (name: string) => ({ description: `Do the part ${name} of a report.`, expectedOutput: "A page." })
const role = (name: string) => ({ role: name, goal: `Be a good ${name}` })

const agents = { researcher: role("Researcher"), analyst: role("Analyst"), writer: role("Writer") }
const own = [
  answer("researcher", "Facts.", "facts"),
  answer("analyst", "Questions.", "questions"),
  answer("writer", "Report.", "report")
]
/** `facts` and `questions` at once, then `findings`, then `report`. */
const critical = millis.researcher + millis.analyst + millis.writer

const crewOf = (process: "sequential" | "parallel", manager?: object): Crew.Crew =>
  Crew.make({
    name: "report",
    process,
    ...(manager === undefined ? {} : { manager: { model: "scripted/script", ...manager } }),
    agents,
    tasks: {
      facts: { ...described("facts"), agent: "researcher" },
      questions: { ...described("questions"), agent: "analyst" },
      findings: { ...described("findings"), agent: "analyst", context: ["facts", "questions"] },
      report: { ...described("report"), agent: "writer", context: ["findings"] }
    }
  })

const findings = answer("analyst", "Findings.", "findings")
const accept = (task: string) =>
  answer("manager", '{"verdict":"accept","reason":"It is what was asked for."}', `${task}/1.1.review.manager`)

/** The same tasks, of which one names no agent. */
const managed = Crew.make({
  name: "report",
  process: "hierarchical",
  manager: { model: "scripted/script", review: "final" },
  agents,
  tasks: {
    facts: { ...described("facts"), agent: "researcher" },
    questions: { ...described("questions"), agent: "analyst" },
    findings: { ...described("findings"), context: ["facts", "questions"] },
    report: { ...described("report"), agent: "writer", context: ["findings"] }
  }
})

const cases: Readonly<Record<string, Case>> = {
  sequential: { crew: crewOf("sequential"), steps: [...own, findings] },
  parallel: { crew: crewOf("parallel"), steps: [...own, findings] },
  none: { crew: crewOf("parallel", { recover: false }), steps: [...own, findings] },
  "recover only": { crew: crewOf("parallel", {}), steps: [...own, findings] },
  "review final": { crew: crewOf("parallel", { review: "final" }), steps: [...own, findings, accept("report")] },
  "review all": {
    crew: crewOf("parallel", { review: "all" }),
    steps: [...own, findings, ...["facts", "questions", "findings", "report"].map(accept)]
  },
  managed: {
    crew: managed,
    steps: [
      ...own,
      answer("manager", '{"agent":"analyst","reason":"It has asked the questions."}', "findings/assign"),
      answer("analyst", "Findings.", "findings/assign/work"),
      accept("report")
    ]
  }
}

// --- five delegations -------------------------------------------------------------------------------------------------------------

const parts = [600, 700, 800, 900, 1_000]
const longest = Math.max(...parts)
const workers = Object.fromEntries(parts.map((_, index) => [`worker${index}`, role(`Worker ${index}`)]))
const done = parts.map((time, index) => Scripted.text("A part.", { agent: `worker${index}`, delayMillis: time }))

const delegating: Case = {
  crew: Crew.make({
    name: "report",
    agents: { ...workers, lead: { ...role("Lead"), allowDelegation: true } },
    tasks: { report: { ...described("all"), agent: "lead" } }
  }),
  steps: [
    Scripted.toolCalls(
      parts.map((_, index) => ({
        name: "delegate_work",
        params: { task: `Do part ${index}.`, context: "", coworker: `worker${index}` }
      })),
      { task: "report" }
    ),
    Scripted.text("Five parts.", { task: "report" }),
    ...done
  ]
}

/** Only the parts. */
const apart: Case = {
  crew: Crew.make({
    name: "report",
    process: "parallel",
    agents: workers,
    tasks: Object.fromEntries(
      parts.map((_, index) => [
        `part${index}`,
        { description: `Do part ${index}.`, expectedOutput: "A page.", agent: `worker${index}` }
      ])
    )
  }),
  steps: done
}

// --- measuring --------------------------------------------------------------------------------------------------------------------

interface Measured {
  readonly calls: number
  readonly tokens: number
  readonly millis: number
}

const measure = async ({ crew, steps }: Case, rounds: number): Promise<Measured> => {
  const times: Array<number> = []
  let calls = 0
  let tokens = 0
  // The first round fills the caches.
  for (let round = 0; round <= rounds; round++) {
    const script = Scripted.make(steps)
    await using crewline = await client({ models: script })
    const from = performance.now()
    const execution = await crewline.start(crew)
    const { usage } = await execution.result
    if (round > 0) times.push(performance.now() - from)
    calls = script.requests.length
    tokens = usage.inputTokens + usage.outputTokens
  }
  return { calls, tokens, millis: median(times) }
}

export const run = async (report: Report, given: Options): Promise<void> => {
  const { rounds } = { ...options, ...given }
  const tell = (name: string, measured: Measured, base: Measured, criticalMillis: number): void =>
    report({
      bench: "manager",
      case: name,
      addedCalls: measured.calls - base.calls,
      addedTokens: measured.tokens - base.tokens,
      makespanOverCritical: Number((measured.millis / criticalMillis).toFixed(3))
    })
  const parallel = await measure(cases["parallel"]!, rounds)
  for (const [name, each] of Object.entries(cases))
    tell(name, name === "parallel" ? parallel : await measure(each, rounds), parallel, critical)
  tell("five delegations", await measure(delegating, rounds), await measure(apart, rounds), longest)
}
