/** The operations of a step, as `Lua/operations` takes them. */
import type { Lease, News, Suspension } from "@crewline/core/TaskQueue"
import { encode, parseMember } from "./Names.ts"
import { nodesOf } from "./Staging.ts"

/** A name and arguments. `index` gives the place of an execution among the step's keys. */
export type Operation = (index: (executionId: string) => number) => ReadonlyArray<unknown>

/** Settled tasks: all that a step has of one execution become one operation. */
export interface Settled {
  readonly executionId: string
  readonly settled: ReadonlyArray<string>
}

/** How many tasks a worker has room for. */
export interface Wish {
  readonly worker: string
  readonly limit: number
  readonly lanes: { readonly [lane: string]: number } | undefined
}

/** Tasks that are handed out in one step, at most. */
export const maxBatch = 1_000

export const claim = ({ lanes, limit, worker }: Wish): Operation => {
  const quota =
    lanes === undefined ? false : Object.fromEntries(Object.entries(lanes).map(([lane, free]) => [encode(lane), free]))
  return () => ["claim", encode(worker), Math.min(limit, maxBatch), quota]
}

/**
 * What a claim answers: the number of the first lease and the members; of those that timed out,
 * which run it was.
 */
export const claimed = (result: unknown, worker: string): ReadonlyArray<Lease> => {
  if (!Array.isArray(result) || result.length === 0) return []
  const [first, members, timedOut] = result as [string, ReadonlyArray<string>, { readonly [place: string]: string }?]
  const nonce = Number(first)
  return members.map((member, index) => {
    const run = timedOut?.[index + 1]
    return {
      ...parseMember(member),
      worker,
      nonce: nonce + index,
      timedOut: run === undefined ? undefined : Number(run)
    }
  })
}

export const release =
  (lease: Lease, delayMillis: number): Operation =>
  (index) => ["release", index(lease.executionId), encode(lease.taskId), String(lease.nonce), delayMillis]

export const suspend =
  (lease: Lease, { run, spawn, waits }: Suspension): Operation =>
  (index) => [
    "suspend",
    index(lease.executionId),
    encode(lease.taskId),
    String(lease.nonce),
    {
      run,
      mode: waits.mode,
      tasks: waits.tasks.map(encode),
      signals: waits.signals.map(encode),
      timeout: waits.timeoutMillis ?? -1,
      nodes: nodesOf(spawn)
    }
  ]

export const tell = (executionId: string, news: News): Operation | Settled => {
  if (news.settled !== undefined && Object.keys(news).length === 1) return { executionId, settled: news.settled }
  return (index) => [
    "tell",
    index(executionId),
    {
      ...(news.nodes === undefined ? {} : { nodes: nodesOf(news.nodes) }),
      ...(news.settled === undefined ? {} : { settled: news.settled.map(encode) }),
      ...(news.signals === undefined ? {} : { signals: news.signals.map(encode) }),
      ...(news.pause === undefined ? {} : { pause: [news.pause.paused, news.pause.seq] }),
      ...(news.upTo === undefined ? {} : { upTo: news.upTo })
    }
  ]
}

export const beat =
  (leases: ReadonlyArray<Lease>): Operation =>
  (index) => [
    "beat",
    leases.map(({ executionId, nonce, taskId }) => [index(executionId), encode(taskId), String(nonce)])
  ]

export const forget =
  (executionId: string): Operation =>
  (index) => ["forget", index(executionId)]

export const inspect =
  (executionId: string): Operation =>
  (index) => ["inspect", index(executionId)]

export const enlist =
  (worker: string, info: string): Operation =>
  () => ["enlist", encode(worker), info]

export const dismiss =
  (worker: string): Operation =>
  () => ["dismiss", encode(worker)]

export const heard =
  (worker: string): Operation =>
  () => ["heard", encode(worker)]
