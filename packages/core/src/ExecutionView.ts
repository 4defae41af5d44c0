/**
 * The state of an execution as people and programs see it. The one shape of it: SDK, HTTP API and
 * command line show the same.
 */
import * as HashMap from "effect/HashMap"
import * as Schema from "effect/Schema"
import * as Ask from "./Ask.ts"
import * as AskId from "./Ask/AskId.ts"
import * as Decision from "./Decision.ts"
import * as Execution from "./Execution.ts"
import * as ExecutionEvent from "./ExecutionEvent.ts"
import * as Limits from "./Limits.ts"
import * as Usage from "./Usage.ts"
import * as Wait from "./Wait.ts"

/** How a task presents itself. */
export const TaskStatus = Schema.Literals(["pending", "running", "waiting", "retrying", ...Execution.Settled.literals])
export type TaskStatus = typeof TaskStatus.Type

/** What a task waits for that has not come. */
export const WaitingFor = Schema.Struct({
  kind: Schema.Literals([...Ask.Kind.literals, "task", "signal", "time", "worker"]),
  /** Of an ask: by which it is answered. Of a task or a signal: its name. */
  id: Schema.optionalKey(Schema.String),
  /** Of an ask or a spawned task. */
  title: Schema.optionalKey(Schema.String),
  /** When it is not waited for any longer. */
  until: Schema.optionalKey(Schema.String),
  /** Of a worker: what it must have. */
  what: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "WaitingFor" })
export interface WaitingFor extends Schema.Schema.Type<typeof WaitingFor> {}

/** Limits as they are now, and what is spent under them. */
export const Budget = Schema.Struct({
  limits: Limits.Declared,
  spent: Limits.Spent
}).annotate({ identifier: "ExecutionBudget" })
export interface Budget extends Schema.Schema.Type<typeof Budget> {}

/** The state of one task. */
export const TaskView = Schema.Struct({
  status: TaskStatus,
  /** Attempts begun. */
  attempts: Schema.Int,
  agent: Schema.String,
  /** Work, or a task of the manager itself. */
  kind: Schema.Literals(["work", "office"]),
  /** The task that spawned it, and what it is called. */
  parent: Schema.optionalKey(Schema.String),
  title: Schema.optionalKey(Schema.String),
  waitingFor: Schema.optionalKey(Schema.Array(WaitingFor)),
  output: Schema.optionalKey(Schema.Json),
  outputFile: Schema.optionalKey(Schema.String),
  /** True: a limit was reached, and the output is what the agent had by then. */
  partial: Schema.optionalKey(Schema.Literal(true)),
  /** Who does it, as the manager has decided, or what stands in for it. */
  assigned: Schema.optionalKey(
    Schema.Struct({
      agent: Schema.String,
      by: Schema.Literals(["manager", "matcher"]),
      reason: Schema.optionalKey(Schema.String)
    })
  ),
  /** Signs that the output is not the success that it says it is. */
  doubts: Schema.optionalKey(Schema.Array(ExecutionEvent.Doubt)),
  /** How the output stands with each of the criteria of the crew, as judged last. */
  criteria: Schema.optionalKey(Schema.Array(ExecutionEvent.Criterion)),
  /**
   * True: the outcome was taken over from the execution that this one retries, and cost nothing
   * here.
   */
  reused: Schema.optionalKey(Schema.Literal(true)),
  /** Why it was skipped. */
  skipped: Schema.optionalKey(ExecutionEvent.Skipped),
  error: Schema.optionalKey(ExecutionEvent.Failure),
  usage: Usage.Usage,
  /** Of a task with limits: what was spent by it and all that it spawned. */
  budget: Schema.optionalKey(Budget),
  startedAt: Schema.optionalKey(Schema.String),
  endedAt: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "TaskState" })
export interface TaskView extends Schema.Schema.Type<typeof TaskView> {}

