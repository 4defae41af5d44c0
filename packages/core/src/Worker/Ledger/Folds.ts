/**
 * The executions that are known here. Ended executions are not kept, and only a limited number of
 * executions without work in this process, the most recently used ones.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import type * as Execution from "../../Execution.ts"
import type { ExecutionEvent } from "../../ExecutionEvent.ts"
import { Entry } from "./Entry.ts"

type Listener = (executionId: string) => void

export class Folds {
  private readonly maxTasks: number
  /** Those that were used last come last. */
  private readonly entries = new Map<string, Entry>()
  private totalTasks = 0
  private readonly holdCounts = new Map<string, number>()
  private readonly forgetOnRelease = new Set<string>()
  private readonly listeners = new Set<Listener>()

  constructor(maxTasks: number) {
    this.maxTasks = maxTasks
  }

  get size(): number {
    return this.entries.size
  }

  seen(executionId: string): Execution.Execution | undefined {
    return this.entries.get(executionId)?.state
  }

  entryOf(id: string, tenant: string): Entry {
    const { entries } = this
    const known = entries.get(id)
    if (known?.tenant === tenant) {
      if (this.maxTasks < Number.POSITIVE_INFINITY) {
        entries.delete(id)
        entries.set(id, known)
      }
      return known
    }
    const entry = new Entry(id, tenant)
    // Somebody asks under another tenant: the log will refuse one of the two, and neither may touch
    // what the other knows.
    if (known === undefined) entries.set(id, entry)
    return entry
  }

  /** Adds events; wakes waiting callers at the end of the execution. */
  absorb(entry: Entry, events: ReadonlyArray<ExecutionEvent>): void {
    const before = entry.state?.status
    entry.add(events)
    if (entry.state === undefined) return
    if (entry.state.status === "running") return this.weigh(entry, entry.state)
    this.drop(entry)
    if (before !== "running") return
    entry.leave()
    for (const listener of this.listeners) listener(entry.id)
  }

  /** Nothing was found out about the execution: it does not exist, or takes no more appends. */
  tidy(entry: Entry): void {
    if (entry.state === undefined && !entry.busy) this.drop(entry)
  }

  hold(executionId: string): void {
    this.holdCounts.set(executionId, (this.holdCounts.get(executionId) ?? 0) + 1)
  }

  letGo(executionId: string): void {
    const left = (this.holdCounts.get(executionId) ?? 1) - 1
    if (left > 0) return void this.holdCounts.set(executionId, left)
    this.holdCounts.delete(executionId)
    if (this.forgetOnRelease.delete(executionId)) this.forget(executionId)
  }

  forget(executionId: string): void {
    const entry = this.entries.get(executionId)
    if (entry === undefined) return
    entry.leave()
    if (this.holdCounts.has(executionId)) this.forgetOnRelease.add(executionId)
    else this.drop(entry)
  }

  onEnded(listener: Listener): void {
    this.listeners.add(listener)
  }

  /**
   * Waits until the execution has ended, and answers its last state; `undefined`: it was forgotten,
   * or is not known.
   */
  awaitEnd(executionId: string): Effect.Effect<Execution.Execution | undefined> {
    return Effect.callback<Execution.Execution | undefined>((resume) => {
      const entry = this.entries.get(executionId)
      if (entry?.state === undefined || entry.state.status !== "running") return resume(Effect.undefined)
      const waiter = () => resume(Effect.succeed(entry.state?.status === "running" ? undefined : entry.state))
      entry.leaving.add(waiter)
      return Effect.sync(() => entry.leaving.delete(waiter))
    })
  }

  private drop(entry: Entry): void {
    if (this.entries.get(entry.id) !== entry) return
    this.entries.delete(entry.id)
    this.totalTasks -= entry.weight
  }

  /** Keeps the most recently used executions, and those with work in this process. */
  private weigh(entry: Entry, state: Execution.Execution): void {
    if (this.entries.get(entry.id) !== entry) return
    const now = HashMap.size(state.tasks) + 1
    this.totalTasks += now - entry.weight
    entry.weight = now
    if (this.totalTasks <= this.maxTasks) return
    for (const other of this.entries.values()) {
      if (other === entry || other.busy || other.leaving.size > 0 || this.holdCounts.has(other.id)) continue
      this.drop(other)
      if (this.totalTasks <= this.maxTasks) return
    }
  }
}
