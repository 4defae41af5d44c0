/**
 * The problems of a generated crew: those of any crew, and violations of the additional
 * requirements for generated crews. Pure; reports all problems together.
 */
import * as Crew from "../Crew.ts"
import * as Wording from "../Crew/Wording.ts"
import * as Plan from "../Plan.ts"
import * as Policy from "../Policy.ts"
import * as Task from "../Task.ts"
import * as Constraints from "./Constraints.ts"
import * as Estimate from "./Estimate.ts"
import type { Problem } from "./Problem.ts"
import * as TaskGraph from "./TaskGraph.ts"

/** The environment in which the crew will run. */
export interface Facts extends Omit<Estimate.Options, "tools"> {
  readonly constraints: Constraints.Constraints
  /** The tools that exist. */
  readonly tools: { readonly [name: string]: Estimate.ToolFacts }
  /** The policies of the tenant. */
  readonly policies?: ReadonlyArray<Policy.Policy> | undefined
}

/** A crew and its purpose. */
export interface Draft {
  /** The crew as data. */
  readonly data: unknown
  /** By name, the task that produces it. */
  readonly deliverables: ReadonlyArray<{ readonly name: string; readonly task: string | undefined }>
}

export interface Validated {
  readonly crew: Crew.Crew
  readonly problems: ReadonlyArray<Problem>
  /** Absent: the crew cannot be planned, and therefore not be estimated. */
  readonly estimate: Estimate.Estimate | undefined
}

export const validate = (draft: Draft, facts: Facts): Validated => {
  const names = Object.keys(facts.tools)
  const { crew, problems } = Plan.check(draft.data, { tools: names })
  const isKnown = problems.every(({ code }) => code === "unknown-tool" || code === "undeclared-input")
  // The following checks require a decoded crew.
  if (!isKnown) return { crew, problems: problems.map(plain), estimate: undefined }
  const { definition } = crew
  const estimate = Estimate.make(definition, facts)
  return {
    crew,
    problems: [
      ...problems.map(plain),
      ...inputProblems(crew),
      ...outputProblems(definition, draft.deliverables),
      ...sizeProblems(definition, facts.constraints),
      ...toolProblems(definition, facts),
      ...modelProblems(definition, facts.constraints),
      ...managerProblems(definition),
      ...estimateProblems(estimate, facts.constraints)
    ],
    estimate
  }
}

const plain = ({ code, message, path, suggestion }: Crew.Problem): Problem => ({
  code,
  path,
  message,
  ...(suggestion === undefined ? {} : { suggestion })
})

/** Inputs without a placeholder in any text, and placeholders without an input. */
const inputProblems = (crew: Crew.Crew): ReadonlyArray<Problem> => {
  const declared = Object.keys(crew.definition.inputs ?? {})
  const used = Plan.placeholders(crew)
  // A crew that declares no inputs may have any placeholders; a generated crew must declare all of
  // its inputs.
  if (declared.length === 0) {
    return [...used].map((name) => ({
      code: "undeclared-input",
      path: ["inputs", name],
      message: `A text has the placeholder {${name}}, and the crew has no inputs: remove it. For literal braces, write {{${name}}}.`
    }))
  }
  return declared.flatMap((name): ReadonlyArray<Problem> => {
    if (used.has(name)) return []
    const path = ["inputs", name]
    const message = `The input ${Wording.quote(name)} is not used: add {${name}} to the description of a task that needs it, or remove the input.`
    return [{ code: "unused-input", path, message }]
  })
}

