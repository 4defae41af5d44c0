/** How many more tasks of each lane a worker may take. */
import * as TaskQueue from "../TaskQueue.ts"

export interface WorkerLanes {
  /** What the queue is asked for; absent: any. */
  readonly room: () => { readonly [lane: string]: number } | undefined
  /** True when some lane is full: what is asked for now will be too little once there is room in it. */
  readonly isTight: () => boolean
  readonly begin: (lane: string) => void
  readonly end: (lane: string) => void
}

/** The limits of a worker. `default` stands for all lanes that are not named; where it is absent, only `concurrency` limits those. */
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
