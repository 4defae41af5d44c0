/**
 * Tasks that end, and the consequences: for their spawned tasks, their dependents, and finally the
 * execution.
 */
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"
import * as Execution from "../Execution.ts"
import * as ExecutionEvent from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"
import * as Usage from "../Usage.ts"
import type { Decided } from "./Command.ts"
import * as Reach from "./Reach.ts"

type Terminal =
  | ExecutionEvent.TaskCompleted
  | ExecutionEvent.TaskFailed
  | ExecutionEvent.TaskSkipped
  | ExecutionEvent.TaskCancelled

/**
 * What the end of a task, or of an attempt, closes: its asks and timers, which are no longer
 * needed.
 */
export const closing = ({ open }: Execution.Task): ExecutionEvent.Closing =>
  open.length === 0 ? none : { closes: open }

const none = {}

const policies = { fail: "abort", skip: "skip", continue: "continue" } as const

/** These tasks are cancelled. */
export const cancel = (
  state: Execution.Execution,
  ids: Iterable<string>,
  reason: ExecutionEvent.TaskCancelled["reason"]
): ReadonlyArray<ExecutionEvent.TaskCancelled> =>
  Array.from(ids, (taskId) => ({
    type: "TaskCancelled",
    taskId,
    reason,
    ...closing(Execution.task(state, taskId)!)
  }))

/** A terminal event with all that follows from it. */
export const settle = (
  state: Execution.Execution,
  task: Execution.Task,
  event: Terminal,
  progress: ReadonlyArray<ExecutionEvent.Draft> = []
): Decided => {
  const drafts: Array<ExecutionEvent.Draft> = [...progress, { ...event, ...closing(task) }]
  const gone = new Set<string>([event.taskId])
  const usage = progress.reduce(
    (sum, draft) => ("usage" in draft && draft.usage !== undefined ? Usage.add(sum, draft.usage) : sum),
    state.usage
  )
  // A task that ends also ends what it spawned.
  const descendants = Reach.spawnedBy(state, event.taskId)
  for (const descendant of descendants) gone.add(descendant)
  for (const draft of cancel(state, descendants, "parent-ended")) drafts.push(draft)
  const policy = event.type === "TaskFailed" ? (event.policy ?? policies[task.plan.onFailure]) : "continue"
  if (event.type === "TaskFailed" && policy !== "continue") {
    // The failure of a spawned task is its parent's business: only the siblings that depend on it
    // are skipped.
    if (policy === "abort" && task.parent === undefined) {
      return Result.succeed([
        ...drafts,
        ...abort(state, {
          status: "failed",
          reason: "execution-failed",
          usage,
          except: gone,
          error: { ...event.error, taskId: event.taskId }
        })
      ])
    }
    for (const id of Reach.dependentsOf(state, event.taskId)) {
      gone.add(id)
      const skipped = Execution.task(state, id)!
      drafts.push({
        type: "TaskSkipped",
        taskId: id,
        reason: "dependency-failed",
        because: event.taskId,
        ...closing(skipped)
      })
    }
  }
  if (state.unsettled === gone.size) drafts.push(end(state, drafts, usage))
  return Result.succeed(drafts)
}

/**
 * The end of an execution whose tasks are all settled: it has a result when one of its final tasks
 * has, and when nothing failed (every final task was skipped by its condition). Otherwise the first
 * failure, in declared order, is why it has none.
 */
export const end = (
  state: Execution.Execution,
  drafts: ReadonlyArray<ExecutionEvent.Draft>,
  usage: Usage.Usage
): ExecutionEvent.ExecutionEnded => {
  const news = new Map<string, Terminal>()
  for (const draft of drafts)
    if (ExecutionEvent.isTerminal(draft)) news.set((draft as Terminal).taskId, draft as Terminal)
  const hasResult = finalTasks(state.plan).some((id) =>
    news.has(id) ? news.get(id)!.type === "TaskCompleted" : Execution.task(state, id)!.status === "completed"
  )
  if (!hasResult) {
    for (const { id } of state.plan.tasks) {
      const event = news.get(id)
      const { failure, status } = Execution.task(state, id)!
      const error = event?.type === "TaskFailed" ? event.error : status === "failed" ? failure : undefined
      if (error !== undefined)
        return { type: "ExecutionEnded", status: "failed", error: { ...error, taskId: id }, usage, ...shared(state) }
    }
  }
  return { type: "ExecutionEnded", status: "completed", usage, ...shared(state) }
}

/** Asks that are no task's own are open until the end. */
const shared = ({ open }: Execution.Execution): ExecutionEvent.Closing => {
  if (HashMap.isEmpty(open)) return none
  const closes = [...HashMap.entries(open)].flatMap(([id, { kind }]) => (kind === "budget" ? [id] : []))
  return closes.length === 0 ? none : { closes }
}

/** Cancels whatever is open, and ends the execution. */
export const abort = (
  state: Execution.Execution,
  options: {
    readonly status: Exclude<ExecutionEvent.Ending, "completed">
    readonly reason: ExecutionEvent.TaskCancelled["reason"]
    readonly usage: Usage.Usage
    readonly except: ReadonlySet<string> | undefined
    readonly error?: ExecutionEvent.ExecutionFailure
  }
): ReadonlyArray<ExecutionEvent.Draft> => {
  const open = Reach.inOrder(state).filter(
    (id) => options.except?.has(id) !== true && !Execution.isSettled(Execution.task(state, id)!)
  )
  return [
    ...cancel(state, open, options.reason),
    {
      type: "ExecutionEnded",
      status: options.status,
      usage: options.usage,
      ...(options.error === undefined ? {} : { error: options.error }),
      ...shared(state)
    }
  ]
}

/** Tasks of a plan that no other task depends on: their outputs are the result. */
export const finalTasks = (plan: Plan.Plan): ReadonlyArray<string> => Dag.sinks(Reach.graphOf(plan))