/** Deliverables without a final task, and final tasks without a deliverable. */
const outputProblems = (definition: Crew.Definition, deliverables: Draft["deliverables"]): ReadonlyArray<Problem> => {
  const dag = TaskGraph.make(definition)
  const finals = new Set(dag.ids.filter((_, index) => dag.dependents(index).length === 0))
  const missing = deliverables.flatMap(({ name, task }): ReadonlyArray<Problem> => {
    if (task !== undefined && finals.has(task)) return []
    const path = task === undefined ? ["tasks"] : ["tasks", task]
    const message =
      task === undefined || definition.tasks[task] === undefined
        ? `No task produces the deliverable ${Wording.quote(name)}: add one, and let no other task depend on it.`
        : `The deliverable ${Wording.quote(name)} is the output of ${task}, on which other tasks depend: a final task must produce it.`
    return [{ code: "missing-deliverable", path, message }]
  })
  const wanted = new Set(deliverables.map(({ task }) => task))
  const unneeded = [...finals].flatMap((name): ReadonlyArray<Problem> => {
    if (wanted.has(name)) return []
    const message = `The output of the task ${name} is not used: let another task read it, let it produce a deliverable, or remove the task.`
    return [{ code: "unneeded-output", path: ["tasks", name], message }]
  })
  return [...missing, ...unneeded]
}

const sizeProblems = (definition: Crew.Definition, constraints: Constraints.Constraints): ReadonlyArray<Problem> => {
  const { maxAgents = Constraints.defaultMaxAgents, maxTasks = Constraints.defaultMaxTasks } = constraints
  const { agents, manager, tasks } = definition
  const workers = Object.keys(agents).filter((name) => name !== manager?.agent)
  const count = Object.keys(tasks).length
  const busy = new Set(Object.values(tasks).map(({ agent }) => agent))
  const isAssigned = !busy.has(undefined)
  return [
    ...tooMany("too-many-agents", ["agents"], { what: "agents", count: workers.length, most: maxAgents }),
    ...tooMany("too-many-tasks", ["tasks"], { what: "tasks", count, most: maxTasks }),
    ...workers.flatMap((name): ReadonlyArray<Problem> => {
      if (!isAssigned || busy.has(name)) return []
      const message = `The agent ${name} has no task: give it one, or remove it.`
      return [{ code: "unused-agent", path: ["agents", name], message }]
    })
  ]
}

const tooMany = (
  code: Problem["code"],
  path: Problem["path"],
  { count, most, what }: { readonly what: string; readonly count: number; readonly most: number }
): ReadonlyArray<Problem> =>
  count <= most
    ? []
    : [{ code, path, message: `The crew has ${count} ${what}, and may have at most ${most}: merge some.` }]

/** Tools that are not allowed here, that a policy always refuses, or that wait for a person. */
const toolProblems = (definition: Crew.Definition, facts: Facts): ReadonlyArray<Problem> => {
  const { constraints, policies: ofTenant = [], tools } = facts
  const entries = [
    ...Object.entries(definition.agents).map(([name, one]) => ({ path: ["agents", name], one, own: one.policy })),
    ...Object.entries(definition.tasks).map(([name, one]) => ({ path: ["tasks", name], one, own: one.policy }))
  ]
  return entries.flatMap(({ one, own, path }) =>
    (one.tools ?? []).flatMap((tool, index): ReadonlyArray<Problem> => {
      const known = Object.hasOwn(tools, tool) ? tools[tool] : undefined
      if (known === undefined) return []
      const at = [...path, "tools", index]
      const problem = (code: Problem["code"], wrong: string): ReadonlyArray<Problem> => [
        { code, path: at, message: `${Wording.place(at)} names the tool ${Wording.quote(tool)}, ${wrong}` }
      ]
      const call = { tool, kind: known.kind ?? Policy.defaultKind }
      if (constraints.tools !== undefined && Policy.refusesAll(call, [{ allow: constraints.tools }]))
        return problem("tool-not-allowed", `which is not among the allowed tools: ${Wording.list(constraints.tools)}.`)
      const policies = [...ofTenant, definition.policy, own].filter((each) => each !== undefined)
      if (Policy.refusesAll(call, policies))
        return problem("tool-denied", "which a policy refuses: use another tool, or none.")
      if (constraints.asksPeople === false && known.asks === true)
        return problem(
          "tool-asks",
          "whose calls wait for a person, which the constraints do not allow: use another tool, or none."
        )
      return []
    })
  )
}

