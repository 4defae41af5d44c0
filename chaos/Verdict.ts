/** Checks the log and the notes of the workers against the guarantees at the end. */
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Plan from "@crewline/core/Plan"

/** A call that a worker noted before it made it. */
export interface Call {
  readonly task: string
  readonly run: number
  readonly turn: number
}

const isTerminal = (event: ExecutionEvent.ExecutionEvent): event is ExecutionEvent.Of<Terminal> =>
  ExecutionEvent.isTerminal(event)
type Terminal = "TaskCompleted" | "TaskFailed" | "TaskSkipped" | "TaskCancelled"

/** What went wrong in one execution. */
export const problemsOf = (
  events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
  calls: ReadonlyArray<Call>,
  size: number
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const started = events[0]
  if (started?.type !== "ExecutionStarted") return ["it has no beginning"]
  const plans = new Map<string, Plan.PlannedTask>(started.plan.tasks.map((task) => [task.id, task]))
  const settled = new Set<string>()
  const runs = new Map<string, number>()
  /** The run whose answer to this turn is recorded. */
  const answered = new Map<string, number>()
  events.forEach((event, index) => {
    if (event.seq !== index + 1) found.push(`event ${index + 1} has the number ${event.seq}`)
    if (index > 0 && events[index - 1]!.type === "ExecutionEnded") found.push(`${event.type} after the end`)
    switch (event.type) {
      case "TaskStarted": {
        const before = plans.get(event.taskId)
        if (before === undefined) return void found.push(`${event.taskId} started, and nobody had planned it`)
        if (settled.has(event.taskId)) found.push(`${event.taskId} started after it was settled`)
        for (const id of before.dependencies) if (!settled.has(id)) found.push(`${event.taskId} started before ${id}`)
        if (event.run !== (runs.get(event.taskId) ?? 0) + 1) found.push(`${event.taskId} skipped to run ${event.run}`)
        runs.set(event.taskId, event.run)
        return
      }
      case "TaskSuspended":
        if (runs.get(event.taskId) === event.run) for (const spawned of event.spawn) plans.set(spawned.id, spawned)
        return
      case "TurnCompleted": {
        // Late events of a run that was superseded: every reader ignores them.
        if (runs.get(event.taskId) !== event.run) return
        const key = `${event.taskId} turn ${event.turn}`
        if (answered.has(key)) found.push(`${key} is recorded twice`)
        answered.set(key, event.run)
        return
      }
      default:
        if (!isTerminal(event)) return
        if (settled.has(event.taskId)) found.push(`${event.taskId} is settled twice`)
        if (event.type !== "TaskCompleted") found.push(`${event.taskId}: ${event.type}`)
        settled.add(event.taskId)
    }
  })
  const end = events.at(-1)!
  if (end.type !== "ExecutionEnded") found.push("it did not end")
  else if (end.status !== "completed") found.push(`it ${end.status}: ${end.error?.message}`)
  if (settled.size !== size) found.push(`${settled.size} of ${size} tasks are settled`)
  for (const id of plans.keys()) if (!settled.has(id)) found.push(`${id} is lost`)
  for (const { run, task, turn } of calls) {
    const recorded = answered.get(`${task} turn ${turn}`)
    if (recorded !== undefined && run > recorded) found.push(`${task} asked for turn ${turn} again in run ${run}`)
  }
  return found
}

/** How long each task of a worker was without a worker after its death, in milliseconds. */
export const recoveries = (
  events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
  deaths: ReadonlyMap<string, number>
): ReadonlyArray<number> => {
  const holder = new Map<string, string>()
  const found: Array<number> = []
  for (const event of events) {
    if (event.type === "TaskStarted") {
      const before = holder.get(event.taskId)
      const died = before === undefined ? undefined : deaths.get(before)
      if (died !== undefined) found.push(Math.max(Date.parse(event.at) - died, 0))
      holder.set(event.taskId, event.worker)
    } else if (
      "taskId" in event &&
      (isTerminal(event) || event.type === "TaskSuspended" || event.type === "TaskReleased")
    ) {
      holder.delete(event.taskId)
    }
  }
  return found
}
