/** What must never be. */
export type Kind =
  // Tasks
  | "after the end"
  | "two terminal events"
  | "start of a settled task"
  | "run issued twice"
  | "start while paused"
  | "start before its dependencies"
  | "written while suspended"
  | "a child outlives its parent"
  | "a child failed the execution"
  | "skipped before its dependency failed"
  | "open tasks at the end"
  | "too many attempts"
  | "given up unjustly"
  | "over time"
  | "timed out unjustly"
  | "grew too far"
  // Waits
  | "woken too early"
  | "spins"
  | "woken too late"
  | "loser left"
  | "cancelled though needed"
  | "orphan"
  | "spawned twice"
  | "asked twice"
  // Calls
  | "result twice"
  | "result too early"
  | "turn before its results"
  | "never asked"
  | "answer ignored"
  | "answer invented"
  | "tool called twice"
  | "called differently"
  | "not approved"
  | "more calls than approvals"
  // Asks
  | "closed before its time"
  | "left open"
  | "closes what is not open"
  | "answer while not open"
  | "answered twice"
  | "answer to what was not shown"
  | "answer of another kind"
  | "answer refused unjustly"
  | "signal that nobody declares"
  // Candidates
  | "output after revise"
  | "output without review"
  | "output without a candidate"
  | "feedback lost"
  | "turn without feedback"
  | "reviewed twice"
  | "refused unjustly"
  | "too many turns"
  | "cut short"
  // The schedule
  | "does not end"
  | "kept after the end"
  | "fold differs"
  | "transcript differs"
  | "acknowledged but not stored"

/** What must never be, and is. */
export class Violation extends Error {
  readonly kind: Kind
  constructor(kind: Kind, detail: string) {
    super(`${kind}: ${detail}`)
    this.kind = kind
  }
}
