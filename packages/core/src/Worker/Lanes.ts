/** How many more tasks of each lane a worker may take. */
import * as TaskQueue from "../TaskQueue.ts"

export interface WorkerLanes {
  /** What the queue is asked for; absent: any. */
  readonly room: () => { readonly [lane: string]: number } | undefined
  /** True if some lane is full: the current claim will be too small once that lane has room. */
  readonly isTight: () => boolean
  readonly begin: (lane: string) => void
  readonly end: (lane: string) => void
}

/**
 * The limits of a worker. `default` covers all lanes that are not named; if absent, only
 * `concurrency` limits those.
 */
export const make = (limits: { readonly [lane: string]: number } | undefined, concurrency: number): WorkerLanes => {
  if (limits === undefined) return { room: () => undefined, isTight: () => false, begin: () => {}, end: () => {} }
  const left = new Map(Object.entries({ [TaskQueue.defaultLane]: concurrency, ...limits }))
  const change = (lane: string, by: number) => {
    const name = left.has(lane) ? lane : TaskQueue.defaultLane
    left.set(name, left.get(name)! + by)
  }
  return {
    room: () => Object.fromEntries(left),
    isTight: () => [...left.values()].some((count) => count <= 0),
    begin: (lane) => change(lane, -1),
    end: (lane) => change(lane, 1)
  }
}
