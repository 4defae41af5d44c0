/** What a queue in process tells about itself. */
import type * as TaskQueue from "../TaskQueue.ts"
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
  readonly limits: TaskQueue.Options["lanes"]
  readonly now: number
  /** Undefined: all of them. */
  readonly tenant: string | undefined
}): TaskQueue.Overview => {
  const { limits = {}, now, tenant } = options
  const executions = [...options.executions.values()].filter((each) => tenant === undefined || each.tenant === tenant)
  const lanes = new Map<string, { ready: number; leased: number; oldest: number | undefined }>()
  const of = (lane: string) => {
    const entry = lanes.get(lane) ?? { ready: 0, leased: 0, oldest: undefined }
    lanes.set(lane, entry)
    return entry
  }
  for (const lane of Object.keys(limits)) of(lane)
  let timed = 0
  for (const { paused, tasks } of executions) {
    for (const { lane, readyAt, state, timer } of tasks.values()) {
      if (timer !== undefined) timed++
      if (state === "leased") of(lane).leased++
      if (state !== "ready" || paused) continue
      const entry = of(lane)
      entry.ready++
      entry.oldest = Math.min(entry.oldest ?? readyAt, readyAt)
    }
  }
  return {
    executions: executions.length,
    timed,
    lanes: Array.from(lanes, ([lane, { leased, oldest, ready }]): TaskQueue.LaneView => ({
      lane,
      ready,
      leased,
      ...(limits[lane] === undefined ? {} : { limit: limits[lane] }),
      ...(oldest === undefined ? {} : { oldestReadyMillis: Math.max(now - oldest, 0) })
    })).sort((a, b) => (a.lane < b.lane ? -1 : 1))
  }
}
