/** Why a task was suspended, and its timers. */
import type { Failure } from "./Outcome.ts"

/**
 * Why a task was suspended. What that comes to stands until the log follows it up, also across
 * later waits for a budget or a recovery.
 */
export interface SuspendedFor {
  readonly kind:
    /** Calls of a turn: work that is passed on, questions, approvals, signals, time. */
    | "calls"
    /** A look at the candidate of a turn. */
    | "review"
    /** What to do about a failure; the tasks that were put in the place of this one. */
    | "recovery"
    | "replacement"
    /** Who does it; the work of who does it. */
    | "assignment"
    | "work"
    /** A higher limit. */
    | "budget"
  /** The turn whose calls or whose candidate wait; 0: none. */
  readonly turn: number
  readonly reviewer?: "manager" | "person"
  /** The task whose output is the candidate; absent: the turn's. */
  readonly candidate?: string
  readonly error?: Failure
  /** Whose limit was reached. */
  readonly scope?: string
}

/** When a wait that is not for people ends: so many milliseconds after it was first recorded. */
export interface Timer {
  readonly id: string
  readonly millis: number
}
