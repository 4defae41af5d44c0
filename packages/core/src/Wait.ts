/**
 * What a suspended task waits for: groups, one for each call, review or decision. A wait is
 * satisfied when all of its groups are met.
 */

/**
 * What one call of a turn waits for; without a call, what a review, a recovery or an assignment
 * waits for.
 */
export interface Group {
  /** The id of the call. */
  readonly call?: string
  /** Tasks that the waiting one spawned. */
  readonly tasks: ReadonlyArray<string>
  /** Asks, and signals that the task declares. */
  readonly signals: ReadonlyArray<string>
  /**
   * `all`: everything is settled. A number: so many tasks completed or answers came, or so many
   * cannot be reached any more.
   */
  readonly need: "all" | number
  /**
   * What becomes of tasks that are not needed any more: they are cancelled, unless they are kept.
   */
  readonly rest?: "keep"
  /** A timer of the suspension: when it has elapsed the group is met, whatever has come. */
  readonly timer?: string
}

export interface Waits {
  readonly groups: ReadonlyArray<Group>
  /**
   * Time until the earliest deadline of the wait, in milliseconds. The task is then woken, whatever
   * has arrived.
   */
  readonly timeoutMillis?: number
}

/** The status of an item of a group. `gone`: it can no longer arrive. */
export type Standing = "open" | "come" | "gone"

export interface Standings {
  /** A task has come when it completed; it is gone when it ended in another way. */
  readonly ofTask: (taskId: string) => Standing
  /**
   * An ask has come when it was answered, a timer when it has elapsed; they are gone when they were
   * closed.
   */
  readonly ofSignal: (signal: string) => Standing
}

/** True if the group no longer waits for anything. */
export const isMet = (group: Group, standings: Standings): boolean => {
  const { need, signals, tasks, timer } = group
  if (timer !== undefined && standings.ofSignal(timer) === "come") return true
  if (tasks.length + signals.length === 0) return timer === undefined
  let come = 0
  let open = 0
  for (const id of tasks) {
    const standing = standings.ofTask(id)
    if (standing === "open") open++
    else if (standing === "come") come++
    if (need === "all" && open > 0) return false
  }
  for (const id of signals) {
    const standing = standings.ofSignal(id)
    if (standing === "open") open++
    else if (standing === "come") come++
  }
  return need === "all" ? open === 0 : come >= need || come + open < need
}

/**
 * True when all groups are met. Time is not looked at: a wait without groups that has a time limit
 * is satisfied by nothing else, and whoever has the clock sees its end.
 */
export const isSatisfied = ({ groups, timeoutMillis }: Waits, standings: Standings): boolean =>
  groups.length === 0 ? timeoutMillis === undefined : groups.every((group) => isMet(group, standings))

/** What is still open of the groups that are not met. */
export const openOf = (
  { groups }: Waits,
  standings: Standings
): {
  readonly groups: ReadonlyArray<Group>
  readonly tasks: ReadonlyArray<string>
  readonly signals: ReadonlyArray<string>
} => {
  const unmet = groups.filter((group) => !isMet(group, standings))
  return {
    groups: unmet,
    tasks: unmet.flatMap(({ tasks }) => tasks.filter((id) => standings.ofTask(id) === "open")),
    signals: unmet.flatMap(({ signals }) => signals.filter((id) => standings.ofSignal(id) === "open"))
  }
}

/** A wait of one group. */
export const of = (
  what: { readonly tasks?: ReadonlyArray<string>; readonly signals?: ReadonlyArray<string> },
  options: { readonly need?: Group["need"]; readonly timeoutMillis?: number } = {}
): Waits => {
  const { need = "all", timeoutMillis } = options
  const { signals = [], tasks = [] } = what
  return {
    groups: tasks.length + signals.length === 0 ? [] : [{ tasks, signals, need }],
    ...(timeoutMillis === undefined ? {} : { timeoutMillis })
  }
}
