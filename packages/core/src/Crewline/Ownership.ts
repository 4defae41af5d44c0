/**
 * The executions that this process looks after: it watches their time limit, and that the queue has them and all that the log says.
 *
 * The log gives each unfinished execution to one owner, by a lease. With a queue of its own the owner is also who runs it. With a
 * shared queue any process does: an owner keeps no more than a line of each, and reads one only when the queue may lack something.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as EventLog from "../EventLog.ts"
import type * as Execution from "../Execution.ts"
import type * as Plan from "../Plan.ts"
import * as QueueFacts from "../QueueFacts.ts"
import * as TaskQueue from "../TaskQueue.ts"
import * as Tenant from "../Tenant.ts"
import * as Worker from "../Worker.ts"
import { CodeRegistry } from "../Worker/CodeRegistry.ts"
import { Ledger } from "../Worker/Ledger.ts"
import * as LogClock from "../Worker/LogClock.ts"

export interface Options {
  readonly leaseMillis: number
  readonly sweepMillis: number
  /** Ends an execution whose time is over. */
  readonly stop: (executionId: string, millis: number) => Effect.Effect<void, EventLog.EventLogError>
}

interface Owned {
  readonly tenant: string
  timer: Fiber.Fiber<unknown> | undefined
  /** As the last sweep saw it, and how many sweeps have passed it over since the queue was asked. */
  lastSeq: number
  passes: number
}

/** Executions that are taken up at once, besides those that are looked after already. */
const adoptLimit = 10_000
/** Executions that are read at once when many have to be taken up. */
const takeUpConcurrency = 16
/** What moves is not lost: the queue is asked about it only every so many sweeps. */
const mostPasses = 2
/** Executions of the queue that a sweep looks up in the log. */
const knownLimit = 200

