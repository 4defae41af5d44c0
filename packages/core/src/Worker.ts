/**
 * Takes a task, runs it, commits its outcome. Work comes from the queue, the truth from the log: a
 * task starts only if the log agrees, and the queue learns only what the log has recorded.
 *
 * Delivery is at least once, commit exactly once. A lost lease interrupts the work. When the worker
 * stops, what it runs is handed back unharmed, so that it is neither counted as a crash nor as a
 * failure.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as AgentLoop from "./AgentLoop.ts"
import * as EventLog from "./EventLog.ts"
import * as Liveness from "./Liveness.ts"
import * as Llm from "./Llm.ts"
import * as Memory from "./Memory.ts"
import * as Outbox from "./Outbox.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as Toolbox from "./Toolbox.ts"
import { CodeRegistry } from "./Worker/CodeRegistry.ts"
import * as Delivering from "./Worker/Delivering.ts"
import * as Dispatching from "./Worker/Dispatching.ts"
import { Ledger } from "./Worker/Ledger.ts"
import * as Legs from "./Worker/Legs.ts"
import { LogClock } from "./Worker/LogClock.ts"
import type { QueueSync } from "./Worker/QueueSync.ts"
import * as Remembering from "./Worker/Remembering.ts"
import * as Running from "./Worker/Running.ts"
import { Slots } from "./Worker/Slots.ts"
import type { Tenure } from "./Worker/Tenure.ts"
import * as Working from "./Worker/Working.ts"
import * as Workspace from "./Workspace.ts"

export interface Options {
  /**
   * Maximum number of concurrent tasks, default 2,048. Tasks mostly wait for models, so memory is
   * the limit: a running task needs about 100 KB plus its conversation.
   */
  readonly concurrency?: number
  /**
   * Maximum number of concurrent tasks by lane; `default` covers all lanes that are not named.
   * Default: no limit.
   */
  readonly lanes?: { readonly [lane: string]: number }
  /** Name of the machine, shown in lists of workers. */
  readonly host?: string
  /** Stream model answers and forward text deltas to followers. Default: false. */
  readonly streaming?: boolean
  /** Consecutive runs without recorded progress after which a task fails. Default: 5. */
  readonly maxCrashes?: number
  /** On shutdown: how long running tasks may take to finish, in milliseconds. Default: 0. */
  readonly graceMillis?: number
  /**
   * For how long what follows from events (memories, for example) is this process's alone to do, in
   * milliseconds; then another may do it. Default 30,000.
   */
  readonly outboxLeaseMillis?: number
  /** How the worker is named in events. Default: a random name. */
  readonly name?: string
}

/** What runs a leg of a task; replaced in tests, and by tasks that are not an agent's. */
export const Runner: Context.Reference<typeof AgentLoop.run> = Context.Reference("@crewline/core/Worker/Runner", {
  defaultValue: () => AgentLoop.run
})

export class Worker extends Context.Service<
  Worker,
  {
    readonly name: string
    /**
     * How it signs executions that it owns: its name, and its process where others can recognize
     * that.
     */
    readonly owner: string
    /** Tasks that run here now. */
    readonly running: Effect.Effect<ReadonlyArray<TaskQueue.Lease>>
    /**
     * Waits at most two seconds until the memories of tasks that completed by now are stored, for
     * the current tenant; those that another process has to store are stored here.
     */
    readonly remembered: Effect.Effect<void>
  }
>()("@crewline/core/Worker") {}

const defaultConcurrency = 2_048

