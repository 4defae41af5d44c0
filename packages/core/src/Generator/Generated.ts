/** The result of a generation, read only from its events. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import { type Answers, foundingProblems } from "./Assembly.ts"
import * as Estimate from "./Estimate.ts"
import * as Judging from "./Judging.ts"
import * as Optimiser from "./Optimiser.ts"
import * as Pipeline from "./Pipeline.ts"
import type { Problem } from "./Problem.ts"
import type { Generated, Reason } from "./GeneratedSchema.ts"

export interface Options {
  /** False: the crew is not optimised. Default: true. */
  readonly optimises?: boolean
}

/** Reads the events of a generation that has ended. */
export const fromEvents = (
  events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
  { optimises = true }: Options = {}
): Generated => {
  const [started] = events
  if (started?.type !== "ExecutionStarted")
    throw new TypeError("The events of a generation must begin with ExecutionStarted.")
  const facts = Pipeline.factsOf(started.plan.inputs)
  const answers = answersOf(events)
  const failure = events.find((event) => event.type === "ExecutionEnded")?.error
  const model = events.findLast((event) => event.type === "TurnCompleted")?.model
  const about = {
    goal: facts.goal,
    promptVersion: Pipeline.promptVersion,
    rounds: events.filter(({ type }) => type === "OutputRejected").length,
    ...(model === undefined ? {} : { model })
  }
  const noResult: ReadonlyArray<Problem> =
    failure === undefined
      ? []
      : [{ code: "no-result", path: [], message: `The generation failed (${failure.code}): ${failure.message}` }]
  const deliverables = Option.getOrUndefined(Pipeline.decodeDeliverables(answers.get("deliverables")))
  const organisation = Option.getOrUndefined(Pipeline.decodeOrganisation(answers.get("organisation")))
  const decomposition = Option.getOrUndefined(Pipeline.decodeDecomposition(answers.get("decomposition")))
  if (deliverables === undefined || organisation === undefined || decomposition === undefined) {
    return { crew: null, rationale: [], estimate: null, problems: noResult, optimisation: [], ...about }
  }
  const tools = Option.getOrUndefined(Pipeline.decodeTools(answers.get("tools")))
  const judged = Judging.ofCrew({ deliverables, organisation, decomposition, tools }, facts)
  // A step that failed for another reason is a problem itself.
  const problems =
    judged.problems.length > 0 && failure?.code === "guardrail-refused"
      ? judged.problems
      : [...judged.problems, ...noResult]
  const rationale = reasonsOf({ deliverables, organisation, decomposition, tools })
  if (problems.length > 0) {
    const { data, estimate = null } = judged
    return { crew: data, rationale, estimate, problems, optimisation: [], ...about }
  }
  const estimating = Judging.estimating(facts)
  const { definition, steps } = optimises
    ? Optimiser.make(judged.crew.definition, {
        ...estimating,
        // Merging two agents into one would defeat the purpose of the second.
        accepts: (next) => foundingProblems(next, organisation, { hasTools: tools !== undefined }).length === 0
      })
    : { definition: judged.crew.definition, steps: [] }
  return {
    crew: toJson(definition),
    rationale,
    estimate: Estimate.make(definition, estimating),
    problems,
    optimisation: steps,
    ...about
  }
}

/** The reason of each choice: those that the model gave, and those of the rules. */
const toJson = Schema.decodeUnknownSync(Schema.JsonObject)

const reasonsOf = ({ decomposition, deliverables, organisation, tools }: Answers): ReadonlyArray<Reason> => [
  ...deliverables.deliverables.map(({ criteria, description, name }) => ({
    about: `deliverables.${name}`,
    choice: description,
    reason: `It is good when: ${criteria.join(" ")}`
  })),
  {
    about: "organisation",
    choice: organisation.kind === "agent" ? "one agent" : `a crew (${organisation.ground})`,
    reason: organisation.reason
  },
  {
    about: "decomposition",
    choice: decomposition.tasks.map(({ name }) => name).join(", "),
    reason: decomposition.reason
  },
  ...decomposition.tasks.flatMap(({ name, reads }) =>
    reads.length === 0
      ? []
      : [{ about: `dependencies.${name}`, choice: reads.join(", "), reason: `The task ${name} reads it.` }]
  ),
  ...(tools?.tasks ?? []).map(({ reason, task, tools: names }) => ({
    about: `tools.${task}`,
    choice: names.length === 0 ? "none" : names.join(", "),
    reason
  })),
  {
    about: "manager",
    choice: "recovers from failures",
    reason: "It adds no call as long as no task fails."
  }
]

/** The accepted output of each step, or its last answer if none was accepted. */
const answersOf = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): ReadonlyMap<string, unknown> => {
  const answers = new Map<string, unknown>()
  for (const event of events) {
    if (event.type === "TaskCompleted") answers.set(event.taskId, event.output)
    else if (event.type === "TurnCompleted") {
      const text = event.parts.map((part) => (part.type === "text" ? part.text : "")).join("")
      const value = jsonIn(text)
      // An earlier JSON answer is more useful than a later one that is not JSON.
      if (value !== undefined) answers.set(event.taskId, value)
    }
  }
  return answers
}

const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text.replace(/^\s*```(?:json)?\s*|\s*```\s*$/g, ""))
  } catch {
    return undefined
  }
}
