/**
 * The folds of the executions that this process works on, and the one place where structural decisions are committed.
 *
 * Decisions about one execution are taken one after the other; those that arrive while an append is under way share the next one.
 * A decision that meets a conflict is taken again on the newer state; nothing is ever appended that was decided on an older one.
 * A decision once asked for is taken, also when the one who asked is interrupted. Ended executions are not kept, and of those on
 * which nobody here works only so many as may be: they are read again when they are asked for.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { Draft, ExecutionEvent } from "../ExecutionEvent.ts"
import * as Tenant from "../Tenant.ts"

/** What a decision came to. `state` includes its events. */
export interface Committed {
  readonly events: ReadonlyArray<ExecutionEvent>
  readonly state: Execution.Execution
}

type Answer = Result.Result<Committed, Decision.Refusal>

interface Request {
  readonly command: Decision.Command
  readonly answer: Deferred.Deferred<Answer, EventLog.EventLogError>
}

interface Entry {
  readonly id: string
  readonly tenant: string
  state: Execution.Execution | undefined
  /** Events that came back before an earlier one did. */
  readonly ahead: Map<number, ExecutionEvent>
  readonly requests: Array<Request>
  busy: boolean
  /** Tasks of the state, and one. */
  weight: number
  readonly leaving: Set<() => void>
}

/** No single command is to blame: the storage is gone for a while, or does not know the execution. */
const isOutage = (error: EventLog.EventLogError): boolean =>
  error.reason._tag !== "Unavailable" || error.reason.isRetryable

/** Numbered as the log would; the time is not known yet. */
const applyDraft = (state: Execution.Execution, draft: Draft): Execution.Execution =>
  Execution.apply(state, { ...draft, seq: state.lastSeq + 1, at: state.startedAt, executionId: state.id })

/** What a list shows after these, unless the events tell it: looking costs a walk over the tasks, and few ever wait for people. */
const presented = (base: Execution.Execution, drafts: ReadonlyArray<Draft>): Execution.Status | undefined => {
  const concerns = (draft: Draft) =>
    draft.type === "ExecutionPaused" ||
    draft.type === "ExecutionResumed" ||
    (draft.type === "TaskSuspended" && draft.waits.signals.length > 0)
  return base.paused || base.asking > 0 || drafts.some(concerns)
    ? Execution.statusOf(drafts.reduce(applyDraft, base))
    : undefined
}

/** Appends that the storage may have taken although it answered nothing are sent again, with the same nonce. */
const appendTries = 6
const appendBackoffMillis = 100

export class Ledger extends Context.Service<
  Ledger,
  {
    /** The state as of now: reads what came since. */
    readonly state: (executionId: string) => Effect.Effect<Execution.Execution, EventLog.EventLogError>
    /** The state as last seen, without reading. */
    readonly seen: (executionId: string) => Execution.Execution | undefined
    readonly decide: (executionId: string, command: Decision.Command) => Effect.Effect<Answer, EventLog.EventLogError>
    /** Appends progress of a task. False: the run is not the task's current one any more, its work must stop. */
    readonly record: (
      executionId: string,
      options: { readonly taskId: string; readonly run: number; readonly events: NonEmptyReadonlyArray<Draft> }
    ) => Effect.Effect<boolean, EventLog.EventLogError>
    /** Somebody here works on the execution: it stays known until as many have let go of it. */
    readonly hold: (executionId: string) => void
    readonly letGo: (executionId: string) => void
    /** Drops what is known of the execution, as soon as nobody holds it; those who wait for its end here are told. */
    readonly forget: (executionId: string) => void
    /** How many executions are known. */
    readonly size: () => number
    /** Is told of every execution that ends here. */
    readonly onEnded: (listener: (executionId: string) => void) => void
    /** Is told of what is read of an execution that was known before: most of it others have written. */
    readonly onRead: (listener: (read: Committed) => void) => void
    /** Waits until the execution has ended, or is not this process's business any more. */
    readonly left: (executionId: string) => Effect.Effect<void>
  }
>()("@crewline/core/Worker/Ledger/Ledger") {
  static readonly layer: Layer.Layer<Ledger, never, EventLog.EventLog> = Layer.effect(
    Ledger,
    Effect.suspend(() => make(Number.POSITIVE_INFINITY))
  )

  /** Knows executions of so many tasks at most, besides those that are held. */
  static readonly layerBounded = (tasks: number): Layer.Layer<Ledger, never, EventLog.EventLog> =>
    Layer.effect(Ledger, make(tasks))
}

