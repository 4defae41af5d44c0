/**
 * Takes a task, runs it, commits its outcome. The queue is asked for work, the log for the truth: a task starts only when the log
 * agrees, and the queue is told only what the log has recorded.
 *
 * Delivery is at least once, commit exactly once. A lost lease interrupts the work. When the worker stops, what it runs is handed back
 * unharmed, so that it is neither counted as a crash nor as a failure.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as AgentLoop from "./AgentLoop.ts"
import { failed, type Ended } from "./AgentLoop/Leg.ts"
import * as EventLog from "./EventLog.ts"
import * as Execution from "./Execution.ts"
import { CodeRegistry, suffices } from "./Worker/CodeRegistry.ts"
import { Ledger, type Committed } from "./Worker/Ledger.ts"
import * as Legs from "./Worker/Legs.ts"
import * as LogClock from "./Worker/LogClock.ts"
import * as MissingCode from "./Worker/MissingCode.ts"
import * as QueueNews from "./Worker/QueueSync.ts"
import * as WorkerLanes from "./Worker/Lanes.ts"
import * as Llm from "./Llm.ts"
import * as Memory from "./Memory.ts"
import type { PlannedTask } from "./Plan.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as Tenant from "./Tenant.ts"
import * as Toolbox from "./Toolbox.ts"
import * as Workspace from "./Workspace.ts"

export interface Options {
  /** Tasks at once; most of their time they wait for models. Default 256. */
  readonly concurrency?: number
  /** At most so many at once by lane; `default` stands for all lanes that are not named. Absent: any. */
  readonly lanes?: { readonly [lane: string]: number }
  /** The machine, as people know it; told to whoever asks the queue for its workers. */
  readonly host?: string
  /** Ask models to stream, and pass the pieces of their answers on to followers. Default false. */
  readonly streaming?: boolean
  /** Consecutive runs without recorded progress after which a task is given up. Default 5. */
  readonly maxCrashes?: number
  /** When the worker stops: how long the work under way may still take, in milliseconds. Default 0. */
  readonly graceMillis?: number
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
    /** Tasks that run here now. */
    readonly running: Effect.Effect<ReadonlyArray<TaskQueue.Lease>>
    /** Tells the queue what the log says of an execution; used when the queue lacks it, or knows too little. */
    readonly enqueue: (state: Execution.Execution) => Effect.Effect<void, EventLog.EventLogError>
    /** Tells the queue what was committed outside of a task (cancel, signal, pause). */
    readonly announce: (committed: Committed) => Effect.Effect<void>
    /** Tells the queue what others committed and was read here, where they have not done so. */
    readonly heard: (read: Committed) => Effect.Effect<void>
  }
>()("@crewline/core/Worker") {}

/** How long a task rests in the queue after the storage failed under it, in milliseconds. */
const storageBackoffMillis = 1_000

interface Running {
  readonly lease: TaskQueue.Lease
  fiber: Fiber.Fiber<void> | undefined
  /** `lost`: somebody else's from now on. `over`: the lease is the queue's business; losing it must not stop the one who tells. */
  state: "working" | "lost" | "over"
  /** It counts as one of those that are worked on at once. */
  hasSlot: boolean
}

const unstored = ({ description, isRetryable }: EventLog.Unavailable): Ended =>
  failed("storage", `What the task came to could not be stored: ${description}`, { isRetryable, keepsTurns: true })

