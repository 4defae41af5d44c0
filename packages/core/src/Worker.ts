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
import * as Condition from "./AgentLoop/Condition.ts"
import { failed, Lost, spentUntil, type Ended, type Leg } from "./AgentLoop/Leg.ts"
import { textOf, type Upstream } from "./AgentLoop/Prompting.ts"
import * as Transcript from "./AgentLoop/Transcript.ts"
import type * as Decision from "./Decision.ts"
import * as EventLog from "./EventLog.ts"
import * as Execution from "./Execution.ts"
import * as ExecutionEvent from "./ExecutionEvent.ts"
import { CodeRegistry } from "./internal/CodeRegistry.ts"
import { Ledger, type Committed } from "./internal/Ledger.ts"
import * as TakeOver from "./internal/TakeOver.ts"
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
  }
>()("@crewline/core/Worker") {}

/** How long a task rests in the queue after the storage failed under it, in milliseconds. */
const storageBackoffMillis = 1_000

interface Running {
  readonly lease: TaskQueue.Lease
  fiber: Fiber.Fiber<void> | undefined
  /** `lost`: somebody else's from now on. `over`: the lease is the queue's business; losing it must not stop the one who tells. */
  state: "working" | "lost" | "over"
}

const unstored = ({ description, isRetryable }: EventLog.Unavailable): Ended =>
  failed("storage", `What the task came to could not be stored: ${description}`, { isRetryable, keepsTurns: true })

