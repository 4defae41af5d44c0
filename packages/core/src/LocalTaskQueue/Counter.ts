/**
 * Hands out ready tasks: keeps the ready tasks, the waiting workers, and the number of leased tasks
 * per lane.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as TaskQueue from "../TaskQueue.ts"
import { quota, ReadyTasks } from "./ReadyTasks.ts"
import type { Task } from "./Tasks.ts"

type Leases = NonEmptyReadonlyArray<TaskQueue.Lease>

interface Wish {
  readonly worker: string
  readonly limit: number
  readonly lanes?: { readonly [lane: string]: number } | undefined
}

interface Taker {
  readonly wish: Wish
  readonly give: (leases: Leases) => void
}

export class Counter {
  readonly ready = new ReadyTasks<Task>()
  /** Leases by lane, of lanes that have any. */
  readonly leased = new Map<string, number>()
  private readonly takers: Array<Taker> = []
  private readonly limits: { readonly [lane: string]: number }
  private nonce = 0

  constructor(limits: { readonly [lane: string]: number } | undefined) {
    this.limits = limits ?? {}
  }

  /** Waits until there is something for this wish. */
  take(wish: Wish): Effect.Effect<Leases> {
    return Effect.callback((resume) => {
      // Workers that are already waiting cannot take any of the ready tasks.
      const leases = this.claim(wish)
      if (leases !== undefined) return resume(Effect.succeed(leases))
      const taker: Taker = { wish, give: (leases) => resume(Effect.succeed(leases)) }
      this.takers.push(taker)
      return Effect.sync(() => {
        const at = this.takers.indexOf(taker)
        if (at >= 0) this.takers.splice(at, 1)
      })
    })
  }

  /** Hands ready tasks to waiting workers. */
  serve(): void {
    for (let at = 0; at < this.takers.length;) {
      const leases = this.claim(this.takers[at]!.wish)
      if (leases === undefined) at++
      else this.takers.splice(at, 1)[0]!.give(leases)
    }
  }

  /** Hands out a task that is not ready yet, if its lane has room and nothing is ready. */
  anticipate(task: Task, worker: string): TaskQueue.Lease | undefined {
    return this.ready.isEmpty && this.hasRoom(task.lane) ? this.lease(task, worker) : undefined
  }

  /** The lease has ended. */
  unlease(task: Task): void {
    if (task.lease === undefined) return
    task.lease = undefined
    const left = this.leased.get(task.lane)! - 1
    if (left > 0) this.leased.set(task.lane, left)
    else this.leased.delete(task.lane)
  }

  /** No worker is served any more. */
  close(): void {
    this.takers.length = 0
  }

  private claim({ lanes, limit, worker }: Wish): Leases | undefined {
    const leases: Array<TaskQueue.Lease> = []
    const own = quota(lanes)
    const mayTake = (lane: string) => own.has(lane) && this.hasRoom(lane)
    while (leases.length < limit) {
      const task = this.ready.next(mayTake)
      if (task === undefined) break
      own.take(task.lane)
      leases.push(this.lease(task, worker))
    }
    return leases.length > 0 ? (leases as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]) : undefined
  }

  private hasRoom(lane: string): boolean {
    return (this.leased.get(lane) ?? 0) < (this.limits[lane] ?? Number.POSITIVE_INFINITY)
  }

  private lease(task: Task, worker: string): TaskQueue.Lease {
    this.leased.set(task.lane, (this.leased.get(task.lane) ?? 0) + 1)
    task.state = "leased"
    task.lease = {
      executionId: task.execution.id,
      tenant: task.tenant,
      taskId: task.id,
      lane: task.lane,
      worker,
      nonce: this.nonce++,
      timedOut: task.timedOut
    }
    return task.lease
  }
}
