/**
 * The end of a leg that releases its worker: its wait, combined from the needs of its calls or of a
 * review.
 */
import type * as Ask from "../../src/Ask.ts"
import type * as Decision from "../../src/Decision.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as Wait from "../../src/Wait.ts"
import type { Rules } from "./Rules.ts"

/** Asks, timers and tasks that the log has already are only named in the group. */
export interface Want {
  readonly group: Wait.Group
  readonly asks?: ReadonlyArray<Ask.Ask>
  readonly timers?: ReadonlyArray<ExecutionEvent.Timer>
  readonly spawn?: ReadonlyArray<Plan.PlannedTask>
}

/** `remainingMillis`: until an ask or a timer that is open ends. */
export const make = (
  rules: Rules,
  what: ExecutionEvent.SuspendedFor,
  wants: ReadonlyArray<Want>,
  remainingMillis: (id: string) => number | undefined
): Decision.Outcome => {
  const asks = wants.flatMap((want) => want.asks ?? [])
  const timers = wants.flatMap((want) => want.timers ?? [])
  const groups = wants.map(({ group }) => group)
  const known = groups.flatMap(({ signals, timer }) => [...signals, ...(timer === undefined ? [] : [timer])])
  const deadlines = [
    ...asks.flatMap(({ deadlineMillis }) => deadlineMillis ?? []),
    ...timers.map(({ millis }) => millis),
    ...known.flatMap((id) => remainingMillis(id) ?? [])
  ]
  return {
    _tag: "Suspended",
    for: what,
    waits: {
      groups: rules.groupsPerCall || groups.length === 1 ? groups : [merged(groups)],
      ...(deadlines.length === 0 ? {} : { timeoutMillis: Math.min(...deadlines) })
    },
    spawn: wants.flatMap((want) => want.spawn ?? []),
    ...(asks.length === 0 ? {} : { asks }),
    ...(timers.length === 0 ? {} : { timers })
  }
}

/** One group for all calls: where one of them needs only some, some are enough. */
const merged = (groups: ReadonlyArray<Wait.Group>): Wait.Group => {
  const tasks = groups.flatMap((group) => group.tasks)
  const signals = groups.flatMap((group) => group.signals)
  const timer = groups.find((group) => group.timer !== undefined)?.timer
  const needs = groups.map(({ need, signals, tasks }) => (need === "all" ? tasks.length + signals.length : need))
  return {
    call: groups.map(({ call }) => call).join(),
    tasks,
    signals,
    need: groups.every(({ need }) => need === "all") ? "all" : Math.min(...needs),
    ...(timer === undefined ? {} : { timer })
  }
}
