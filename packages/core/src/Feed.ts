/**
 * The feed of a tenant: the events of all its executions in one order, which a reader resumes by
 * the cursor of the last event that it has seen.
 *
 * - Every event is there exactly once, those of one execution in the order of their `seq`.
 * - An event is given when nothing can come before it any more: whatever is appended later comes
 *   later.
 * - What retention has deleted is gone from the feed. A cursor from before that fails with
 *   `CursorExpired`; a reader that begins without one is given what is kept. An execution that is
 *   deleted by its id leaves the feed without a trace.
 * - It does not contain text deltas.
 * - A cursor is opaque and belongs to its tenant and its log. It discloses nothing, in particular
 *   not the number of appends of other tenants. Cursors of other tenants are refused like forged
 *   ones.
 */
import * as Schema from "effect/Schema"
import type * as ExecutionEvent from "./ExecutionEvent.ts"

/** No feed of this log has given this cursor. */
export class InvalidCursor extends Schema.TaggedError<InvalidCursor>()("InvalidCursor", {}) {
  override get message() {
    return "Invalid cursor: use the cursor of an event of this feed, or omit it to start with the oldest retained event."
  }
}

/** Events that come after the cursor were deleted by retention. */
export class CursorExpired extends Schema.TaggedError<CursorExpired>()("CursorExpired", {}) {
  override get message() {
    return "Expired cursor: events after it were deleted because of their age. Omit the cursor to start with the oldest retained event."
  }
}

/** An event of the feed, with the crew of its execution. */
export interface Fed {
  /** Pass it to continue the feed after this event. Opaque. */
  readonly cursor: string
  readonly crewName: string
  readonly crewId?: string
  readonly event: ExecutionEvent.ExecutionEvent
}

export interface Options {
  /** The cursor of the last event that was seen; absent: from the oldest event that is kept. */
  readonly after?: string
}

export interface ReadOptions extends Options {
  /** Maximum number; default 100. */
  readonly limit?: number
}

/** Which events of the feed a reader wants: all that are given must hold. */
export interface Filter {
  readonly types?: ReadonlySet<string>
  readonly crewId?: string
  readonly crewName?: string
  readonly executionId?: string
}

export const matches = ({ crewId, crewName, executionId, types }: Filter, fed: Fed): boolean =>
  (types === undefined || types.has(fed.event.type)) &&
  (crewId === undefined || crewId === fed.crewId) &&
  (crewName === undefined || crewName === fed.crewName) &&
  (executionId === undefined || executionId === fed.event.executionId)

/**
 * A place in the feed, in the terms of the log that has it: numbers of which the first counts most.
 */
export type Place = ReadonlyArray<bigint>

/** Below zero when `left` comes before `right`, zero when they are the same place. */
export const compare = (left: Place, right: Place): number => {
  for (let i = 0; i < left.length; i++) {
    if (left[i]! < right[i]!) return -1
    if (left[i]! > right[i]!) return 1
  }
  return 0
}
