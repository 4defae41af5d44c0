/** What the end of a wait means for that which has not come: nobody waits for it any more. */
import * as Execution from "../Execution.ts"
import * as Wait from "../Wait.ts"
import * as Reach from "./Reach.ts"

export interface Waking {
  /** Asks and timers that are closed. */
  readonly closes: ReadonlyArray<string>
  /** Tasks that are cancelled: those that lost, and what they spawned. */
  readonly losers: ReadonlyArray<string>
}

/**
 * Of a suspended task that is woken because its wait is satisfied, or (`satisfied` false) because
 * the time of something in it is up. A time limit closes only what it was the limit of.
 */
export const make = (state: Execution.Execution, task: Execution.Task, satisfied: boolean): Waking => {
  const waits = task.waits!
  const closes = new Set<string>()
  if (!satisfied) {
    const until = Date.parse(task.suspendedAt!) + waits.timeoutMillis!
    for (const id of task.open) {
      const dueAt = Execution.openOf(state, id)?.dueAt
      if (dueAt !== undefined && dueAt <= until) closes.add(id)
    }
  }
  const losers = new Set<string>()
  const standings = Execution.standings(state, closes)
  for (const group of waits.groups) {
    if (!Wait.isMet(group, standings)) continue
    for (const id of [...group.signals, ...(group.timer === undefined ? [] : [group.timer])])
      if (task.open.includes(id)) closes.add(id)
    if (group.rest === "keep") continue
    for (const id of group.tasks) {
      if (standings.ofTask(id) !== "open") continue
      for (const each of [id, ...Reach.spawnedBy(state, id)]) losers.add(each)
    }
  }
  return { closes: [...closes].sort(), losers: [...losers].sort() }
}
