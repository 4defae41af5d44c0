/**
 * Structural decisions: serialized per execution; those that arrive during an append share the next
 * one. A decision that meets a conflict is repeated on the newer state.
 */
import * as Arr from "effect/Array"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Decision from "../../Decision.ts"
import type * as EventLog from "../../EventLog.ts"
import * as Execution from "../../Execution.ts"
import type { Draft, ExecutionEvent } from "../../ExecutionEvent.ts"
import type { Append } from "./Appending.ts"
import type { Answer, Entry, Request } from "./Entry.ts"
import type { Folds } from "./Folds.ts"
import type { Following } from "./Following.ts"
import type { Reading } from "./Reading.ts"

export interface Options {
  readonly folds: Folds
  readonly refresh: Reading["refresh"]
  readonly append: Append
  readonly outbox: Following
}

export const make = ({ append, folds, outbox, refresh }: Options) => {
  /**
   * The events of the drafts, once the log has them; `undefined` when it has taken other events
   * first.
   */
  const store = (entry: Entry, base: Execution.Execution, drafts: readonly [Draft, ...Array<Draft>]) => {
    const status = presented(base, drafts)
    const rows = outbox.rowsOf(base, drafts)
    const options = {
      expectVersion: base.version,
      ...(status === undefined ? {} : { status }),
      ...(rows === undefined ? {} : { outbox: rows })
    }
    return Effect.matchEffect(append(entry, drafts, options), {
      onFailure: (error) => (isConflict(error) ? Effect.succeed(undefined) : Effect.fail(error)),
      onSuccess: ({ events }) => {
        // First, for what ends with these events is settled together with what follows from them.
        if (rows !== undefined) outbox.stored(entry.tenant, base, { drafts, events, rows })
        folds.absorb(entry, events)
        return entry.ahead.size > 0 ? Effect.as(refresh(entry), events) : Effect.succeed(events)
      }
    })
  }

  /**
   * Decides a batch of commands on one state, each after the other, and appends all that they cause
   * at once.
   */
  const commit = Effect.fnUntraced(function* (entry: Entry, batch: ReadonlyArray<Request>) {
    let fresh = false
    if (entry.state === undefined || entry.ahead.size > 0) {
      yield* refresh(entry)
      fresh = true
    }
    for (;;) {
      const base = entry.state!
      const { drafts, results } = decideAll(base, batch)
      // What is refused on a state that may be old is decided once more on the newest one.
      const isStale = !fresh && results.some(Result.isFailure)
      const events = isStale ? undefined : Arr.isArrayNonEmpty(drafts) ? yield* store(entry, base, drafts) : []
      if (events !== undefined) return answerAll(batch, results, events, entry.state!)
      yield* refresh(entry)
      fresh = true
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
    folds.tidy(entry)
  })

  /** These share an append, unless one of them cannot be stored. */
  const request = (
    entry: Entry,
    context: Context.Context<never>,
    commands: ReadonlyArray<Decision.Command>
  ): ReadonlyArray<Request["answer"]> => {
    const answers = commands.map((command) => {
      const answer = Deferred.makeUnsafe<Answer, EventLog.EventLogError>()
      entry.requests.push({ command, answer })
      return answer
    })
    if (!entry.busy) {
      entry.busy = true
      // In a separate fiber: the first caller must not work for all later ones, nor interrupt them
      // when it ends.
      Effect.runForkWith(context)(drain(entry))
    }
    return answers
  }

  return {
    decide: (entry: Entry, command: Decision.Command) =>
      Effect.withFiber(({ context }) => Deferred.await(request(entry, context, [command])[0]!)),
    decideBoth: (entry: Entry, first: Decision.Command, second: Decision.Command) =>
      Effect.withFiber(({ context }) => {
        const [one, other] = request(entry, context, [first, second])
        return Effect.all([Effect.result(Deferred.await(one!)), Effect.result(Deferred.await(other!))])
      })
  }
}

/** Where the events of a decision stand among those of its batch, or why it was refused. */
type Decided = Result.Result<readonly [from: number, to: number], Decision.Refusal>

const decideAll = (base: Execution.Execution, batch: ReadonlyArray<Request>) => {
  let state = base
  const drafts: Array<Draft> = []
  const results: Array<Decided> = []
  for (const { command } of batch) {
    const result = Decision.decide(state, command)
    if (Result.isFailure(result)) {
      results.push(Result.fail(result.failure))
      continue
    }
    results.push(Result.succeed([drafts.length, drafts.length + result.success.length]))
    for (const draft of result.success) drafts.push(draft)
    if (batch.length === 1) break
    state = result.success.reduce(applyDraft, state)
  }
  return { drafts, results }
}

const answerAll = (
  batch: ReadonlyArray<Request>,
  results: ReadonlyArray<Decided>,
  events: ReadonlyArray<ExecutionEvent>,
  state: Execution.Execution
): void => {
  for (let i = 0; i < batch.length; i++) {
    const result = results[i]!
    Deferred.doneUnsafe(
      batch[i]!.answer,
      Effect.succeed(
        Result.isFailure(result)
          ? Result.fail(result.failure)
          : Result.succeed({ events: events.slice(...result.success), state })
      )
    )
  }
}

/**
 * No single command is to blame: the storage is gone for a while, or does not know the execution.
 */
const isOutage = (error: EventLog.EventLogError): boolean =>
  error.reason._tag !== "Unavailable" || error.reason.isRetryable

/** Others have decided since. */
const isConflict = ({ reason }: EventLog.EventLogError): boolean =>
  reason._tag === "Conflict" || reason._tag === "Ended" || reason._tag === "AlreadySettled"

/** Numbered as the log would; the time is not known yet. */
const applyDraft = (state: Execution.Execution, draft: Draft): Execution.Execution =>
  Execution.apply(state, { ...draft, seq: state.lastSeq + 1, at: state.startedAt, executionId: state.id })

/**
 * What a list shows after these, unless the events tell it: looking costs a walk over the tasks,
 * and few ever wait for people.
 */
const presented = (base: Execution.Execution, drafts: ReadonlyArray<Draft>): Execution.Status | undefined => {
  const concerns = (draft: Draft) =>
    draft.type === "ExecutionPaused" ||
    draft.type === "ExecutionResumed" ||
    (draft.type === "TaskSuspended" && draft.waits.groups.some(({ signals }) => signals.length > 0))
  return base.paused || base.asking > 0 || drafts.some(concerns)
    ? Execution.statusOf(drafts.reduce(applyDraft, base))
    : undefined
}
