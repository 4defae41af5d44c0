/**
 * The state of a queue as one tenant may see it: all workers, but only the tenant's own tasks. Not
 * even the number of other tenants' tasks is shown.
 */
import type * as TaskQueue from "@crewline/core/TaskQueue"

export interface Worker {
  readonly name: string
  readonly host?: string
  readonly concurrency: number
  readonly lanes?: { readonly [lane: string]: number }
  readonly startedAt: string
  /**
   * `stuck`: silent for longer than its leases last. It was killed on another machine, or its event
   * loop is blocked; others take over its tasks.
   */
  readonly status: "working" | "draining" | "stuck"
  /** Since it was last heard of, in milliseconds. */
  readonly silentMillis: number
  /** The tasks of the tenant that it works on. */
  readonly running: ReadonlyArray<{ readonly executionId: string; readonly taskId: string; readonly lane: string }>
}

/** Workers by name, as a tenant sees them. */
export const workers = (views: ReadonlyArray<TaskQueue.WorkerView>, tenant: string): ReadonlyArray<Worker> =>
  views
    // A process that only serves takes no tasks.
    .filter(({ concurrency }) => concurrency > 0)
    .map((each): Worker => {
      // Its process id is meaningful only on its machine.
      const { draining, leaseMillis = Infinity, process: _, running, ...view } = each
      return {
        ...view,
        status: view.silentMillis > leaseMillis ? "stuck" : draining ? "draining" : "working",
        running: running
          .filter((task) => task.tenant === tenant)
          .map(({ executionId, lane, taskId }) => ({ executionId, taskId, lane }))
      }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))

/**
 * For how long the one that waits longest has been ready, in milliseconds; absent: nothing is
 * ready.
 */
export const oldestReadyMillis = ({ lanes }: TaskQueue.Overview): number | undefined => {
  const all = lanes.flatMap((lane) => lane.oldestReadyMillis ?? [])
  return all.length === 0 ? undefined : all.reduce((most, one) => Math.max(most, one))
}
