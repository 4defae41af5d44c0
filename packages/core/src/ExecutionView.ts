/** The state of an execution as people and programs see it. */
import * as HashMap from "effect/HashMap"
import type * as Schema from "effect/Schema"
import * as Decision from "./Decision.ts"
import * as Execution from "./Execution.ts"
import type * as ExecutionEvent from "./ExecutionEvent.ts"
import type { Usage } from "./Usage.ts"

export interface TaskView {
  readonly status: "pending" | "running" | "waiting" | "retrying" | "completed" | "failed" | "skipped" | "cancelled"
  /** Attempts begun. */
  readonly attempts: number
  readonly agent: string
  readonly output?: Schema.Json
  readonly outputFile?: string
  /** True: the outcome was taken over from the execution that this one retries, and cost nothing here. */
  readonly reused?: true
  /** Why it was skipped. */
  readonly skipped?: Pick<ExecutionEvent.TaskSkipped, "reason" | "because">
  readonly error?: ExecutionEvent.Failure
  readonly usage: Usage
  readonly startedAt?: string
  readonly endedAt?: string
}

/** The state of an execution for people and for the API. */
export interface View {
  readonly id: string
  readonly crewName: string
  readonly crewId?: string
  /** The execution that this one retries. */
  readonly retryOf?: string
  readonly status: Execution.Status
  readonly tasks: { readonly [task: string]: TaskView }
  readonly output?: Schema.Json
  readonly error?: ExecutionEvent.Failure & { readonly taskId?: string }
  readonly usage: Usage
  readonly startedAt: string
  readonly endedAt?: string
  readonly lastSeq: number
}

const statusOf = (task: Execution.Task): TaskView["status"] => {
  switch (task.status) {
    case "open":
      return task.retryAt === undefined ? "pending" : "retrying"
    case "suspended":
      return "waiting"
    default:
      return task.status
  }
}

const taskView = (task: Execution.Task, output: Schema.Json | undefined): TaskView => ({
  status: statusOf(task),
  attempts: task.attempts,
  agent: task.plan.agent,
  ...(output === undefined ? {} : { output }),
  ...(task.outputFile === undefined ? {} : { outputFile: task.outputFile }),
  ...(task.status === "completed" && task.run === 0 ? { reused: true } : {}),
  ...(task.skipped === undefined ? {} : { skipped: task.skipped }),
  ...(task.failure === undefined || task.status === "completed" ? {} : { error: task.failure }),
  usage: task.usage,
  ...(task.startedAt === undefined ? {} : { startedAt: task.startedAt }),
  ...(task.endedAt === undefined ? {} : { endedAt: task.endedAt })
})

/** The tasks whose outputs are the result. */
export const finalsOf = (state: Execution.Execution): ReadonlyArray<string> => Decision.finalTasks(state.plan)

/** Of one final task its output; of several an object by task. What came to nothing is `null`. */
export const resultOf = (state: Execution.Execution, outputs: ReadonlyMap<string, Schema.Json>): Schema.Json => {
  const finals = finalsOf(state)
  return finals.length === 1
    ? (outputs.get(finals[0]!) ?? null)
    : Object.fromEntries(finals.map((id) => [id, outputs.get(id) ?? null]))
}

export const make = (
  state: Execution.Execution,
  outputs: ReadonlyMap<string, Schema.Json>,
  crewId: string | undefined
): View => {
  const tasks: Record<string, TaskView> = {}
  for (const { id } of state.plan.tasks) tasks[id] = taskView(Execution.task(state, id)!, outputs.get(id))
  if (HashMap.size(state.tasks) > state.plan.tasks.length) {
    for (const task of HashMap.values(state.tasks)) tasks[task.plan.id] ??= taskView(task, outputs.get(task.plan.id))
  }
  return {
    id: state.id,
    crewName: state.plan.name,
    ...(crewId === undefined ? {} : { crewId }),
    ...(state.retryOf === undefined ? {} : { retryOf: state.retryOf.executionId }),
    status: Execution.statusOf(state),
    tasks,
    ...(state.status === "completed" ? { output: resultOf(state, outputs) } : {}),
    ...(state.error === undefined ? {} : { error: state.error }),
    usage: state.usage,
    startedAt: state.startedAt,
    ...(state.endedAt === undefined ? {} : { endedAt: state.endedAt }),
    lastSeq: state.lastSeq
  }
}
