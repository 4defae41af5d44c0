/** What a queue in process tells about itself. */
import type * as TaskQueue from "../TaskQueue.ts"
import type { Counter } from "./Counter.ts"
import type { Execution } from "./Tasks.ts"

type Executions = ReadonlyMap<string, Execution>

export const inspect = (execution: Execution | undefined): TaskQueue.Inspection => {
  if (execution === undefined) return { status: "absent", upTo: 0 }
  const { upTo } = execution
  for (const task of execution.tasks.values()) {
    if (task.state === "ready" && !execution.paused) return { status: "busy", upTo }
    if (task.state === "leased" || task.timer !== undefined) return { status: "busy", upTo }
  }
  return { status: "idle", upTo }
}

/** In process no worker falls silent. */
export const workers = (
  infos: Iterable<TaskQueue.WorkerInfo>,
  executions: Executions
): ReadonlyArray<TaskQueue.WorkerView> => {
  const running = new Map<string, Array<TaskQueue.WorkerView["running"][number]>>()
  for (const execution of executions.values()) {
    for (const { lease } of execution.tasks.values()) {
      if (lease === undefined) continue
      const { executionId, lane, taskId, tenant, worker } = lease
      const list = running.get(worker) ?? []
      running.set(worker, list)
      list.push({ executionId, tenant, taskId, lane })
    }
  }
  return Array.from(infos, (info) => ({ ...info, silentMillis: 0, running: running.get(info.name) ?? [] }))
}

export const overview = (options: {
  readonly executions: Executions
  readonly counter: Counter
  readonly limits: TaskQueue.Options["lanes"]
  readonly now: number
}): TaskQueue.Overview => {
  const { counter, executions, limits = {}, now } = options
  const lanes = new Map<string, { ready: number; oldest: number | undefined }>()
  for (const lane of [...Object.keys(limits), ...counter.leased.keys()])
    lanes.set(lane, { ready: 0, oldest: undefined })
  for (const { lane, readyAt } of counter.ready.all()) {
    const entry = lanes.get(lane) ?? { ready: 0, oldest: undefined }
    lanes.set(lane, { ready: entry.ready + 1, oldest: Math.min(entry.oldest ?? readyAt, readyAt) })
  }
  let timed = 0
  for (const { tasks } of executions.values()) for (const task of tasks.values()) if (task.timer !== undefined) timed++
  return {
    executions: executions.size,
    timed,
    lanes: Array.from(lanes, ([lane, { oldest, ready }]): TaskQueue.LaneView => ({
      lane,
      ready,
      leased: counter.leased.get(lane) ?? 0,
      ...(limits[lane] === undefined ? {} : { limit: limits[lane] }),
      ...(oldest === undefined ? {} : { oldestReadyMillis: Math.max(now - oldest, 0) })
    })).sort((a, b) => (a.lane < b.lane ? -1 : 1))
  }
}