const make = (options: Options) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const queue = yield* TaskQueue.TaskQueue
    const ledger = yield* Ledger
    const registry = yield* CodeRegistry
    const services = { llm: yield* Llm.Llm, toolbox: yield* Toolbox.Toolbox, workspace: yield* Workspace.Workspace }
    const runner = yield* Runner
    const memory = yield* Effect.serviceOption(Memory.Memory)
    const clock = yield* Clock.Clock
    const scope = yield* Scope.Scope
    const name = options.name ?? `worker-${(yield* Random.next).toString(36).slice(2, 10)}`
    const maxCrashes = options.maxCrashes ?? 5
    const running = new Map<number, Running>()

    const takeOver = TakeOver.complete(log, ledger)

    const enqueue = Effect.fnUntraced(function* (given: Execution.Execution) {
      const state = yield* takeOver(given)
      if (state.status !== "running") return
      const tenant = yield* Tenant.Current
      yield* queue.submit(TaskQueue.factsOf(state, { tenant, now: clock.currentTimeMillisUnsafe() }))
      // What was committed meanwhile was told to a queue that did not know the execution yet.
      const now = ledger.seen(state.id)
      if (now === undefined || now.lastSeq === state.lastSeq) return
      yield* queue.tell(state.id, TaskQueue.newsOf(now))
    })

    const rebuild = Effect.fnUntraced(function* (executionId: string) {
      yield* queue.forget(executionId)
      yield* enqueue(yield* ledger.state(executionId))
    })

    const announce = Effect.fnUntraced(function* ({ events, state }: Committed, lease?: TaskQueue.Lease) {
      const settled: Array<string> = []
      for (const event of events) {
        switch (event.type) {
          case "ExecutionEnded":
            registry.forget(state.id)
            ledger.forget(state.id)
            return yield* queue.forget(state.id)
          case "TaskRetried":
            if (lease !== undefined) yield* queue.release(lease, event.delayMillis)
            break
          case "TaskReleased":
            if (lease !== undefined) yield* queue.release(lease)
            break
          case "TaskSuspended":
            if (lease !== undefined) {
              const spawn = event.spawn.map((task) => TaskQueue.nodeOf(state.plan, task))
              yield* queue.suspend(lease, { run: event.run, waits: event.waits, spawn })
            }
            break
          case "SignalReceived":
            yield* queue.tell(state.id, { signals: [event.signal] })
            break
          case "ExecutionPaused":
          case "ExecutionResumed":
            yield* queue.tell(state.id, { pause: { paused: event.type === "ExecutionPaused", seq: event.seq } })
            break
          default:
            if (ExecutionEvent.isTerminal(event)) settled.push((event as ExecutionEvent.TaskCompleted).taskId)
        }
      }
      if (settled.length > 0) yield* queue.tell(state.id, { settled })
    })

    /** What the queue is told when the log refuses a start. */
    const refused = (
      lease: TaskQueue.Lease,
      refusal: Decision.Refusal
    ): Effect.Effect<unknown, EventLog.EventLogError> => {
      switch (refusal) {
        case "ended":
          ledger.forget(lease.executionId)
          return queue.forget(lease.executionId)
        case "settled":
          return queue.tell(lease.executionId, { settled: [lease.taskId] })
        case "suspended": {
          const state = ledger.seen(lease.executionId)
          if (state === undefined) return queue.release(lease)
          // The queue may lack more than the wait: what the task spawned, and what came since.
          const now = clock.currentTimeMillisUnsafe()
          const facts = TaskQueue.factsOf(state, { tenant: lease.tenant, now })
          const suspended = facts.suspended.find(({ id }) => id === lease.taskId)
          if (suspended === undefined) return queue.release(lease)
          const { remainingMillis, run, waits } = suspended
          const left = remainingMillis === undefined ? waits : { ...waits, timeoutMillis: remainingMillis }
          return Effect.andThen(
            queue.suspend(lease, { run, waits: left, spawn: facts.nodes }),
            queue.tell(lease.executionId, { settled: facts.settled, signals: facts.signals })
          )
        }
        case "paused":
          // It may have gone on since: what is told last must be what the log said last.
          return Effect.andThen(
            Effect.suspend(() => {
              const { lastSeq = 0, paused = true } = ledger.seen(lease.executionId) ?? {}
              return queue.tell(lease.executionId, { pause: { paused, seq: lastSeq } })
            }),
            queue.release(lease)
          )
        case "dependencies":
        case "unknown-task":
          return rebuild(lease.executionId)
        case "delayed": {
          const task = Execution.task(ledger.seen(lease.executionId)!, lease.taskId)!
          return queue.release(lease, Math.max(Date.parse(task.retryAt!) - clock.currentTimeMillisUnsafe(), 0))
        }
        case "stale":
        case "already":
          return queue.release(lease)
      }
    }

    const upstreamOf = Effect.fnUntraced(function* (state: Execution.Execution, ids: ReadonlyArray<string>) {
      if (ids.length === 0) return []
      const completed = ids.filter((id) => Execution.task(state, id)?.status === "completed")
      const outputs = yield* log.outputs(state.id, completed)
      return ids.map((id): Upstream => {
        const task = Execution.task(state, id)!
        return {
          task: id,
          status: task.status as Upstream["status"],
          output: outputs.get(id),
          error: task.failure?.message
        }
      })
    })

    const deltas = (state: Execution.Execution, taskId: string, run: number, context: Context.Context<never>) => {
      const fork = Effect.runForkWith(context)
      return (turn: number, offset: number, delta: string) => {
        const at = new Date(clock.currentTimeMillisUnsafe()).toISOString()
        fork(log.publish({ type: "TextDelta", executionId: state.id, at, taskId, run, turn, offset, delta }))
      }
    }

    /** What the crew remembers that may help with a task. A memory that fails costs the task nothing. */
    const recall = (state: Execution.Execution, plan: PlannedTask, upstream: ReadonlyArray<Upstream>) => {
      if (state.plan.memory !== true || memory._tag === "None") return Effect.succeed<ReadonlyArray<string>>([])
      const text = [plan.description, ...upstream.map(({ output }) => (output === undefined ? "" : textOf(output)))]
      return memory.value
        .recall({
          text: text.join("\n"),
          scope: { crew: state.plan.name, agent: plan.agent, execution: state.id }
        })
        .pipe(
          Effect.map((recalled) => recalled.map((each) => each.text)),
          Effect.catch((error) => Effect.as(Effect.logWarning(error.message), []))
        )
    }

    const remember = (state: Execution.Execution, task: PlannedTask, { outcome }: Ended) =>
      state.plan.memory !== true || memory._tag === "None" || outcome._tag !== "Completed"
        ? Effect.void
        : Effect.catch(
            memory.value.remember([
              { kind: "long-term", text: textOf(outcome.output), scope: { crew: state.plan.name } }
            ]),
            (error) => Effect.logWarning(`What task "${task.id}" came to is not remembered: ${error.message}`)
          )

    const runLeg = Effect.fnUntraced(function* (state: Execution.Execution, task: Execution.Task) {
      const { plan } = task
      const crewCode = registry.find(state.id, state.plan.name)
      const code = crewCode?.[plan.id]
      if (plan.outputCode === true && code?.output === undefined) {
        return failed(
          "missing-code",
          `This process does not have the output schema of task "${plan.id}": resume the execution with its crew.`,
          { isRetryable: false }
        )
      }
      const wanted = plan.when === undefined ? plan.context : [...new Set([...plan.context, plan.when.task])]
      const upstream = yield* upstreamOf(state, wanted)
      // A first run has no past. A later one reads its own, after its start is in the log.
      const history =
        task.run === 1 ? Transcript.empty : Transcript.fromEvents(yield* log.read(state.id, { taskId: plan.id }))
      const spent = spentUntil(state, plan)
      const leg: Leg = {
        executionId: state.id,
        plan: state.plan,
        task: plan,
        run: task.run,
        upstream: plan.context.map((id) => upstream.find((each) => each.task === id)!),
        // What was recalled stands in the first turn: once that is recorded, nothing is recalled again.
        memories: history.turns.length === 0 ? yield* recall(state, plan, upstream) : [],
        history,
        ...(spent === undefined ? {} : { spent }),
        code,
        record: (events) =>
          Effect.flatMap(ledger.record(state.id, { taskId: plan.id, run: task.run, events }), (ours) =>
            ours ? Effect.void : Effect.fail(new Lost())
          ),
        ...(options.streaming === true ? { onDelta: deltas(state, plan.id, task.run, yield* Effect.context()) } : {})
      }
      const condition =
        plan.when === undefined
          ? true
          : yield* Condition.holds(
              leg,
              upstream.find((each) => each.task === plan.when!.task)?.output,
              crewCode?.[plan.when.task]?.output
            )
      if (condition === false) return { outcome: { _tag: "Skipped" }, progress: [] } satisfies Ended
      return condition === true ? yield* runner(services, leg) : condition
    })

    const finish = Effect.fnUntraced(function* (lease: TaskQueue.Lease, run: number, { outcome, progress }: Ended) {
      const decided = yield* ledger.decide(lease.executionId, {
        _tag: "Finish",
        taskId: lease.taskId,
        run,
        outcome,
        progress,
        jitter: yield* Random.next
      })
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
          const decided = yield* ledger.decide(lease.executionId, {
            _tag: "Start",
            taskId: lease.taskId,
            worker: name,
            maxCrashes,
            ...(lease.timedOut === undefined ? {} : { timedOut: lease.timedOut }),
            now: clock.currentTimeMillisUnsafe(),
            ...(seen === undefined ? {} : { seenRun: seen.run, seenAttempt: seen.attempt })
          })
          if (Result.isFailure(decided)) return yield* refused(lease, decided.failure)
          const task = Execution.task(decided.success.state, lease.taskId)!
          if (task.status !== "running") {
            entry.state = "over"
            return yield* announce(decided.success, lease)
          }
          const { run } = task
          const ended = yield* restore(runLeg(decided.success.state, task)).pipe(
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
                ? Effect.ignore(finish(lease, run, { outcome: { _tag: "Released" }, progress: [] }))
                : Effect.void
            )
          )
          entry.state = "over"
          const stored = yield* Effect.catchReason(
            finish(lease, run, ended),
            "EventLogError",
            "Unavailable",
            (reason, error) =>
              // What cannot be stored cannot be stored the next time either.
              reason.isRetryable ? Effect.fail(error) : Effect.as(finish(lease, run, unstored(reason)), false)
          )
          if (stored) yield* restore(remember(decided.success.state, task.plan, ended))
        })
      )

    let free = options.concurrency ?? 256
    let stopping = false
    let wakeDispatcher: (() => void) | undefined

    const begin = (lease: TaskQueue.Lease) => {
      const entry: Running = { lease, fiber: undefined, state: "working" }
      running.set(lease.nonce, entry)
      const body = Effect.catch(
        work(entry),
        Effect.fnUntraced(function* (error) {
          if (error._tag === "Lost") return yield* queue.release(lease)
          if (error.reason._tag === "UnknownExecution") return yield* queue.forget(lease.executionId)
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
        free++
        wakeDispatcher?.()
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
      if (free > 0) return resume(Effect.void)
      wakeDispatcher = () => {
        wakeDispatcher = undefined
        resume(Effect.void)
      }
      return Effect.sync(() => {
        wakeDispatcher = undefined
      })
    })

    const context = yield* Effect.context()
    const dispatcher = yield* Effect.forkScoped(
      Effect.forever(
        // What was taken is begun, whenever the end comes.
        Effect.uninterruptibleMask(
          Effect.fnUntraced(function* (restore) {
            if (free <= 0) yield* restore(hasRoom)
            const leases = yield* restore(queue.take({ worker: name, limit: free }))
            free -= leases.length
            leases.forEach(begin)
          })
        )
      )
    )
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
        yield* Fiber.interrupt(dispatcher)
        const { graceMillis = 0 } = options
        if (graceMillis > 0 && running.size > 0) {
          // Nobody renews any more: what is still worked on here must stay here for as long as that may take.
          const executionIds = [...new Set(Array.from(running.values(), ({ lease }) => lease.executionId))]
          const leaseMillis = graceMillis + storageBackoffMillis
          yield* Effect.ignore(log.adopt({ owner: name, leaseMillis, limit: executionIds.length, executionIds }))
          const all = Effect.forEach(fibers(), (fiber) => Fiber.await(fiber), { concurrency: "unbounded" })
          yield* Effect.timeoutOption(all, graceMillis)
        }
        stopping = true
        yield* Fiber.interruptAll(fibers())
        // Only now: whoever takes the executions up finds nobody else at work on them.
        yield* Effect.ignore(log.disown(name))
      })
    )

    return Worker.of({
      name,
      running: Effect.sync(() => Array.from(running.values(), ({ lease }) => lease)),
      enqueue,
      announce: (committed) => announce(committed)
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
