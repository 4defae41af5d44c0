/**
 * The real log and queue of a process in place of the modelled ones, on the clock of the schedule.
 * Every call completes at once, as it does in a process, so a seed always gives the same schedule.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import * as TaskQueue from "../../src/TaskQueue.ts"
import * as LocalTaskQueue from "../../src/LocalTaskQueue.ts"
import type { Append, Reply, Store, Stored } from "./Log.ts"
import type { Facts, Lease, News, Queue, Suspension } from "./Queue.ts"

/** A clock that follows the schedule's time and wakes its sleepers accordingly. */
export class ScheduleClock implements Clock.Clock {
  private readonly sleepers = new Set<{ readonly at: number; readonly wake: () => void }>()
  private readonly time: () => number
  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.time())
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos: Effect.Effect<bigint> = this.currentTimeNanos

  constructor(time: () => number) {
    this.time = time
  }

  currentTimeMillisUnsafe(): number {
    return this.time()
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.time()) * 1_000_000n
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const sleeper = { at: this.time() + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.sleepers.add(sleeper)
      return Effect.sync(() => this.sleepers.delete(sleeper))
    })
  }

  /** Wakes the sleepers that are due. */
  tick(): void {
    for (const sleeper of this.sleepers) {
      if (sleeper.at > this.time()) continue
      this.sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}

/** `LocalEventLog.layerLocal` as the storage of one execution. */
export const makeStore = (
  plan: Plan.Plan,
  clock: Clock.Clock
): { readonly store: Store; readonly started: ExecutionEvent.Of<"ExecutionStarted"> } => {
  const log = Context.get(Effect.runSync(Effect.scoped(Layer.build(LocalEventLog.layerLocal))), EventLog.EventLog)
  const run = <A>(effect: Effect.Effect<A, EventLog.EventLogError>): A =>
    Effect.runSync(Effect.provideService(effect, Clock.Clock, clock))
  run(log.start("e", { type: "ExecutionStarted", plan }))
  let known = 1

  const append = ({ bases, drafts, expectVersion, nonce }: Append): Stored => {
    const result = run(
      Effect.result(
        log.append("e", drafts as [ExecutionEvent.Draft, ...Array<ExecutionEvent.Draft>], {
          ...(expectVersion === undefined ? {} : { expectVersion }),
          ...(nonce === undefined ? {} : { nonce })
        })
      )
    )
    if (result._tag === "Failure") {
      const { _tag } = result.failure.reason
      if (_tag !== "Conflict" && _tag !== "Ended" && _tag !== "AlreadySettled") throw result.failure
      return { reply: { _tag }, fresh: [], bases: [] }
    }
    const { events } = result.success
    const reply: Reply = { _tag: "Appended", events }
    const fresh = events.filter((event) => event.seq > known)
    known += fresh.length
    // Turns that stood already are left out: the events that remain are in the order of their
    // drafts.
    let at = 0
    return {
      reply,
      fresh,
      bases: fresh.map((event) => {
        while (drafts[at]!.type !== event.type) at++
        return bases[at++]
      })
    }
  }
  const read: Store["read"] = (after, limit) =>
    run(log.read("e", { after, ...(Number.isFinite(limit) ? { limit } : {}) }))
  const [started] = read(0, 1)
  return { store: { append, read }, started: started as ExecutionEvent.Of<"ExecutionStarted"> }
}

/**
 * `LocalTaskQueue.layerLocal` of one process. Its leases do not expire: they end with the process.
 */
export class LocalQueue implements Queue {
  era = 0
  private readonly clock: Clock.Clock
  private queue!: TaskQueue.TaskQueue["Service"]
  private scope!: Scope.Closeable
  private readonly leases = new Map<number, { readonly lease: Lease; readonly real: TaskQueue.Lease }>()

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.open()
  }

  submit(facts: Facts): void {
    const { seq: upTo, ...rest } = facts
    this.run(this.queue.submit({ executionId: "e", tenant: "default", upTo, ...rest }))
  }

  tell(news: News): void {
    const { paused, seq = 0, ...rest } = news
    this.run(this.queue.tell("e", paused === undefined ? rest : { ...rest, pause: { paused, seq } }))
  }

  take(worker: string): Lease | undefined {
    const real = this.poll(this.queue.take({ worker, limit: 1 }))?.[0]
    if (real === undefined) return undefined
    const { nonce, taskId, timedOut } = real
    const lease: Lease = { taskId, nonce, worker, timedOut, era: this.era, over: false }
    this.leases.set(nonce, { lease, real })
    return lease
  }

  suspend(lease: Lease, { remainingMillis, run, spawn, waits }: Suspension): boolean {
    const { timeoutMillis: _, ...rest } = waits
    const left = remainingMillis === undefined ? rest : { ...rest, timeoutMillis: remainingMillis }
    return this.give(lease, (real) => this.queue.suspend(real, { run, waits: left, spawn }))
  }

  release(lease: Lease, delayMillis = 0): boolean {
    return this.give(lease, (real) => this.queue.release(real, delayMillis))
  }

  holds(lease: Lease): boolean {
    for (const { nonce } of this.poll(this.queue.lost(lease.worker)) ?? []) this.end(nonce)
    return this.leases.has(lease.nonce)
  }

  forget(): void {
    if (this.inspect() !== "absent") this.era++
    this.run(this.queue.forget("e"))
  }

  inspect(): "absent" | "idle" | "busy" {
    return this.run(this.queue.inspect("e")).status
  }

  upTo(): number {
    return this.run(this.queue.inspect("e")).upTo
  }

  /** The process dies, and another starts empty. */
  wipe(): void {
    this.era++
    Effect.runSync(Scope.close(this.scope, Exit.void))
    this.leases.clear()
    this.open()
  }

  // Faults that cannot happen to a queue in memory.
  remember(): void {}
  rollBack(): void {}
  expire(): void {}

  private open(): void {
    this.scope = Effect.runSync(Scope.make())
    const services = this.run(Layer.buildWithScope(LocalTaskQueue.layerLocal, this.scope))
    this.queue = Context.get(services, TaskQueue.TaskQueue)
  }

  private give(lease: Lease, how: (real: TaskQueue.Lease) => Effect.Effect<boolean>): boolean {
    const held = this.leases.get(lease.nonce)
    if (held === undefined) return false
    const given = this.run(how(held.real))
    this.end(lease.nonce)
    return given
  }

  private end(nonce: number): void {
    const held = this.leases.get(nonce)
    if (held === undefined) return
    held.lease.over = true
    this.leases.delete(nonce)
  }

  private run<A>(effect: Effect.Effect<A>): A {
    return Effect.runSync(Effect.provideService(effect, Clock.Clock, this.clock))
  }

  /** Takes what is available without waiting. */
  private poll<A>(effect: Effect.Effect<A>): A | undefined {
    const fiber = Effect.runForkWith(Context.make(Clock.Clock, this.clock))(effect)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.interruptUnsafe()
    return exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined
  }
}
