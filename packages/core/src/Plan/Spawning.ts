/**
 * Plans tasks that are added to a running execution: with the values of their agents and unique
 * ids.
 */
import * as Result from "effect/Result"
import * as SchemaParser from "effect/SchemaParser"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as SchemaProblems from "../Crew/SchemaProblems.ts"
import * as Dag from "../Dag.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import type * as Policy from "../Policy.ts"
import * as Suggestion from "../Suggestion.ts"
import * as Task from "../Task.ts"
import * as Defaults from "./Defaults.ts"
import type { Guardrail, Plan, PlannedTask } from "./Planned.ts"

export interface Options {
  readonly plan: Plan
  /** The task that adds them; tasks without an agent get its agent. */
  readonly parent: PlannedTask
  /** What their ids begin with. */
  readonly prefix: string
  /**
   * Each should be a `SpawnedTask`; functions and models return anything, so that is checked here.
   */
  readonly tasks: { readonly [name: string]: unknown }
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/

/** What a task that is added cannot have. */
const left = ["attachments", "humanInput", "outputFile", "policy", "signals", "when"] as const

/** The policies of a task also apply to the tasks that it adds, regardless of their agents. */
const inherited = (plan: Plan, parent: PlannedTask, agentName: string): ReadonlyArray<Policy.Scoped> => {
  const own = agentName === parent.agent ? undefined : plan.agents[parent.agent]?.policy
  return [
    ...(parent.policies ?? []),
    ...(own === undefined ? [] : [{ scope: "agent" as const, name: parent.agent, ...own }])
  ]
}
const fields = Struct.omit(Task.Task.fields, left)

/** What `SpawnedTask` says, for functions that return anything. */
const declaration = Schema.Struct({
  ...fields,
  title: Schema.optionalKey(Schema.String),
  codeOf: Schema.optionalKey(Schema.String)
})
const decode = SchemaParser.decodeUnknownResult(declaration, { errors: "first", onExcessProperty: "error" })

/** The tasks, or the problem of the first invalid one. */
export const make = ({ parent, plan, prefix, tasks }: Options): Result.Result<ReadonlyArray<PlannedTask>, string> => {
  const names = Object.keys(tasks)
  const made: Array<PlannedTask> = []
  for (const name of names) {
    const one = planned({ plan, parent, prefix, name, names }, tasks[name])
    if (Result.isFailure(one)) return Result.fail(`The task ${JSON.stringify(name)} cannot be added: ${one.failure}`)
    made.push(one.success)
  }
  const graph = Dag.make(
    made.map(({ dependencies, id }) => ({
      id: id.slice(prefix.length + 1),
      dependencies: dependencies.map((each) => each.slice(prefix.length + 1))
    }))
  )
  return Result.isSuccess(graph)
    ? Result.succeed(made)
    : Result.fail(`The tasks cannot be added: ${graph.failure.map(Dag.describe).join(" ")}`)
}

interface Place extends Omit<Options, "tasks"> {
  readonly name: string
  readonly names: ReadonlyArray<string>
}

const planned = (place: Place, given: unknown): Result.Result<PlannedTask, string> => {
  const { name, names, parent, plan, prefix } = place
  if (!namePattern.test(name))
    return Result.fail("a name begins with a letter or _, followed by letters, digits, _ and -.")
  const decoded = decode(given)
  if (Result.isFailure(decoded)) {
    const suggester = Suggestion.make()
    const [problem] = SchemaProblems.fromIssue({ issue: decoded.failure, value: given, path: [name], suggester })
    return Result.fail(problem!.message)
  }
  const { codeOf, title, ...task } = decoded.success
  const agentName = task.agent ?? parent.agent
  const agent = Object.hasOwn(plan.agents, agentName) ? plan.agents[agentName] : undefined
  if (agent === undefined) return Result.fail(unknown("agent", agentName, Object.keys(plan.agents)))
  const wanted = [...(task.context ?? []), ...(task.dependsOn ?? [])]
  for (const other of wanted) if (!names.includes(other)) return Result.fail(unknown("task", other, names))
  const model = codeOf === undefined ? undefined : plan.tasks.find(({ id }) => id === codeOf)
  if (codeOf !== undefined && model === undefined)
    return Result.fail(
      unknown(
        "task",
        codeOf,
        plan.tasks.map(({ id }) => id)
      )
    )
  const idOf = (other: string) => `${prefix}.${other}`
  const [violation] = task.output === undefined ? [] : JsonSchemaValidator.check(task.output)
  if (violation !== undefined)
    return Result.fail(`its output is not a valid JSON Schema: ${JsonSchemaValidator.describe(violation)}.`)
  const output = task.output ?? model?.output
  const fixed = Defaults.apply({
    id: idOf(name),
    agentName,
    agent,
    task,
    context: (task.context ?? []).map(idOf),
    dependencies: Defaults.distinct(wanted.map(idOf)),
    hasOutputCode: task.output === undefined && model?.outputCode === true,
    hasCondition: false
  })
  const approvals = Defaults.distinct([...(fixed.approvals ?? []), ...(parent.approvals ?? [])])
  const policies = inherited(plan, parent, agentName)
  const functions = (model?.guardrails ?? []).filter(({ kind }) => kind === "code")
  return Result.succeed({
    ...fixed,
    ...(output === undefined ? {} : { output }),
    ...timeLimit(fixed, parent),
    description: task.description,
    expectedOutput: task.expectedOutput,
    // Whatever a person must approve in a task is approved in those that it adds, too.
    ...(approvals.length === 0 ? {} : { approvals }),
    ...(policies.length === 0 ? {} : { policies }),
    guardrails: [...functions, ...(task.guardrails ?? []).map((text): Guardrail => ({ kind: "sentence", text }))],
    title: title ?? name,
    ...(codeOf === undefined ? {} : { codeOf })
  })
}

/** Waiting for other tasks does not extend the time limit of a task. */
const timeLimit = (
  task: Pick<PlannedTask, "timeoutMillis">,
  parent: PlannedTask
): Pick<PlannedTask, "timeoutMillis"> => {
  const most = parent.timeoutMillis
  return most === undefined ? {} : { timeoutMillis: Math.min(most, task.timeoutMillis ?? most) }
}

const unknown = (kind: "agent" | "task", name: string, known: ReadonlyArray<string>): string => {
  const suggestion = Suggestion.make().closest(name, known)
  const list = known.map((one) => JSON.stringify(one)).join(", ")
  return `it names the ${kind} ${JSON.stringify(name)}, which does not exist. ${suggestion === undefined ? "" : `Did you mean ${JSON.stringify(suggestion)}? `}The ${kind}s are ${list}.`
}
