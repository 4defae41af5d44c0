/**
 * The invariants of the model of waits (`waits/Witness`) for the events that real managed crews
 * write: nothing is written while a task waits, failures are passed to the manager first, advice
 * and feedback are read next, and an output counts only when accepted.
 */
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"

interface Task {
  readonly plan: Plan.PlannedTask
  readonly parent: Task | undefined
  run: number
  status: "open" | "running" | "suspended" | "over"
  turns: number
  /** Verdicts of the manager in this conversation, by turn. */
  readonly verdicts: Map<number, ExecutionEvent.ReviewJudged["verdict"]>
  /** The last answer, and the last one that the manager has sent back. */
  answer: string
  sentBack: string | undefined
  recoveries: number
  /** The required beginning of the next turn. */
  readonly due: Set<string>
  isAdvised: boolean
  /** Its output is that of another task. */
  isStoodIn: boolean
}

/** The violation in the events of one execution, as a message; `undefined`: none. */
export const problem = (plan: Plan.Plan, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): string | undefined => {
  const tasks = new Map<string, Task>()
  for (const each of plan.tasks) tasks.set(each.id, made(each, undefined))
  for (const event of events) {
    // Messages and answers of people belong to no task.
    if (!("taskId" in event) || event.type === "MessageSent" || event.type === "AskAnswered") continue
    const task = tasks.get(event.taskId)!
    const isStale = "run" in event && event.run !== undefined && event.run !== task.run && event.type !== "TaskStarted"
    if (isStale) continue
    const found = problemOf(plan, tasks, task, event)
    if (found !== undefined) return `${found}: ${JSON.stringify(event).slice(0, 300)}`
    if (event.type !== "TaskSuspended") continue
    for (const each of event.spawn) if (!tasks.has(each.id)) tasks.set(each.id, made(each, task))
  }
  return undefined
}

const made = (plan: Plan.PlannedTask, parent: Task | undefined): Task => ({
  plan,
  parent,
  run: 0,
  status: "open",
  turns: 0,
  verdicts: new Map(),
  answer: "",
  sentBack: undefined,
  recoveries: 0,
  due: new Set(),
  isAdvised: false,
  isStoodIn: plan.frame !== undefined
})

/** The work of the crew. */
const isWork = ({ parent, plan }: Task): boolean =>
  plan.office === undefined && plan.frame === undefined && (parent === undefined || parent.plan.frame !== undefined)

type TaskEvent = Exclude<
  Extract<ExecutionEvent.ExecutionEvent, { readonly taskId: string }>,
  { readonly type: "AskAnswered" | "MessageSent" }
>

const problemOf = (
  plan: Plan.Plan,
  tasks: ReadonlyMap<string, Task>,
  task: Task,
  event: TaskEvent
): string | undefined => {
  if (event.type === "TaskStarted") {
    if (event.run !== task.run + 1) return "a run that is not the next"
    task.run = event.run
    task.status = "running"
    return undefined
  }
  if ("run" in event && event.run !== undefined && task.status !== "running") return "written while it waits"
  switch (event.type) {
    case "TurnCompleted":
      return turned(task, event)
    case "ToolStarted":
      return task.isAdvised ? "a call before the advice" : undefined
    case "ToolCalled":
      return task.isAdvised && !event.isFailure ? "a call before the advice" : undefined
    case "ReviewJudged":
      if (event.reviewer !== "manager") return undefined
      if (task.verdicts.has(event.turn)) return "a second verdict"
      task.verdicts.set(event.turn, event.verdict)
      // Also if it was sent back too often: an agent that may continue must not return it
      // unchanged.
      if (event.verdict !== "accept") task.sentBack = task.answer
      if (event.verdict === "revise") task.due.add(event.feedback ?? "")
      return undefined
    case "TaskSuspended":
      return suspended(plan, task, event)
    case "TaskReleased":
      task.status = "open"
      return undefined
    case "TaskRetried":
      retried(task, event)
      return undefined
    case "TaskSkipped":
      if (event.because !== undefined && tasks.get(event.because)!.status !== "over" && event.reason !== "condition")
        return "skipped before its dependency has failed"
      task.status = "over"
      return undefined
    case "TaskCompleted":
    case "TaskFailed":
    case "TaskCancelled":
      return ended(plan, task, event)
  }
  return undefined
}

const turned = (task: Task, event: ExecutionEvent.TurnCompleted): string | undefined => {
  const said = JSON.stringify(event.messages)
  const lost = [...task.due].find((text) => !said.includes(JSON.stringify(text).slice(1, -1)))
  if (lost !== undefined) return `"${lost}" was not read`
  task.due.clear()
  task.isAdvised = false
  task.turns++
  task.answer = event.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")
  return undefined
}

const suspended = ({ manager }: Plan.Plan, task: Task, event: ExecutionEvent.TaskSuspended): string | undefined => {
  const { kind, reviewer } = event.for
  task.status = "suspended"
  if (task.isAdvised && task.turns > 0 && (kind === "calls" || kind === "review")) return "a wait before the advice"
  if (kind === "review" && reviewer === "manager" && task.answer === task.sentBack)
    return "a review of what was sent back"
  if (kind === "replacement") task.isStoodIn = true
  if (kind !== "recovery") return undefined
  task.recoveries++
  if (!isWork(task) || manager?.recover !== true || task.recoveries > manager.maxRecoveries)
    return "recovery that is not the manager's"
  return undefined
}

const retried = (task: Task, { advice, keepsTurns }: ExecutionEvent.TaskRetried): void => {
  task.status = "open"
  task.isStoodIn = task.plan.frame !== undefined
  if (!keepsTurns) {
    task.turns = 0
    task.sentBack = undefined
    task.verdicts.clear()
    task.due.clear()
  }
  if (advice === undefined) return
  task.due.add(advice)
  task.isAdvised = true
}

const ended = (
  { manager }: Plan.Plan,
  task: Task,
  event: ExecutionEvent.TaskCompleted | ExecutionEvent.TaskFailed | ExecutionEvent.TaskCancelled
): string | undefined => {
  if (task.status === "over") return "a second end"
  task.status = "over"
  if (event.type === "TaskCompleted") {
    const isReviewed = task.plan.reviewed === true && !task.isStoodIn && event.partial !== true
    return isReviewed && task.verdicts.get(task.turns) !== "accept" ? "an output that was not accepted" : undefined
  }
  if (event.type === "TaskCancelled" || event.policy !== undefined || manager?.recover !== true) return undefined
  // When the limit of the execution is used up, no model is asked.
  const isSpent = event.error.code === "model-budget-exceeded"
  const isAsked = isWork(task) && task.recoveries < manager.maxRecoveries && !isSpent
  return isAsked ? "a failure that did not come before the manager" : undefined
}
