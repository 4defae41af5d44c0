/** The executions that this process owns. A timer ends each at its time limit. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type * as EventLog from "../../EventLog.ts"
import type * as Plan from "../../Plan.ts"
import * as Tenant from "../../Tenant.ts"
import { LogClock } from "../../Worker/LogClock.ts"

export interface Options {
  readonly sweepMillis: number
  /** Ends an execution at its time limit. */
  readonly stop: (executionId: string, millis: number) => Effect.Effect<void, EventLog.EventLogError>
}

/** What is kept of each. */
export interface Entry {
  readonly tenant: string
  timer: Fiber.Fiber<unknown> | undefined
  /**
   * As the last sweep saw it, and how many sweeps have passed it over since the queue was asked.
   */
  lastSeq: number
  passes: number
}

export type Owned = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* ({ stop, sweepMillis }: Options) {
  const scope = yield* Scope.Scope
  const now = yield* LogClock
  const all = new Map<string, Entry>()

  /** Takes ownership in this process. */
  const own = Effect.fnUntraced(function* (executionId: string, plan: Plan.Plan, startedAt: string, lastSeq: number) {
    const entry: Entry = { tenant: yield* Tenant.Current, timer: undefined, lastSeq, passes: 0 }
    const { timeoutMillis } = plan
    const left =
      timeoutMillis === undefined
        ? 0
        : Math.min(Math.max(Date.parse(startedAt) + timeoutMillis - (yield* now), 0), timeoutMillis)
    if (all.has(executionId)) return false
    all.set(executionId, entry)
    if (timeoutMillis === undefined) return true
    const over = stop(executionId, timeoutMillis).pipe(
      // A failing storage must not let the execution run forever.
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

  return {
    own,
    letGo,
    get: (executionId: string): Entry | undefined => all.get(executionId),
    has: (executionId: string): boolean => all.has(executionId),
    ids: (): ReadonlyArray<string> => [...all.keys()]
  }
})