/** Says what failed, defects included; an interruption goes on. */
const warn = (text: string) => (cause: Cause.Cause<unknown>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.logWarning(text, cause)

export const make = Effect.fnUntraced(function* ({ leaseMillis, stop, sweepMillis }: Options) {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const worker = yield* Worker.Worker
  const ledger = yield* Ledger
  const registry = yield* CodeRegistry
  const scope = yield* Scope.Scope
  const now = LogClock.make(log, yield* Clock.Clock)
  const all = new Map<string, Owned>()

  /** From now on this process looks after it. */
  const own = Effect.fnUntraced(function* (executionId: string, plan: Plan.Plan, startedAt: string, lastSeq: number) {
    const entry: Owned = { tenant: yield* Tenant.Current, timer: undefined, lastSeq, passes: 0 }
    const { timeoutMillis } = plan
    const left =
      timeoutMillis === undefined
        ? 0
        : Math.min(Math.max(Date.parse(startedAt) + timeoutMillis - (yield* now), 0), timeoutMillis)
    if (all.has(executionId)) return false
    all.set(executionId, entry)
    if (timeoutMillis === undefined) return true
    const over = stop(executionId, timeoutMillis).pipe(
      // A storage that fails does not make the execution run for ever.
      Effect.retry({ while: ({ reason }) => reason._tag === "Unavailable", schedule: Schedule.spaced(sweepMillis) }),
      Effect.ignore
    )
    entry.timer = yield* Effect.forkIn(Effect.delay(over, left), scope)
    return true
  })

  const letGo = (executionId: string): void => {
    const entry = all.get(executionId)
    all.delete(executionId)
    entry?.timer?.interruptUnsafe()
  }
  ledger.onEnded(letGo)

  /** Looks after an execution whose state is known, and submits it. */
  const activate = Effect.fnUntraced(function* (state: Execution.Execution) {
    if (yield* own(state.id, state.plan, state.startedAt, state.lastSeq)) yield* worker.enqueue(state)
  })

  /** Gone from the queue; or quiet there, and behind the log: it may lack a fact. */
  const check = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
    const { status, upTo } = yield* queue.inspect(executionId)
    if (status === "busy" || (status === "idle" && upTo >= lastSeq) || !all.has(executionId)) return
    const state = yield* ledger.state(executionId)
    if (state.status !== "running") return yield* queue.forget(executionId)
    if (status === "absent") return yield* worker.enqueue(state)
    yield* queue.tell(executionId, QueueFacts.newsOf(state))
  })

  const takeUpLocally = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
    if (all.has(executionId)) {
      // What others wrote is told to the queue when it is read.
      if ((ledger.seen(executionId)?.lastSeq ?? 0) < lastSeq) yield* ledger.state(executionId)
      return yield* check(executionId, lastSeq)
    }
    const state = yield* ledger.state(executionId)
    if (state.status !== "running") return ledger.forget(executionId)
    if (state.plan.needsCode === true && registry.find(executionId, state.plan.name) === undefined) {
      ledger.forget(executionId)
      return yield* Effect.logDebug(
        `Execution ${executionId} waits for the code of crew "${state.plan.name}": resume it with its crew.`
      )
    }
    yield* activate(state)
  })

  const takeUpShared = Effect.fnUntraced(function* (executionId: string, lastSeq: number) {
    const entry = all.get(executionId)
    if (entry === undefined) {
      const [started] = yield* log.read(executionId, { limit: 1, payloads: false })
      if (started?.type !== "ExecutionStarted") return
      yield* own(executionId, started.plan, started.at, lastSeq)
    } else if (entry.lastSeq !== lastSeq && ++entry.passes < mostPasses) {
      entry.lastSeq = lastSeq
      return
    } else {
      entry.lastSeq = lastSeq
      entry.passes = 0
    }
    yield* check(executionId, lastSeq)
  })

  /** An execution that this process owns. */
  const takeUp = queue.isShared ? takeUpShared : takeUpLocally

  let cursor: string | undefined
  /** Forgets what the log has ended, or does not have; a page of what the queue knows at a time. */
  const tidy = Effect.fnUntraced(function* (owned: ReadonlySet<string>) {
    const page = yield* queue.known({ after: cursor, limit: knownLimit })
    cursor = page.length < knownLimit ? undefined : page.at(-1)!.executionId
    yield* Effect.forEach(
      page.filter(({ executionId }) => !owned.has(executionId)),
      ({ executionId, tenant }) =>
        log.summary(executionId).pipe(
          Effect.map(({ endedAt }) => endedAt !== undefined),
          Effect.catchReasons("EventLogError", {
            UnknownExecution: () => Effect.succeed(true),
            Gone: () => Effect.succeed(true)
          }),
          Effect.flatMap((isOver) => (isOver ? queue.forget(executionId) : Effect.void)),
          Effect.provideService(Tenant.Current, tenant)
        ),
      { concurrency: takeUpConcurrency, discard: true }
    )
  })

  /** Owned executions that are not looked after yet are taken up; those that are not owned any more are let go. */
  const sweep = Effect.fnUntraced(function* () {
    // What begins while the log is asked is not in its answer.
    const before = [...all.keys()]
    const until = (yield* Clock.currentTimeMillis) + sweepMillis
    const owned = yield* log.adopt({ owner: worker.name, leaseMillis, limit: all.size + adoptLimit })
    const ids = new Set(owned.map((each) => each.executionId))
    for (const id of before) {
      if (ids.has(id) || !all.has(id)) continue
      letGo(id)
      registry.forget(id)
      // Whoever owns it now has a queue of its own; a shared one is everybody's.
      if (queue.isShared) continue
      yield* queue.forget(id)
      ledger.forget(id)
    }
    yield* Effect.forEach(
      owned,
      Effect.fnUntraced(function* ({ executionId, lastSeq, tenant }) {
        // The rest comes with the next sweep: what runs here has to be renewed in time.
        if ((yield* Clock.currentTimeMillis) >= until) return
        yield* takeUp(executionId, lastSeq).pipe(
          Effect.provideService(Tenant.Current, tenant),
          // One that cannot be read must not keep the others waiting.
          Effect.catchCause(warn(`Execution ${executionId} could not be taken up`))
        )
      }),
      { concurrency: takeUpConcurrency, discard: true }
    )
    // Also where the queue is this process's own: what was submitted in the moment of its end would stay for ever.
    yield* tidy(ids)
  })

  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.catchCause(sweep(), warn("Looking for unfinished executions failed")),
        Effect.sleep(sweepMillis)
      )
    )
  )

  return { has: (executionId: string) => all.has(executionId), activate, takeUp }
})