const make = (mostTasks: number) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    /** Those that were used last come last. */
    const entries = new Map<string, Entry>()
    const holders = new Map<string, number>()
    /** Held, but of no use after that. */
    const unwanted = new Set<string>()
    let weight = 0
    const writer = `${(yield* Random.next).toString(36).slice(2, 12)}-`
    let appends = 0
    const listeners = new Set<(executionId: string) => void>()
    const readers = new Set<(read: Committed) => void>()

    const entryOf = (id: string, tenant: string): Entry => {
      const known = entries.get(id)
      if (known?.tenant === tenant) {
        if (mostTasks < Number.POSITIVE_INFINITY) {
          entries.delete(id)
          entries.set(id, known)
        }
        return known
      }
      const entry: Entry = {
        id,
        tenant,
        state: undefined,
        ahead: new Map(),
        requests: [],
        busy: false,
        weight: 0,
        leaving: new Set()
      }
      // Somebody asks under another tenant: the log will refuse one of the two, and neither may touch what the other knows.
      if (known === undefined) entries.set(id, entry)
      return entry
    }

    const drop = (entry: Entry): void => {
      if (entries.get(entry.id) !== entry) return
      entries.delete(entry.id)
      weight -= entry.weight
    }

    /** Keeps what was used last; what somebody is at work on stays. */
    const weigh = (entry: Entry): void => {
      if (entries.get(entry.id) !== entry) return
      const now = HashMap.size(entry.state!.tasks) + 1
      weight += now - entry.weight
      entry.weight = now
      if (weight <= mostTasks) return
      for (const other of entries.values()) {
        if (other === entry || other.busy || other.leaving.size > 0 || holders.has(other.id)) continue
        drop(other)
        if (weight <= mostTasks) return
      }
    }

    /** Nothing was found out about the execution: it does not exist, or takes no more appends. */
    const tidy = (entry: Entry): void => {
      if (entry.state === undefined && !entry.busy) drop(entry)
    }

    const absorb = (entry: Entry, events: ReadonlyArray<ExecutionEvent>): void => {
      const before = entry.state?.status
      add(entry, events)
      if (entry.state === undefined) return
      if (entry.state.status === "running") return weigh(entry)
      drop(entry)
      if (before !== "running") return
      leave(entry)
      for (const listener of listeners) listener(entry.id)
    }

    const add = (entry: Entry, events: ReadonlyArray<ExecutionEvent>): void => {
      for (const event of events) {
        const { state } = entry
        if (state === undefined) {
          if (event.type === "ExecutionStarted") entry.state = Execution.make(event)
        } else if (event.seq === state.lastSeq + 1) entry.state = Execution.apply(state, event)
        else if (event.seq > state.lastSeq) entry.ahead.set(event.seq, event)
      }
      if (entry.ahead.size === 0 || entry.state === undefined) return
      for (const seq of [...entry.ahead.keys()].sort((a, b) => a - b)) {
        if (seq > entry.state.lastSeq + 1) break
        if (seq === entry.state.lastSeq + 1) entry.state = Execution.apply(entry.state, entry.ahead.get(seq)!)
        entry.ahead.delete(seq)
      }
    }

    const leave = (entry: Entry): void => {
      for (const resume of entry.leaving) resume()
      entry.leaving.clear()
    }

    const refresh = (entry: Entry): Effect.Effect<Execution.Execution, EventLog.EventLogError> =>
      Effect.flatMap(log.read(entry.id, { after: entry.state?.lastSeq ?? 0, payloads: false }), (events) => {
        const isKnown = entry.state !== undefined
        absorb(entry, events)
        const { state } = entry
        if (state === undefined) {
          const reason = new EventLog.UnknownExecution({ executionId: entry.id })
          return Effect.fail(new EventLog.EventLogError({ operation: "read", reason }))
        }
        if (isKnown && events.length > 0) for (const reader of readers) reader({ events, state })
        return Effect.succeed(state)
      })

    const append = (
      entry: Entry,
      events: NonEmptyReadonlyArray<Draft>,
      expectVersion: number | undefined,
      status?: Execution.Status
    ): Effect.Effect<EventLog.Appended, EventLog.EventLogError> => {
      const options = {
        nonce: `${writer}${appends++}`,
        ...(expectVersion === undefined ? {} : { expectVersion }),
        ...(status === undefined ? {} : { status })
      }
      const attempt = (left: number): Effect.Effect<EventLog.Appended, EventLog.EventLogError> =>
        Effect.catchTag(log.append(entry.id, events, options), "EventLogError", (error) =>
          error.reason._tag === "Unavailable" && error.reason.isRetryable && left > 0
            ? Effect.andThen(Effect.sleep(appendBackoffMillis * 2 ** (appendTries - left)), attempt(left - 1))
            : Effect.fail(error)
        )
      return attempt(appendTries)
    }

    /** Decides a batch of commands on one state, each after the other, and appends all that they cause at once. */
    const commit = Effect.fnUntraced(function* (entry: Entry, batch: ReadonlyArray<Request>) {
      let fresh = false
      if (entry.state === undefined || entry.ahead.size > 0) {
        yield* refresh(entry)
        fresh = true
      }
      for (;;) {
        const base = entry.state!
        let state = base
        const drafts: Array<Draft> = []
        const decided: Array<Result.Result<readonly [from: number, to: number], Decision.Refusal>> = []
        for (const { command } of batch) {
          const result = Decision.decide(state, command)
          if (Result.isFailure(result)) {
            decided.push(Result.fail(result.failure))
            continue
          }
          decided.push(Result.succeed([drafts.length, drafts.length + result.success.length]))
          drafts.push(...result.success)
          if (batch.length === 1) break
          state = result.success.reduce(applyDraft, state)
        }
        // What is refused on a state that may be old is decided once more on the newest one.
        if (!fresh && decided.some(Result.isFailure)) {
          yield* refresh(entry)
          fresh = true
          continue
        }
        let events: ReadonlyArray<ExecutionEvent> = []
        if (drafts.length > 0) {
          const status = presented(base, drafts)
          const appended = yield* Effect.result(append(entry, drafts as [Draft, ...Array<Draft>], base.version, status))
          if (Result.isFailure(appended)) {
            const tag = appended.failure.reason._tag
            if (tag !== "Conflict" && tag !== "Ended" && tag !== "AlreadySettled") return yield* appended.failure
            yield* refresh(entry)
            fresh = true
            continue
          }
          events = appended.success.events
          absorb(entry, events)
          if (entry.ahead.size > 0) yield* refresh(entry)
        }
        for (let i = 0; i < batch.length; i++) {
          const result = decided[i]!
          Deferred.doneUnsafe(
            batch[i]!.answer,
            Effect.succeed(
              Result.isFailure(result)
                ? Result.fail(result.failure)
                : Result.succeed({ events: events.slice(...result.success), state: entry.state! })
            )
          )
        }
        return
      }
    })

    const take = (entry: Entry, batch: ReadonlyArray<Request>): Effect.Effect<void> =>
      Effect.catchCause(commit(entry, batch), (cause) => {
        // One of them cannot be stored, or decided: the others need not suffer for it.
        if (batch.length > 1 && !cause.reasons.some((reason) => reason._tag === "Fail" && isOutage(reason.error))) {
          return Effect.forEach(batch, (request) => take(entry, [request]), { discard: true })
        }
        for (const { answer } of batch) Deferred.doneUnsafe(answer, Effect.failCause(cause))
        return Effect.void
      })

    const drain = Effect.fnUntraced(function* (entry: Entry) {
      while (entry.requests.length > 0) yield* take(entry, entry.requests.splice(0))
      entry.busy = false
      tidy(entry)
    })

    const record = Effect.fnUntraced(
      function* (entry: Entry, taskId: string, run: number, events: NonEmptyReadonlyArray<Draft>) {
        const appended = yield* Effect.result(append(entry, events, undefined))
        if (Result.isFailure(appended)) {
          if (appended.failure.reason._tag === "Ended") return false
          return yield* appended.failure
        }
        absorb(entry, appended.success.events)
        // Another version than ours: something structural happened; it may have fenced this run off.
        const known = entry.state
        const state = known?.version === appended.success.version ? known : yield* refresh(entry)
        const task = Execution.task(state, taskId)
        return task !== undefined && task.run === run && task.status === "running" && state.status === "running"
      },
      (effect, entry) =>
        Effect.ensuring(
          effect,
          Effect.sync(() => tidy(entry))
        )
    )

    const forget = (executionId: string): void => {
      const entry = entries.get(executionId)
      if (entry === undefined) return
      leave(entry)
      if (holders.has(executionId)) unwanted.add(executionId)
      else drop(entry)
    }

    return Ledger.of({
      state: (executionId) =>
        Effect.withFiber((fiber) => {
          const entry = entryOf(executionId, fiber.getRef(Tenant.Current))
          return Effect.ensuring(
            refresh(entry),
            Effect.sync(() => tidy(entry))
          )
        }),
      seen: (executionId) => entries.get(executionId)?.state,
      size: () => entries.size,
      decide: (executionId, command) =>
        Effect.withFiber((fiber) => {
          const entry = entryOf(executionId, fiber.getRef(Tenant.Current))
          const answer = Deferred.makeUnsafe<Answer, EventLog.EventLogError>()
          entry.requests.push({ command, answer })
          if (!entry.busy) {
            entry.busy = true
            // By nobody's fiber: who came first must not work for all who come after, nor take them with it when it ends.
            Effect.runForkWith(fiber.context)(drain(entry))
          }
          return Deferred.await(answer)
        }),
      record: (executionId, { events, run, taskId }) =>
        Effect.withFiber((fiber) => record(entryOf(executionId, fiber.getRef(Tenant.Current)), taskId, run, events)),
      hold: (executionId) => void holders.set(executionId, (holders.get(executionId) ?? 0) + 1),
      letGo: (executionId) => {
        const left = (holders.get(executionId) ?? 1) - 1
        if (left > 0) return void holders.set(executionId, left)
        holders.delete(executionId)
        if (unwanted.delete(executionId)) forget(executionId)
      },
      forget,
      onEnded: (listener) => {
        listeners.add(listener)
      },
      onRead: (reader) => {
        readers.add(reader)
      },
      left: (executionId) =>
        Effect.callback<void>((resume) => {
          const entry = entries.get(executionId)
          if (entry?.state === undefined || entry.state.status !== "running") return resume(Effect.void)
          const waiter = () => resume(Effect.void)
          entry.leaving.add(waiter)
          return Effect.sync(() => entry.leaving.delete(waiter))
        })
    })
  })