/** The state of an execution for people and for the API. */
export const View = Schema.Struct({
  id: Schema.String,
  crewName: Schema.String,
  crewId: Schema.optionalKey(Schema.String),
  /** The execution that this one retries. */
  retryOf: Schema.optionalKey(Schema.String),
  /** The user whose execution it is, and who started it for the user when somebody else did. */
  userId: Schema.optionalKey(Schema.String),
  sessionId: Schema.optionalKey(Schema.String),
  startedBy: Schema.optionalKey(Schema.String),
  status: Execution.Status,
  tasks: Schema.Record(Schema.String, TaskView),
  /** Of one final task its output; of several an object by task name. Only when completed. */
  output: Schema.optionalKey(Schema.Json),
  /** True: a limit was reached in a final task, and its output is what its agent had by then. */
  partial: Schema.optionalKey(Schema.Literal(true)),
  /** How the result stands with each of the criteria of the crew. */
  criteria: Schema.optionalKey(Schema.Array(ExecutionEvent.Criterion)),
  error: Schema.optionalKey(ExecutionEvent.ExecutionFailure),
  usage: Usage.Usage,
  /** Limits of the execution (`execution`) and of agents (`agent/writer`). */
  budgets: Schema.optionalKey(Schema.Record(Schema.String, Budget)),
  startedAt: Schema.String,
  endedAt: Schema.optionalKey(Schema.String),
  /** The number of the last event: where to follow from. */
  lastSeq: Schema.Int
}).annotate({ identifier: "Execution", description: "The state of an execution" })
export interface View extends Schema.Schema.Type<typeof View> {}

/** The shape of views that are kept: raised whenever a view of the same events would be another. */
export const format = 8

const statusOf = (task: Execution.Task): TaskStatus => {
  switch (task.status) {
    case "open":
      return task.retryAt === undefined ? "pending" : "retrying"
    case "suspended":
      return "waiting"
    default:
      return task.status
  }
}

/** What is open of a wait, and whom a task waits for that no worker has taken. */
const waitingFor = (
  state: Execution.Execution,
  task: Execution.Task,
  titles: Parts["titles"]
): ReadonlyArray<WaitingFor> => {
  const found: Array<WaitingFor> = []
  if (task.unserved !== undefined) found.push({ kind: "worker", what: task.unserved })
  if (task.status !== "suspended") return found
  const { groups, signals, tasks } = Wait.openOf(task.waits!, Execution.standings(state))
  for (const id of signals) {
    const ask = Execution.openOf(state, id)
    if (ask === undefined || ask.kind === "timer") found.push({ kind: "signal", id })
    else found.push({ kind: ask.kind, id: AskId.encode(state.id, id), ...titled(titles?.get(id)), ...until(ask) })
  }
  for (const id of tasks) found.push({ kind: "task", id, ...titled(Execution.task(state, id)?.plan.title) })
  for (const { timer } of groups)
    if (timer !== undefined) found.push({ kind: "time", ...until(Execution.openOf(state, timer)) })
  return found
}

const titled = (title: string | undefined) => (title === undefined ? {} : { title })

const until = (open: Execution.Open | undefined) =>
  open?.dueAt === undefined ? {} : { until: new Date(open.dueAt).toISOString() }

/** What the fold does not hold. */
export interface Parts {
  /** Of completed tasks. */
  readonly outputs: ReadonlyMap<string, Schema.Json>
  /** Of open asks. */
  readonly titles?: ReadonlyMap<string, string>
  readonly crewId?: string | undefined
}

/** The state of one task. */
export const ofTask = (state: Execution.Execution, task: Execution.Task, { outputs, titles }: Parts): TaskView => {
  const waiting = waitingFor(state, task, titles)
  const output = outputs.get(task.plan.id)
  return {
    status: statusOf(task),
    attempts: task.attempts,
    agent: task.plan.agent,
    kind: task.plan.office === undefined ? "work" : "office",
    ...(task.parent === undefined ? {} : { parent: task.parent }),
    ...(task.plan.title === undefined ? {} : { title: task.plan.title }),
    ...(waiting.length === 0 ? {} : { waitingFor: waiting }),
    ...(output === undefined ? {} : { output }),
    ...(task.outputFile === undefined ? {} : { outputFile: task.outputFile }),
    ...(task.partial ? { partial: true } : {}),
    ...(task.assigned === undefined ? {} : { assigned: task.assigned }),
    ...(task.doubts.length === 0 ? {} : { doubts: task.doubts }),
    ...(task.criteria === undefined ? {} : { criteria: task.criteria }),
    ...(task.status === "completed" && task.run === 0 ? { reused: true } : {}),
    ...(task.skipped === undefined ? {} : { skipped: task.skipped }),
    ...(task.failure === undefined || task.status === "completed" ? {} : { error: task.failure }),
    usage: task.usage,
    ...(task.plan.limits === undefined ? {} : { budget: budgetOf(state, Execution.scopeOfTask(task.plan.id)) }),
    ...(task.startedAt === undefined ? {} : { startedAt: task.startedAt }),
    ...(task.endedAt === undefined ? {} : { endedAt: task.endedAt })
  }
}

