/**
 * The modelled queue: facts and volatile leases, every operation one step, after the words of
 * `TaskQueue`. It may lose its data or go back to an older state at any time; leases of workers
 * that are gone expire.
 */
import type { Waits } from "../../src/TaskQueue.ts"
import type * as TaskQueue from "../../src/TaskQueue.ts"
import type { Random } from "../simulation/Random.ts"
import type { Rules } from "./Rules.ts"

export interface Lease {
  readonly taskId: string
  readonly nonce: number
  readonly worker: string
  /** The run whose wait has timed out. */
  readonly timedOut: number | undefined
  /** How often the queue had lost data when it was given. */
  readonly era: number
  /** It was given back, or has expired. */
  over: boolean
}

/**
 * Facts as the log's state gives them, with the run of every suspension: a timer belongs to it; and
 * how far the state goes.
 */
export type Facts = Pick<TaskQueue.Facts, "nodes" | "settled" | "delayed" | "signals" | "paused"> & {
  readonly suspended: ReadonlyArray<TaskQueue.Facts["suspended"][number] & { readonly run: number }>
  readonly seq: number
}

/**
 * News for the queue. Only the paused flag is not monotonic, so it carries the seq at which it was
 * read.
 */
export type News = Pick<TaskQueue.News, "nodes" | "settled" | "signals"> & {
  readonly paused?: boolean
  readonly seq?: number
  /** Complete up to this seq of the log. */
  readonly upTo?: number
}

export interface Suspension {
  readonly waits: Waits
  readonly run: number
  /** Milliseconds until the wait times out. */
  readonly remainingMillis: number | undefined
  readonly spawn: ReadonlyArray<TaskQueue.Node>
}

/** Operations of a queue for workers, sweeps and people. */
export interface Queue {
  readonly submit: (facts: Facts) => void
  readonly tell: (news: News) => void
  readonly take: (worker: string) => Lease | undefined
  readonly suspend: (lease: Lease, suspension: Suspension) => boolean
  readonly release: (lease: Lease, delayMillis?: number) => boolean
  /** Renews the lease: false when it is lost. */
  readonly holds: (lease: Lease) => boolean
  readonly forget: () => void
  readonly inspect: () => "absent" | "idle" | "busy"
  /** It has received everything in the log up to this seq. */
  readonly upTo: () => number
  /** How often data was lost. */
  readonly era: number
}

interface Task {
  id: string
  dependencies: ReadonlyArray<string>
  state: "open" | "suspended" | "settled"
  lease: number | undefined
  holder: Lease | undefined
  waits: Waits | undefined
  run: number
  timeoutAt: number | undefined
  dueAt: number
}

interface Data {
  readonly tasks: Map<string, Task>
  readonly signals: Set<string>
  paused: boolean
  pausedSeq: number
  upTo: number
}

export class SimulatedQueue implements Queue {
  era = 0
  private data: Data | undefined
  private older: Data | undefined
  private nonce = 0
  private readonly rules: Rules
  private readonly random: Random
  private readonly clock: () => number

  constructor(options: { readonly rules: Rules; readonly random: Random; readonly clock: () => number }) {
    this.rules = options.rules
    this.random = options.random
    this.clock = options.clock
  }

  submit(facts: Facts): void {
    if (this.rules.submitIfAbsent && this.data !== undefined) return
    const { paused, seq } = facts
    this.data = { tasks: new Map(), signals: new Set(facts.signals), paused, pausedSeq: seq, upTo: seq }
    this.add(this.data, facts.nodes)
    for (const id of facts.settled) this.settle(this.data, id)
    for (const { id, remainingMillis, run, waits } of facts.suspended) {
      const task = this.data.tasks.get(id)!
      task.state = "suspended"
      task.waits = waits
      task.run = run
      task.timeoutAt = remainingMillis === undefined ? undefined : this.clock() + remainingMillis
    }
    for (const { id, millis } of facts.delayed) this.data.tasks.get(id)!.dueAt = this.clock() + millis
    this.wake(this.data)
  }

  tell(news: News): void {
    const data = this.known()
    if (data === undefined) return
    if (news.nodes !== undefined) this.add(data, news.nodes)
    for (const id of news.settled ?? []) this.settle(data, id)
    for (const signal of news.signals ?? []) {
      if (this.rules.levelTriggered) data.signals.add(signal)
      else this.trigger(data, signal)
    }
    if (news.paused !== undefined && (!this.rules.pauseOrder || news.seq! >= data.pausedSeq)) {
      data.paused = news.paused
      data.pausedSeq = news.seq!
    }
    data.upTo = Math.max(data.upTo, news.upTo ?? 0)
    if (this.rules.levelTriggered || news.settled !== undefined) this.wake(data)
  }

  take(worker: string): Lease | undefined {
    const data = this.data
    if (data === undefined || data.paused) return undefined
    const ready = this.ready(data)
    if (ready.length === 0) return undefined
    const task = this.random.pick(ready)
    const lease: Lease = {
      taskId: task.id,
      nonce: ++this.nonce,
      worker,
      timedOut: task.state === "suspended" ? task.run : undefined,
      era: this.era,
      over: false
    }
    task.lease = lease.nonce
    task.holder = lease
    return lease
  }

