/**
 * Appends that are stored once, although each is sent again when the storage may have taken it and
 * answered nothing. What is done of the outbox of an execution travels with them.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as EventLog from "../../EventLog.ts"
import type { Draft } from "../../ExecutionEvent.ts"
import * as TraceContext from "../../TraceContext.ts"
import type { Entry } from "./Entry.ts"
import type { Following } from "./Following.ts"

/** How often an append is sent again, with the same nonce. */
const appendTries = 6
const appendBackoffMillis = 100

export type Append = (
  entry: Entry,
  events: NonEmptyReadonlyArray<Draft>,
  options?: Omit<EventLog.AppendOptions, "nonce">
) => Effect.Effect<EventLog.Appended, EventLog.EventLogError>

export const make = Effect.fnUntraced(function* (log: EventLog.EventLog["Service"], outbox: Following) {
  const writer = `${(yield* Random.next).toString(36).slice(2, 12)}-`
  let appends = 0
  const appendWith = (entry: Entry, events: NonEmptyReadonlyArray<Draft>, options: EventLog.AppendOptions) => {
    const attempt = (left: number): Effect.Effect<EventLog.Appended, EventLog.EventLogError> =>
      Effect.catch(TraceContext.within(entry.state?.trace, log.append(entry.id, events, options)), (error) =>
        error.reason._tag === "Unavailable" && error.reason.isRetryable && left > 0
          ? Effect.andThen(Effect.sleep(appendBackoffMillis * 2 ** (appendTries - left)), attempt(left - 1))
          : Effect.fail(error)
      )
    return attempt(appendTries)
  }
  const append: Append = (entry, events, given) =>
    Effect.suspend(() => {
      const options = { nonce: `${writer}${appends++}`, ...given }
      const settled = outbox.board(entry.tenant, entry.id)
      if (settled === undefined) return appendWith(entry, events, options)
      return Effect.onExit(appendWith(entry, events, { ...options, settled }), (exit) =>
        Effect.sync(() => {
          if (mayHaveFailed(exit)) outbox.back(settled)
        })
      )
    })
  return append
})

/** Not when the log has refused the append, which settles all the same. */
const mayHaveFailed = (exit: Exit.Exit<EventLog.Appended, EventLog.EventLogError>): boolean =>
  Exit.isFailure(exit) &&
  !exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error.reason._tag !== "Unavailable")
