/** What the scripts answer about the queue as a whole, for people and for the sweep. */
import type { LaneView, Overview, WorkerInfo, WorkerView } from "@crewline/core/TaskQueue"
import { decode, parseMember, separator } from "./Names.ts"

/** Of `known`: ids and tenants. */
export const executionsOf = (answer: unknown) =>
  ((answer ?? []) as ReadonlyArray<string>).map((entry) => {
    const end = entry.indexOf(separator)
    return { executionId: decode(entry.slice(0, end)), tenant: decode(entry.slice(end + 1)) }
  })

/** Lua's `{}` is an object in JSON. */
const listOf = <A>(list: ReadonlyArray<A> | object): ReadonlyArray<A> =>
  Array.isArray(list) ? (list as ReadonlyArray<A>) : []

/** Of `enlisted`. */
export const infosOf = (answer: unknown): ReadonlyArray<WorkerInfo> =>
  ((answer ?? []) as ReadonlyArray<string>).map((info) => JSON.parse(info) as WorkerInfo)

/** Of `workers`. */
export const workersOf = (answer: unknown): ReadonlyArray<WorkerView> => {
  if (answer === undefined) return []
  const { leases, workers } = JSON.parse(answer as string) as {
    readonly workers: ReadonlyArray<readonly [string, string, number]>
    readonly leases: ReadonlyArray<readonly [string, string]>
  }
  const running = new Map<string, Array<WorkerView["running"][number]>>()
  for (const [worker, member] of listOf(leases)) {
    const list = running.get(worker) ?? []
    running.set(worker, list)
    list.push(parseMember(member))
  }
  return listOf(workers).map(([name, info, silentMillis]) => ({
    ...(JSON.parse(info) as WorkerInfo & Pick<WorkerView, "leaseMillis">),
    silentMillis,
    running: running.get(name) ?? []
  }))
}

/** Of `overview`. */
export const overviewOf = (answer: unknown, limits: { readonly [lane: string]: number }): Overview => {
  if (answer === undefined) return { executions: 0, lanes: [], timed: 0 }
  const { executions, lanes, timed } = JSON.parse(answer as string) as {
    readonly executions: number
    readonly timed: number
    readonly lanes: {
      readonly [lane: string]: { readonly ready: number; readonly leased: number; readonly oldest: number }
    }
  }
  return {
    executions,
    timed,
    lanes: Object.entries(lanes)
      .map(([name, { leased, oldest, ready }]): LaneView => {
        const lane = decode(name)
        const limit = limits[lane]
        return {
          lane,
          ready,
          leased,
          ...(limit === undefined ? {} : { limit }),
          ...(oldest < 0 ? {} : { oldestReadyMillis: oldest })
        }
      })
      .sort((a, b) => (a.lane < b.lane ? -1 : 1))
  }
}
