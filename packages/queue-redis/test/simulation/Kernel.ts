/**
 * The world of a simulation: processes, messages between them, and time, in an order determined by
 * a seed.
 *
 * Everything is an event with a time: a fiber that can resume, a timer, a message. Events at the
 * same time happen in any order. The code under test runs unchanged on the scheduler, clock and
 * random generator of its process. A killed process never runs again and finalizes nothing; a
 * stalled process receives everything that arrived meanwhile when it resumes.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as EffectRandom from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Random from "../../../core/test/simulation/Random.ts"

/** Where the time of a simulation begins. */
export const epoch = Date.UTC(2026, 0, 1)

interface Event {
  readonly at: number
  readonly tie: number
  readonly process: Process
  readonly run: () => void | Promise<void>
}

export class Kernel {
  readonly random: Random.Random
  /** Milliseconds since the epoch, by a clock that is not visible inside the simulation. */
  now = epoch
  /** Events that have happened. */
  steps = 0
  private readonly events: Array<Event> = []
  /** Reported defects of the code under test. */
  readonly defects: Array<string> = []
  readonly trace: Array<string> | undefined
  /** Databases, networks and people: never killed. */
  readonly outside: Process

  constructor(seed: number, options: { readonly trace?: boolean } = {}) {
    this.random = Random.make(seed)
    this.trace = options.trace === true ? [] : undefined
    this.outside = new Process(this, "outside", 0)
  }

  process(name: string, skewMillis = 0): Process {
    return new Process(this, name, skewMillis)
  }

  /** Schedules an event of a process after a number of milliseconds. */
  after(millis: number, process: Process, run: () => void | Promise<void>): void {
    push(this.events, { at: this.now + Math.max(millis, 0), tie: this.random.next(), process, run })
  }

  /** Runs until `isOver`, no events are left, or the time is over. */
  async run(options: { readonly until: number; readonly isOver: () => boolean }): Promise<"over" | "late" | "quiet"> {
    while (!options.isOver()) {
      const event = pop(this.events)
      if (event === undefined) return "quiet"
      if (event.at > options.until) return "late"
      this.now = Math.max(this.now, event.at)
      if (!event.process.alive) continue
      if (event.process.frozen) {
        event.process.held.push(event)
        continue
      }
      this.steps++
      const under = event.run()
      if (under !== undefined) await under
    }
    return "over"
  }

  note(text: string): void {
    this.trace?.push(`${this.now - epoch} ${text}`)
  }

  /** @internal */
  again(event: Event): void {
    push(this.events, { ...event, at: this.now, tie: this.random.next() })
  }
}

export class Process {
  readonly name: string
  alive = true
  frozen = false
  /** When it last went on after it had stood still. */
  thawedAt = 0
  /** @internal */
  readonly held: Array<Event> = []
  readonly context: Context.Context<never>
  readonly kernel: Kernel

  constructor(kernel: Kernel, name: string, skewMillis: number) {
    this.kernel = kernel
    this.name = name
    this.context = Context.empty().pipe(
      Context.add(Clock.Clock, new ProcessClock(this, skewMillis)),
      Context.add(Scheduler.Scheduler, new ProcessScheduler(this)),
      Context.add(EffectRandom.Random, {
        nextIntUnsafe: () => kernel.random.below(Number.MAX_SAFE_INTEGER),
        nextDoubleUnsafe: () => kernel.random.next()
      }),
      Context.add(Logger.CurrentLoggers, new Set([logger(this)]))
    )
  }

  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** SIGKILL. */
  kill(): void {
    this.alive = false
    this.held.length = 0
  }

  /** SIGSTOP. */
  freeze(): void {
    this.frozen = true
  }

  /** SIGCONT. */
  thaw(): void {
    if (!this.frozen) return
    this.frozen = false
    this.thawedAt = this.kernel.now
    for (const event of this.held.splice(0)) this.kernel.again(event)
  }
}

class ProcessClock implements Clock.Clock {
  private readonly process: Process
  private readonly skewMillis: number
  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos: Effect.Effect<bigint> = this.currentTimeNanos

  constructor(process: Process, skewMillis: number) {
    this.process = process
    this.skewMillis = skewMillis
  }
  currentTimeMillisUnsafe(): number {
    return Math.floor(this.process.kernel.now + this.skewMillis)
  }
  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.currentTimeMillisUnsafe()) * 1_000_000n
  }
  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const { kernel } = this.process
      let awake = false
      // A timer never fires early, and often late.
      const late = kernel.random.chance(0.1) ? kernel.random.below(20) : kernel.random.next()
      kernel.after(Duration.toMillis(duration) + late, this.process, () => {
        if (!awake) resume(Effect.void)
      })
      return Effect.sync(() => {
        awake = true
      })
    })
  }
}

/** The share of a fiber's operations after which other fibers run. */
const preemption = 0.01

class ProcessScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private readonly process: Process
  constructor(process: Process) {
    this.process = process
  }
  shouldYield(): boolean {
    return this.process.kernel.random.chance(preemption)
  }
  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const { kernel } = this.process
    return {
      scheduleTask: (task) => kernel.after(kernel.random.chance(0.05) ? kernel.random.below(5) : 0, this.process, task),
      flush: () => {}
    }
  }
}

/** Warnings belong to bad days; errors are defects. */
const logger = (process: Process) =>
  Logger.make<unknown, void>(({ cause, logLevel, message }) => {
    const { kernel } = process
    const text = `${process.name} ${logLevel}: ${Array.isArray(message) ? message.map(String).join(" ") : String(message)}`
    kernel.note(text)
    if (logLevel === "Error" || logLevel === "Fatal") kernel.defects.push(`${text} ${Cause.pretty(cause)}`)
  })

// A binary heap by time, then by lot.

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.tie < b.tie)

const push = (heap: Array<Event>, event: Event): void => {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(event, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = event
}

const pop = (heap: Array<Event>): Event | undefined => {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