const modelProblems = (definition: Crew.Definition, { models }: Constraints.Constraints): ReadonlyArray<Problem> => {
  if (models === undefined) return []
  const named = [
    { path: ["model"], model: definition.model },
    { path: ["manager", "model"], model: definition.manager?.model },
    ...Object.entries(definition.agents).map(([name, { model }]) => ({ path: ["agents", name, "model"], model }))
  ]
  return named.flatMap(({ model, path }) =>
    [model ?? []].flat().flatMap((reference): ReadonlyArray<Problem> => {
      if (models.includes(reference)) return []
      const message = `${Wording.place(path)} is ${Wording.quote(reference)}, which is not among the allowed models: ${Wording.list(models)}.`
      return [{ code: "model-not-allowed", path, message }]
    })
  )
}

/** Checks that there is a manager, and that its powers have an effect. */
const managerProblems = ({ acceptance = [], manager, synthesis, tasks }: Crew.Definition): ReadonlyArray<Problem> => {
  if (manager === undefined) {
    const message = "The crew has no manager: a generated crew must have one that recovers from failures."
    return [{ code: "missing-manager", path: ["manager"], message }]
  }
  const powers = (key: string, wrong: string): ReadonlyArray<Problem> => [
    { code: "manager-powers", path: ["manager", key], message: `${Wording.place(["manager", key])} ${wrong}` }
  ]
  const { maxRecoveries, maxRevisions, onUnaccepted = "accept", recover = true, review = "none" } = manager
  const isAssigned = Object.values(tasks).every(({ agent }) => agent !== undefined)
  const isIdle = !recover && review === "none" && acceptance.length === 0 && synthesis === undefined && isAssigned
  return [
    ...(isIdle ? powers("recover", "is false, and the manager has no other duty: set it to true.") : []),
    ...(recover && maxRecoveries === 0
      ? powers("maxRecoveries", "is 0, so no failure can be recovered: raise it.")
      : []),
    ...(review !== "none" && maxRevisions === 0 && onUnaccepted === "accept"
      ? powers("maxRevisions", "is 0, so reviews have no effect: raise it, or turn reviews off.")
      : [])
  ]
}

/**
 * The likely values must be within the limits; unlikely runs that exceed them are stopped by the
 * limits of the crew.
 */
const estimateProblems = (
  { costUsd, seconds, tokens }: Estimate.Estimate,
  { limits = {}, timeout }: Constraints.Constraints
): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const over = (dimension: string, likely: string, most: string) =>
    problems.push({
      code: "over-limit",
      path: ["limits", dimension],
      message: `The crew is expected to take ${likely}, but the limit is ${most}: use fewer tasks, or tools that return less.`
    })
  if (limits.tokens !== undefined && tokens.likely > limits.tokens)
    over("tokens", `${Math.round(tokens.likely)} tokens`, String(limits.tokens))
  if (limits.costUsd !== undefined && costUsd !== null && costUsd.likely > limits.costUsd)
    over("costUsd", `$${costUsd.likely.toFixed(4)}`, `$${limits.costUsd}`)
  if (limits.costUsd !== undefined && costUsd === null) {
    const message =
      "The price of a model is unknown, and a model without a price cannot be called under a cost limit: use another model, or limit tokens instead."
    problems.push({ code: "unknown-cost", path: ["limits", "costUsd"], message })
  }
  const mostSeconds = timeout === undefined ? Number.POSITIVE_INFINITY : Task.millis(timeout) / 1_000
  if (seconds.likely > mostSeconds) {
    const message = `The crew is expected to take ${Math.round(seconds.likely)} seconds, but the limit is ${mostSeconds}: use fewer tasks, or let more of them run in parallel.`
    problems.push({ code: "over-timeout", path: ["timeout"], message })
  }
  return problems
}