const budgetOf = (state: Execution.Execution, scope: string): Budget => ({
  limits: Execution.limitsOf(state, scope)!,
  spent: Execution.amountOf(Execution.spentOf(state, scope))
})

const budgetsOf = (state: Execution.Execution): Pick<View, "budgets"> => {
  const { agents, limits } = state.plan
  const limited = Object.keys(agents).filter((name) => agents[name]!.limits !== undefined)
  const scopes = [...(limits === undefined ? [] : [Execution.wholeScope]), ...limited.map(Execution.scopeOfAgent)]
  if (scopes.length === 0) return {}
  return { budgets: Object.fromEntries(scopes.map((scope) => [scope, budgetOf(state, scope)])) }
}

/** The tasks whose outputs are the result. */
export const finalsOf = (state: Execution.Execution): ReadonlyArray<string> => Decision.finalTasks(state.plan)

/** Of one final task its output; of several an object by task. What came to nothing is `null`. */
const resultOf = (
  state: Execution.Execution,
  outputs: ReadonlyMap<string, Schema.Json>
): Pick<View, "output" | "partial"> => {
  const finals = finalsOf(state)
  const output =
    finals.length === 1
      ? (outputs.get(finals[0]!) ?? null)
      : Object.fromEntries(finals.map((id) => [id, outputs.get(id) ?? null]))
  return finals.some((id) => Execution.task(state, id)!.partial) ? { output, partial: true } : { output }
}

/**
 * Of the one task that gives the result, how that stands with the criteria of the crew; only
 * managers judge it.
 */
const criteriaOf = (state: Execution.Execution): Pick<View, "criteria"> => {
  if (state.plan.manager === undefined) return {}
  const [id, ...more] = finalsOf(state)
  const criteria = more.length > 0 ? undefined : Execution.task(state, id!)!.criteria
  return criteria === undefined ? {} : { criteria }
}

/** All tasks in their order: those of the plan, then those that were spawned. */
export const tasksOf = (state: Execution.Execution): ReadonlyArray<Execution.Task> => {
  const planned = state.plan.tasks.map(({ id }) => Execution.task(state, id)!)
  if (HashMap.size(state.tasks) === planned.length) return planned
  const spawned = Array.from(HashMap.values(state.tasks)).filter(({ parent }) => parent !== undefined)
  return [...planned, ...spawned.sort((a, b) => a.place - b.place)]
}

/** All but the tasks. `outputs`: at least those of the final tasks, when it has completed. */
export const head = (state: Execution.Execution, { crewId, outputs }: Parts): Omit<View, "tasks"> => ({
  id: state.id,
  crewName: state.plan.name,
  ...(crewId === undefined ? {} : { crewId }),
  ...(state.retryOf === undefined ? {} : { retryOf: state.retryOf.executionId }),
  ...state.requester,
  status: Execution.statusOf(state),
  ...(state.status === "completed" ? resultOf(state, outputs) : {}),
  ...criteriaOf(state),
  ...(state.error === undefined ? {} : { error: state.error }),
  usage: state.usage,
  ...budgetsOf(state),
  startedAt: state.startedAt,
  ...(state.endedAt === undefined ? {} : { endedAt: state.endedAt }),
  lastSeq: state.lastSeq
})

export const make = (state: Execution.Execution, parts: Parts): View => {
  const tasks: Record<string, TaskView> = {}
  for (const task of tasksOf(state)) tasks[task.plan.id] = ofTask(state, task, parts)
  return { ...head(state, parts), tasks }
}