  suspend(lease: Lease, { remainingMillis, run, spawn, waits }: Suspension): boolean {
    const task = this.held(lease)
    if (task === undefined) return false
    this.add(this.data!, spawn)
    this.giveBack(task)
    task.state = "suspended"
    task.waits = waits
    task.run = run
    task.timeoutAt = remainingMillis === undefined ? undefined : this.clock() + remainingMillis
    if (this.rules.levelTriggered) this.wake(this.data!)
    return true
  }

  release(lease: Lease, delayMillis = 0): boolean {
    const task = this.held(lease)
    if (task === undefined) return false
    this.giveBack(task)
    task.state = "open"
    task.dueAt = this.clock() + delayMillis
    return true
  }

  holds(lease: Lease): boolean {
    return this.held(lease) !== undefined
  }

  forget(): void {
    if (this.data !== undefined) this.era++
    this.data = undefined
  }

  inspect(): "absent" | "idle" | "busy" {
    const data = this.data
    if (data === undefined) return "absent"
    for (const task of data.tasks.values()) {
      if (task.state === "settled") continue
      if (task.lease !== undefined || (task.state === "open" && task.dueAt > this.clock())) return "busy"
      if (task.state === "suspended" && task.timeoutAt !== undefined && task.timeoutAt > this.clock()) return "busy"
    }
    return !data.paused && this.ready(data).length > 0 ? "busy" : "idle"
  }

  upTo(): number {
    return this.data?.upTo ?? 0
  }

  // Faults

  /** All data is gone. */
  wipe(): void {
    this.forget()
  }

  /** Keeps a copy to go back to. */
  remember(): void {
    this.older = this.data === undefined ? undefined : copy(this.data)
  }

  /** Goes back to the copy. */
  rollBack(): void {
    if (this.older === undefined) return
    this.era++
    this.data = this.older
    this.older = undefined
  }

  /** The lease of a dead or stalled worker expires. */
  expire(may: (lease: Lease) => boolean): void {
    if (this.data === undefined) return
    const expired = [...this.data.tasks.values()].filter((task) => task.holder !== undefined && may(task.holder))
    if (expired.length > 0) this.giveBack(this.random.pick(expired))
  }

  // Parts

  private known(): Data | undefined {
    if (this.data === undefined && !this.rules.unknownIsNothing)
      this.data = { tasks: new Map(), signals: new Set(), paused: false, pausedSeq: 0, upTo: 0 }
    return this.data
  }

  private add(data: Data, nodes: ReadonlyArray<TaskQueue.Node>): void {
    for (const { dependencies, id } of nodes) {
      if (data.tasks.has(id)) continue
      data.tasks.set(id, {
        id,
        dependencies,
        state: "open",
        lease: undefined,
        holder: undefined,
        waits: undefined,
        run: 0,
        timeoutAt: undefined,
        dueAt: 0
      })
    }
  }

  private settle(data: Data, id: string): void {
    const task = data.tasks.get(id)
    if (task === undefined) return
    this.giveBack(task)
    task.state = "settled"
  }

  private giveBack(task: Task): void {
    if (task.holder !== undefined) task.holder.over = true
    task.lease = undefined
    task.holder = undefined
  }

  private held(lease: Lease): Task | undefined {
    const task = this.data?.tasks.get(lease.taskId)
    return task !== undefined && task.lease === lease.nonce ? task : undefined
  }

  private ready(data: Data): ReadonlyArray<Task> {
    const now = this.clock()
    return [...data.tasks.values()].filter((task) => {
      if (task.lease !== undefined) return false
      if (task.state === "suspended") return task.timeoutAt !== undefined && task.timeoutAt <= now
      if (task.state !== "open" || task.dueAt > now) return false
      return task.dependencies.every((id) => data.tasks.get(id)?.state === "settled")
    })
  }

  private wake(data: Data): void {
    for (const task of data.tasks.values()) {
      if (task.state !== "suspended" || task.lease !== undefined) continue
      const { mode, signals, tasks } = task.waits!
      const came = [
        ...tasks.map((id) => data.tasks.get(id)?.state === "settled"),
        ...signals.map((id) => data.signals.has(id))
      ]
      // What has arrived needs no wait; this does not apply to a wait for time alone.
      if (
        came.length === 0 ? task.timeoutAt === undefined : mode === "any" ? came.includes(true) : !came.includes(false)
      )
        this.open(task)
    }
  }

  /** Without level-triggering a signal wakes only the current waiters and is then forgotten. */
  private trigger(data: Data, signal: string): void {
    for (const task of data.tasks.values())
      if (task.state === "suspended" && task.lease === undefined && task.waits!.signals.includes(signal))
        this.open(task)
  }

  private open(task: Task): void {
    task.state = "open"
    task.timeoutAt = undefined
  }
}

const copy = (data: Data): Data => ({
  tasks: new Map([...data.tasks].map(([id, task]) => [id, { ...task }])),
  signals: new Set(data.signals),
  paused: data.paused,
  pausedSeq: data.pausedSeq,
  upTo: data.upTo
})