const make = (options: Options) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const queue = yield* TaskQueue.TaskQueue
    const ledger = yield* Ledger
    const registry = yield* CodeRegistry
    const runner = yield* Runner
    const memory = yield* Effect.serviceOption(Memory.Memory)
    const clock = yield* Clock.Clock
    const now = LogClock.make(log, clock)
    const { announce, enqueue, heard, refused } = QueueNews.make({ log, queue, ledger, registry, now })
    const services = { llm: yield* Llm.Llm, toolbox: yield* Toolbox.Toolbox, workspace: yield* Workspace.Workspace }
    const streaming = options.streaming === true
    const legs = Legs.make({ log, ledger, registry, memory, clock, runner, services, streaming })
    const scope = yield* Scope.Scope
    const name = options.name ?? `worker-${(yield* Random.next).toString(36).slice(2, 10)}`
    const maxCrashes = options.maxCrashes ?? 5
    const running = new Map<number, Running>()

    const unable = MissingCode.make()
    /** Whether this process has the functions that the task needs. A worker that lacks them leaves it to others. */
    const isAble = (state: Execution.Execution, task: PlannedTask) => {
      const { name: crew } = state.plan
      if (suffices(registry.find(state.id, crew), state.plan, task)) return Effect.succeed(true)
      return Effect.as(unable.isNew(crew) ? Effect.logWarning(unable.message(crew)) : Effect.void, false)
    }

    const finish = Effect.fnUntraced(function* (entry: Running, run: number, { outcome, progress }: Ended) {
      const { lease } = entry
      const decided = yield* ledger.decide(lease.executionId, {
        _tag: "Finish",
        taskId: lease.taskId,
        run,
        outcome,
        progress,
        jitter: yield* Random.next
      })
      // What is left is told in the same moment in which the next task is asked for: one round trip for both. What a crew remembers
      // is work, and takes the place of other work.
      if (Result.isSuccess(decided) && decided.success.state.plan.memory !== true) leave(entry)
      yield* Result.isSuccess(decided) ? announce(decided.success, lease) : refused(lease, decided.failure)
      return Result.isSuccess(decided)
    })

    // Only the leg itself can be interrupted: a start or an outcome that is recorded must be followed by what it means.
    const work = (entry: Running) =>
      Effect.uninterruptibleMask(
        Effect.fnUntraced(function* (restore) {
          const { lease } = entry
          const known = queue.isShared ? undefined : ledger.seen(lease.executionId)
          const state = known ?? (yield* ledger.state(lease.executionId))
          // A lease is worth something only after the log was read: before, its time may have run out unseen.
          if (!(yield* queue.holds(lease))) return
          const seen = Execution.task(state, lease.taskId)
          if (queue.isShared && seen !== undefined && !(yield* isAble(state, seen.plan))) {
            return yield* queue.release(lease, unable.delayMillis(state.plan.name))
          }
          const decided = yield* ledger.decide(lease.executionId, {
            _tag: "Start",
            taskId: lease.taskId,
            worker: name,
            maxCrashes,
            ...(lease.timedOut === undefined ? {} : { timedOut: lease.timedOut }),
            ...(seen?.retryAt === undefined ? {} : { now: yield* now }),
            ...(seen === undefined ? {} : { seenRun: seen.run, seenAttempt: seen.attempt })
          })
          if (Result.isFailure(decided)) return yield* refused(lease, decided.failure)
          const task = Execution.task(decided.success.state, lease.taskId)!
          if (task.status !== "running") {
            entry.state = "over"
            return yield* announce(decided.success, lease)
          }
          const { run } = task
          const ended = yield* restore(legs.run(decided.success.state, task)).pipe(
            Effect.catchDefect((defect) =>
              Effect.as(
                Effect.logError(`Task "${lease.taskId}" of ${lease.executionId} hit a defect`, defect),
                failed("defect", defect instanceof Error ? defect.message : String(defect), { isRetryable: false })
              )
            ),
            Effect.catchReason("EventLogError", "Unavailable", (reason) => Effect.succeed(unstored(reason))),
            // Interrupted by the worker's own end, the task is handed back; by the loss of its lease, it is somebody else's.
            Effect.onInterrupt(() =>
              stopping && entry.state === "working"
                ? Effect.ignore(finish(entry, run, { outcome: { _tag: "Released" }, progress: [] }))
                : Effect.void
            )
          )
          entry.state = "over"
          const stored = yield* Effect.catchReason(
            finish(entry, run, ended),
            "EventLogError",
            "Unavailable",
            (reason, error) =>
              // What cannot be stored cannot be stored the next time either.
              reason.isRetryable ? Effect.fail(error) : Effect.as(finish(entry, run, unstored(reason)), false)
          )
          if (stored) yield* restore(legs.remember(decided.success.state, task.plan, ended))
        })
      )

    const concurrency = options.concurrency ?? 256
    const lanes = WorkerLanes.make(options.lanes, concurrency)
    let free = concurrency
    let stopping = false
    /** Dispatchers that wait for room. */
    const waiting: Array<() => void> = []
    /** Called when there is more room, also while a dispatcher waits for tasks. */
    let onRoom: (() => void) | undefined

    const leave = (entry: Running) => {
      if (!entry.hasSlot) return
      entry.hasSlot = false
      lanes.end(entry.lease.lane)
      free++
      waiting.shift()?.()
      onRoom?.()
    }

    const begin = (lease: TaskQueue.Lease) => {
      const entry: Running = { lease, fiber: undefined, state: "working", hasSlot: true }
      running.set(lease.nonce, entry)
      lanes.begin(lease.lane)
      ledger.hold(lease.executionId)
      const body = Effect.catch(
        work(entry),
        Effect.fnUntraced(function* (error) {
          if (error._tag === "Lost") return yield* queue.release(lease)
          if (error.reason._tag === "UnknownExecution" || error.reason._tag === "Gone")
            return yield* queue.forget(lease.executionId)
          yield* Effect.logWarning(
            `The event log failed under task "${lease.taskId}" of ${lease.executionId}: ${error.message}`
          )
          return yield* queue.release(lease, storageBackoffMillis)
        })
      )
      const fiber = Effect.runForkWith(context)(
        Effect.asVoid(
          lease.tenant === Tenant.defaultTenant ? body : Effect.provideService(body, Tenant.Current, lease.tenant)
        )
      )
      entry.fiber = fiber
      fiber.addObserver((exit) => {
        running.delete(lease.nonce)
        ledger.letGo(lease.executionId)
        leave(entry)
        if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
        // A defect of ours: it must be seen, and the task must not stay leased for ever.
        Effect.runForkWith(context)(
          Effect.andThen(
            Effect.logError(`The worker failed under task "${lease.taskId}" of ${lease.executionId}`, exit.cause),
            queue.release(lease, storageBackoffMillis)
          )
        )
      })
    }

    const fibers = () => Array.from(running.values()).flatMap(({ fiber }) => fiber ?? [])

    const hasRoom = Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      waiting.push(wake)
      return Effect.sync(() => {
        const at = waiting.indexOf(wake)
        if (at >= 0) waiting.splice(at, 1)
      })
    })

    // With two dispatchers, a queue that is far away works on one claim while the tasks of the other begin. Where lanes are limited there is
    // one: two could take more of a lane than there is room for.
    const dispatcherCount = queue.isShared && options.lanes === undefined ? 2 : 1
    /** Dispatchers that wait for tasks. */
    let asking = 0
    const takeAny = Effect.fnUntraced(function* (restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>) {
      // What one asks for is not there for the other.
      const limit = asking + 1 < dispatcherCount ? Math.ceil(free / 2) : free
      free -= limit
      asking++
      const leases = yield* restore(queue.take({ worker: name, limit }))
      asking--
      free += limit
      return leases
    })

    /** As much as there is room for. What waits for too little is asked again when there is more. */
    const take = Effect.fnUntraced(function* (restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>) {
      for (;;) {
        const room = lanes.room()
        if (room === undefined) return yield* takeAny(restore)
        const taking = yield* Effect.forkChild(restore(queue.take({ worker: name, limit: free, lanes: room })))
        if (lanes.isTight()) onRoom = () => taking.interruptUnsafe()
        const exit = yield* restore(Fiber.await(taking)).pipe(
          Effect.onInterrupt(() => Effect.andThen(Fiber.interrupt(taking), giveBack(taking)))
        )
        onRoom = undefined
        if (Exit.isSuccess(exit)) return exit.value
        if (!Cause.hasInterruptsOnly(exit.cause)) return yield* Effect.failCause(exit.cause)
      }
    })

    /** It was taken in the moment of the end. */
    const giveBack = (taking: Fiber.Fiber<ReadonlyArray<TaskQueue.Lease>>) => {
      const exit = taking.pollUnsafe()
      return exit !== undefined && Exit.isSuccess(exit)
        ? Effect.forEach(exit.value, (lease) => queue.release(lease), { discard: true })
        : Effect.void
    }

    const startedAt = new Date(clock.currentTimeMillisUnsafe()).toISOString()
    const enlist = (draining: boolean) =>
      queue.enlist({
        name,
        concurrency,
        ...(options.lanes === undefined ? {} : { lanes: options.lanes }),
        ...(options.host === undefined ? {} : { host: options.host }),
        startedAt,
        draining
      })
    yield* enlist(false)

    const context = yield* Effect.context()
    // What was taken is begun, whenever the end comes.
    const dispatch = Effect.uninterruptibleMask(
      Effect.fnUntraced(function* (restore) {
        // Room is seldom alone: what else becomes free in this moment is asked for together.
        while (free <= 0) yield* restore(Effect.andThen(hasRoom, Effect.yieldNow))
        const leases = yield* take(restore)
        free -= leases.length
        leases.forEach(begin)
        // It got less than it had asked for: the other may ask for some of the rest.
        if (free > 0) waiting.shift()?.()
      })
    )
    const dispatchers: Array<Fiber.Fiber<never>> = []
    for (let i = 0; i < dispatcherCount; i++) dispatchers.push(yield* Effect.forkScoped(Effect.forever(dispatch)))
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.map(queue.lost(name), (leases) => {
          for (const { nonce } of leases) {
            const entry = running.get(nonce)
            if (entry?.state !== "working") continue
            entry.state = "lost"
            entry.fiber?.interruptUnsafe()
          }
        })
      )
    )
    yield* Scope.addFinalizer(
      scope,
      Effect.gen(function* () {
        yield* Fiber.interruptAll(dispatchers)
        const { graceMillis = 0 } = options
        if (graceMillis > 0 && running.size > 0) {
          yield* enlist(true)
          if (!queue.isShared) {
            // Nobody renews any more: what is still worked on here must stay here for as long as that may take.
            const executionIds = [...new Set(Array.from(running.values(), ({ lease }) => lease.executionId))]
            const leaseMillis = graceMillis + storageBackoffMillis
            yield* Effect.ignore(log.adopt({ owner: name, leaseMillis, limit: executionIds.length, executionIds }))
          }
          const all = Effect.forEach(fibers(), (fiber) => Fiber.await(fiber), { concurrency: "unbounded" })
          yield* Effect.timeoutOption(all, graceMillis)
        }
        stopping = true
        yield* Fiber.interruptAll(fibers())
        // Only now: whoever takes the executions up finds nobody else at work on them.
        yield* Effect.ignore(log.disown(name))
        yield* queue.dismiss(name)
      })
    )

    return Worker.of({
      name,
      running: Effect.sync(() => Array.from(running.values(), ({ lease }) => lease)),
      enqueue,
      announce: (committed) => announce(committed),
      heard
    })
  })

/** A worker in this process, for as long as the layer lives. */
export const layer = (
  options: Options = {}
): Layer.Layer<
  Worker,
  never,
  EventLog.EventLog | TaskQueue.TaskQueue | Ledger | CodeRegistry | Llm.Llm | Toolbox.Toolbox | Workspace.Workspace
> => Layer.effect(Worker, make(options))
