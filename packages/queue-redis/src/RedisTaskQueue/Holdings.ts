/** The leases that this process holds, by their number and by their task. */
import type { LostLeases } from "@crewline/core/LostLeases"
import type { Lease } from "@crewline/core/TaskQueue"

/** A lease, and since when it was known to hold. */
export interface Held {
  readonly lease: Lease
  confirmedAt: number
}

export interface Holdings {
  readonly get: (nonce: number) => Held | undefined
  readonly add: (lease: Lease, confirmedAt: number) => void
  readonly remove: (lease: Lease) => void
  /** Removes the lease and tells its worker, if it is still held. */
  readonly lose: (lease: Lease) => void
  readonly leases: () => ReadonlyArray<Lease>
  readonly ofExecution: (executionId: string) => ReadonlyArray<Lease>
  /** More than one when the task was handed out again before the first loss was noticed. */
  readonly ofTask: (executionId: string, taskId: string) => ReadonlyArray<Lease>
}

export const make = (lost: LostLeases): Holdings => {
  const byNonce = new Map<number, Held>()
  const byExecution = new Map<string, Map<string, ReadonlyArray<Lease>>>()
  /** Whether it was there. */
  const remove = (lease: Lease): boolean => {
    if (!byNonce.delete(lease.nonce)) return false
    const tasks = byExecution.get(lease.executionId)!
    const others = tasks.get(lease.taskId)!.filter(({ nonce }) => nonce !== lease.nonce)
    if (others.length > 0) tasks.set(lease.taskId, others)
    else tasks.delete(lease.taskId)
    if (tasks.size === 0) byExecution.delete(lease.executionId)
    return true
  }
  return {
    get: (nonce) => byNonce.get(nonce),
    add: (lease, confirmedAt) => {
      byNonce.set(lease.nonce, { lease, confirmedAt })
      let tasks = byExecution.get(lease.executionId)
      if (tasks === undefined) byExecution.set(lease.executionId, (tasks = new Map()))
      tasks.set(lease.taskId, [...(tasks.get(lease.taskId) ?? []), lease])
    },
    remove,
    lose: (lease) => {
      if (remove(lease)) lost.add(lease)
    },
    leases: () => Array.from(byNonce.values(), ({ lease }) => lease),
    ofExecution: (executionId) => Array.from(byExecution.get(executionId)?.values() ?? []).flat(),
    ofTask: (executionId, taskId) => byExecution.get(executionId)?.get(taskId) ?? []
  }
}
