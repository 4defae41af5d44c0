/**
 * What a queue learns about an execution: tasks, their lanes and depths, and the facts of a state,
 * complete or as news. Derived from the log's fold alone, so every queue gets the same facts.
 */
import * as HashMap from "effect/HashMap"
import * as Execution from "./Execution.ts"
import type * as Plan from "./Plan.ts"
import { followingOf } from "./QueueFacts/Depths.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as Wait from "./Wait.ts"

export { depthsOf } from "./QueueFacts/Depths.ts"

/**
 * Tasks that one has spawned, as a queue needs them: as near to the end as their parent, and
 * further by their own way.
 */
export const spawnedNodes = (
  state: Execution.Execution,
  parent: string,
  tasks: ReadonlyArray<Plan.PlannedTask>
): ReadonlyArray<TaskQueue.Node> => {
  if (tasks.length === 0) return []
  const following = followingOf(state)(parent)
  return tasks.map((task) => ({ ...nodeOf(state.plan, task), following }))
}

/** The lane of a task: the provider of the model that is asked first. */
export const laneOf = (plan: Plan.Plan, task: Plan.PlannedTask): string => {
  const model = plan.agents[task.agent]?.model
  const first = typeof model === "string" ? model : model?.[0]
  return first === undefined
    ? TaskQueue.defaultLane
    : first.slice(0, Math.max(first.indexOf("/"), 0)) || TaskQueue.defaultLane
}

/** A task as a queue needs it. */
export const nodeOf = (plan: Plan.Plan, task: Plan.PlannedTask): TaskQueue.Node => ({
  id: task.id,
  dependencies: task.dependencies,
  lane: laneOf(plan, task)
})

/**
 * What a queue is told of a wait: what is still open, and whether it may wake the task at any of
 * it. It may do so too early, because it knows no groups; then the task is suspended again with
 * what is open by then. A wait that is satisfied has no time limit.
 */
export const waitsOf = (state: Execution.Execution, waits: Wait.Waits): TaskQueue.Waits => {
  const standings = Execution.standings(state)
  if (Wait.isSatisfied(waits, standings)) return { tasks: [], signals: [], mode: "all" }
  const { groups, signals, tasks } = Wait.openOf(waits, standings)
  const { timeoutMillis } = waits
  return {
    tasks,
    signals,
    mode: groups.every(({ need, timer }) => need === "all" && timer === undefined) ? "all" : "any",
    ...(timeoutMillis === undefined ? {} : { timeoutMillis })
  }
}

/**
 * What has come of that which may be waited for, besides tasks: signals, asks that were answered or
 * closed, timers.
 */
const arrivalsOf = (state: Execution.Execution): ReadonlyArray<string> => [
  ...state.signals,
  ...HashMap.keys(state.closed)
]

/** All facts of a state, as news for a queue that already knows the execution. */
export const newsOf = (state: Execution.Execution): TaskQueue.News => {
  const { nodes, paused, settled, signals, upTo } = factsOf(state, { tenant: "", now: 0 })
  return { nodes, settled, signals, pause: { paused, seq: upTo }, upTo }
}

/**
 * The facts of a state. `now` is the time in milliseconds since the epoch, by the clock that delays
 * are measured with.
 */
export const factsOf = (
  state: Execution.Execution,
  options: { readonly tenant: string; readonly now: number }
): TaskQueue.Facts => {
  const nodes: Array<TaskQueue.Node> = []
  const settled: Array<string> = []
  const suspended: Array<TaskQueue.Facts["suspended"][number]> = []
  const delayed: Array<TaskQueue.Facts["delayed"][number]> = []
  for (const planned of state.plan.tasks) nodes.push(nodeOf(state.plan, planned))
  const following = followingOf(state)
  for (const task of HashMap.values(state.tasks)) {
    const { id } = task.plan
    if (task.parent !== undefined) nodes.push({ ...nodeOf(state.plan, task.plan), following: following(task.parent) })
    if (Execution.isSettled(task)) settled.push(id)
    else if (task.status === "suspended") {
      const total = task.waits!.timeoutMillis
      suspended.push({
        id,
        run: task.run,
        waits: waitsOf(state, task.waits!),
        remainingMillis:
          total === undefined || Execution.isSatisfied(state, task.waits!)
            ? undefined
            : remaining(task.suspendedAt!, total, options.now)
      })
    } else if (task.retryAt !== undefined) {
      delayed.push({ id, millis: remaining(task.retryAt, 0, options.now, task.retryDelayMillis) })
    }
  }
  return {
    executionId: state.id,
    tenant: options.tenant,
    priority: state.priority,
    upTo: state.lastSeq,
    nodes,
    settled,
    suspended,
    delayed,
    signals: arrivalsOf(state),
    paused: state.paused
  }
}

// Never more than the whole delay, whatever the two clocks say of each other.
const remaining = (from: string, millis: number, now: number, maxMillis = millis): number =>
  Math.min(Math.max(Date.parse(from) + millis - now, 0), maxMillis)