const make = (options: Options) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const queue = yield* TaskQueue.TaskQueue
    const clock = yield* Clock.Clock
    const toolbox = yield* Toolbox.Toolbox
    const ledger = yield* Ledger
    const memory = yield* Effect.serviceOption(Memory.Memory)
    const delivering = yield* Delivering.make({
      log,
      ledger,
      outbox: yield* Effect.serviceOption(Outbox.Outbox),
      consumers: [
        ...(memory._tag === "Some" ? [Remembering.consumer(memory.value, log)] : []),
        ...(yield* Outbox.Consumers)
      ],
      leaseMillis: options.outboxLeaseMillis ?? 30_000
    })
    const remembered = delivering.served(Remembering.name)
    const legs = Legs.make({
      log,
      ledger,
      registry: yield* CodeRegistry,
      memory,
      remembered,
      clock,
      now: yield* LogClock,
      runner: yield* Runner,
      services: { llm: yield* Llm.Llm, toolbox, workspace: yield* Workspace.Workspace },
      streaming: options.streaming === true
    })
    const name = options.name ?? `worker-${(yield* Random.next).toString(36).slice(2, 10)}`
    const { self } = yield* Liveness.Liveness
    const owner = Liveness.sign(name, self)
    const { concurrency = defaultConcurrency, graceMillis = 0, host, lanes, maxCrashes = 5 } = options
    const slots = new Slots(concurrency, lanes)
    let isTaking = true
    let isStopping = false
    const work = yield* Working.make({
      worker: name,
      maxCrashes,
      legs,
      toolbox,
      leave: (entry) => Running.leave(slots, entry),
      goOn: (entry, next, started) => running.goOn(entry, next, started),
      isTaking: () => isTaking,
      isStopping: () => isStopping
    })
    const running: Running.Running = yield* Running.make({ slots, work })

    const startedAt = new Date(clock.currentTimeMillisUnsafe()).toISOString()
    const enlist = (draining: boolean) => {
      const optional = {
        ...(lanes === undefined ? {} : { lanes }),
        ...(host === undefined ? {} : { host }),
        ...(self === undefined ? {} : { process: self })
      }
      return queue.enlist({ name, concurrency, ...optional, startedAt, draining })
    }
    yield* enlist(false)
    const dispatchers: Array<Fiber.Fiber<never>> = []
    const isLimited = lanes !== undefined
    for (const dispatch of Dispatching.make({ queue, worker: name, slots, isLimited, begin: running.begin }))
      dispatchers.push(yield* Effect.forkScoped(dispatch))
    yield* Effect.forkScoped(Effect.forever(Effect.map(queue.lost(name), running.stop)))
    yield* Scope.addFinalizer(
      yield* Scope.Scope,
      Effect.gen(function* () {
        isTaking = false
        yield* Fiber.interruptAll(dispatchers)
        if (graceMillis > 0 && running.leases().length > 0) {
          yield* enlist(true)
          // Ownership is not renewed any more: what is still worked on here must stay here for as
          // long as that may take.
          if (!queue.isShared)
            yield* keep(log, running, { owner, leaseMillis: graceMillis + Running.storageBackoffMillis })
          const all = Effect.forEach(running.fibers(), (fiber) => Fiber.await(fiber), { concurrency: "unbounded" })
          yield* Effect.timeoutOption(all, graceMillis)
        }
        isStopping = true
        // What ends in this moment may have begun another one.
        while (running.fibers().length > 0) yield* Fiber.interruptAll(running.fibers())
        // Only now: the process that takes the executions up finds no other at work on them.
        yield* Effect.ignore(log.disown(owner))
        yield* queue.dismiss(name)
      })
    )
    return Worker.of({ name, owner, running: Effect.sync(running.leases), remembered })
  })

/** Owns what is worked on for this long. */
const keep = (
  log: EventLog.EventLog["Service"],
  running: Running.Running,
  { leaseMillis, owner }: { readonly owner: string; readonly leaseMillis: number }
) => {
  const executionIds = [...new Set(running.leases().map(({ executionId }) => executionId))]
  return Effect.ignore(log.adopt({ owner, leaseMillis, limit: executionIds.length, executionIds }))
}

/** A worker in this process, for as long as the layer lives. */
export const layer = (
  options: Options = {}
): Layer.Layer<
  Worker,
  never,
  | EventLog.EventLog
  | TaskQueue.TaskQueue
  | Ledger
  | CodeRegistry
  | LogClock
  | Tenure
  | QueueSync
  | Llm.Llm
  | Toolbox.Toolbox
  | Workspace.Workspace
> => Layer.effect(Worker, make(options))
