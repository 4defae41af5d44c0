/** Several queues as one: an execution is always in the same one, and a worker takes from all. */
import * as TaskQueue from "@crewline/core/TaskQueue"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Bucket } from "./Bucket.ts"
import type { Wish } from "./Operations.ts"

type Queue = Bucket["queue"]

/** FNV-1a, 32 bits: the same bucket in every process. Source: Fowler, Noll, Vo, "FNV Hash". */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** What is left of a worker's lanes when it has these. */
const lanesLeft = (lanes: Wish["lanes"], leases: ReadonlyArray<TaskQueue.Lease>): Wish["lanes"] => {
  if (lanes === undefined) return undefined
  const left: Record<string, number> = { ...lanes }
  for (const { lane } of leases) {
    const name = Object.hasOwn(left, lane) ? lane : TaskQueue.defaultLane
    left[name] = (left[name] ?? 0) - 1
  }
  return left
}

export const combine = (buckets: ReadonlyArray<Bucket>): Queue => {
  const [only] = buckets
  if (buckets.length === 1) return only!.queue
  const queues = buckets.map(({ queue }) => queue)
  const of = (executionId: string) => queues[hashOf(executionId) % queues.length]!
  const everywhere = <A>(ask: (queue: Queue) => Effect.Effect<A>) =>
    Effect.forEach(queues, ask, { concurrency: "unbounded" })
  let turn = 0

  /** Fills up from one bucket after the other, beginning with another each time. */
  const fill = Effect.fnUntraced(function* (wish: Wish, has: ReadonlyArray<TaskQueue.Lease>) {
    const leases = [...has]
    const first = turn++
    for (let at = 0; at < buckets.length && leases.length < wish.limit; at++) {
      const { poll } = buckets[(first + at) % buckets.length]!
      const lanes = lanesLeft(wish.lanes, leases)
      for (const lease of yield* poll({ worker: wish.worker, limit: wish.limit - leases.length, lanes }))
        leases.push(lease)
    }
    return leases
  })

  /** Nothing anywhere: waits in every line, and leaves the others when one gives. */
  const first = (wish: Wish) =>
    Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
      const leaves = buckets.map(({ wait }, at) =>
        wait(wish, (leases) => {
          leaves.forEach((leave, other) => other !== at && leave(() => {}))
          resume(Effect.succeed(leases))
        })
      )
      return Effect.forEach(leaves, (leave) => Effect.callback<void>((left) => leave(() => left(Effect.void))), {
        concurrency: "unbounded",
        discard: true
      })
    })

  return {
    isShared: true,
    submit: (facts) => of(facts.executionId).submit(facts),
    tell: (executionId, news) => of(executionId).tell(executionId, news),
    take: ({ lanes, limit, worker }) =>
      // What was claimed is handed over, whoever interrupts.
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const wish = { worker, limit, lanes }
          const found = yield* fill(wish, [])
          if (found.length > 0) return found as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]
          const woken = yield* restore(first({ ...wish, limit: 1 }))
          return (yield* fill(wish, woken)) as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]
        })
      ),
    holds: (lease) => of(lease.executionId).holds(lease),
    suspend: (lease, suspension) => of(lease.executionId).suspend(lease, suspension),
    release: (lease, delayMillis) => of(lease.executionId).release(lease, delayMillis),
    // They share one list of what is lost.
    lost: (worker) => queues[0]!.lost(worker),
    forget: (executionId) => of(executionId).forget(executionId),
    inspect: (executionId) => of(executionId).inspect(executionId),
    known: (page) =>
      Effect.map(
        everywhere((queue) => queue.known(page)),
        (pages) =>
          pages
            .flat()
            .sort((a, b) => (a.executionId < b.executionId ? -1 : 1))
            .slice(0, page.limit)
      ),
    enlist: (info) => Effect.asVoid(everywhere((queue) => queue.enlist(info))),
    dismiss: (worker) => Effect.asVoid(everywhere((queue) => queue.dismiss(worker))),
    // Each worker presents itself to all of them.
    enlisted: queues[0]!.enlisted,
    workers: Effect.map(
      everywhere((queue) => queue.workers),
      (views) => {
        const workers = new Map<string, TaskQueue.WorkerView>()
        for (const view of views.flat()) {
          const known = workers.get(view.name)
          workers.set(view.name, {
            ...view,
            silentMillis: Math.min(known?.silentMillis ?? view.silentMillis, view.silentMillis),
            running: [...(known?.running ?? []), ...view.running]
          })
        }
        return [...workers.values()]
      }
    ),
    overview: (tenant) =>
      Effect.map(
        everywhere((queue) => queue.overview(tenant)),
        (views): TaskQueue.Overview => {
          const lanes = new Map<string, TaskQueue.LaneView>()
          for (const view of views.flatMap((each) => each.lanes)) {
            const known = lanes.get(view.lane)
            const oldest = Math.max(known?.oldestReadyMillis ?? -1, view.oldestReadyMillis ?? -1)
            lanes.set(view.lane, {
              ...view,
              ready: (known?.ready ?? 0) + view.ready,
              leased: (known?.leased ?? 0) + view.leased,
              // Each bucket has the limit for itself.
              ...(view.limit === undefined ? {} : { limit: view.limit * queues.length }),
              ...(oldest < 0 ? {} : { oldestReadyMillis: oldest })
            })
          }
          return {
            executions: views.reduce((sum, view) => sum + view.executions, 0),
            timed: views.reduce((sum, view) => sum + view.timed, 0),
            lanes: [...lanes.values()].sort((a, b) => (a.lane < b.lane ? -1 : 1))
          }
        }
      )
  }
}
