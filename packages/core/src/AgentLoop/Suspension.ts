/** The end of a leg that releases its worker: combines what its calls, or a review, wait for. */
import type { Ask } from "../Ask.ts"
import type { Draft, SuspendedFor, Timer } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"
import type * as Wait from "../Wait.ts"
import type { Ended, Leg } from "./Leg.ts"

/**
 * What one call or review waits for. Asks, timers and tasks that the log has already are only named
 * in the group.
 */
export interface Want {
  readonly group: Wait.Group
  readonly asks?: ReadonlyArray<Ask>
  readonly timers?: ReadonlyArray<Timer>
  readonly spawn?: ReadonlyArray<Plan.PlannedTask>
}

export const make = (
  { standing }: Leg,
  what: SuspendedFor,
  wants: ReadonlyArray<Want>,
  progress: ReadonlyArray<Draft>
): Ended => {
  const asks = wants.flatMap((want) => want.asks ?? [])
  const timers = wants.flatMap((want) => want.timers ?? [])
  const ids = wants.flatMap(({ group }) => [...group.signals, ...(group.timer === undefined ? [] : [group.timer])])
  const deadlines = [
    ...asks.flatMap(({ deadlineMillis }) => deadlineMillis ?? []),
    ...timers.map(({ millis }) => millis),
    ...ids.flatMap((id) => standing.remainingMillis(id) ?? [])
  ]
  return {
    outcome: {
      _tag: "Suspended",
      for: what,
      waits: {
        groups: wants.map(({ group }) => group),
        ...(deadlines.length === 0 ? {} : { timeoutMillis: deadlines.reduce((least, one) => Math.min(least, one)) })
      },
      spawn: wants.flatMap((want) => want.spawn ?? []),
      ...(asks.length === 0 ? {} : { asks }),
      ...(timers.length === 0 ? {} : { timers })
    },
    progress
  }
}
