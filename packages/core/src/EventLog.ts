/**
 * Where events are appended and followed. The single source of truth about an execution.
 *
 * - One append is atomic: all of its events or none; `seq` is the order of commits, without gaps.
 * - Appends with `expectVersion` fail with `Conflict` when a structural event came in between.
 * - After `ExecutionEnded` every append fails with `Ended`. A second terminal event of a task fails
 *   with `AlreadySettled`.
 * - Appends are idempotent: repeating a `nonce` returns the result of the first append; a turn is
 *   unique by (task, run, turn).
 * - `follow` gives exactly the stored events after `after`, in order, without gaps or repeats, then
 *   live ones; deltas are lossy.
 * - Ended executions can be deleted, whole or not at all: from then on everything about them fails
 *   with `Gone`, following too.
 * - The view of an ended execution can be kept with it, so that it is built once.
 * - `feed` gives the events of all executions of a tenant in one order (`Feed`).
 * - Everything is confined to `Tenant.Current`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as Struct from "effect/Struct"
import * as Ask from "./Ask.ts"
import * as Execution from "./Execution.ts"
import type * as ExecutionEvent from "./ExecutionEvent.ts"
import * as Feed from "./Feed.ts"
import type * as Outbox from "./Outbox.ts"
import type * as Plan from "./Plan.ts"

/** The execution has advanced: read the new events and decide again. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", {
  version: Schema.Int,
  lastSeq: Schema.Int
}) {}

/** The execution has ended; nothing can be added. */
export class Ended extends Schema.TaggedError<Ended>()("Ended", {}) {}

/** The task already has its terminal event. */
export class AlreadySettled extends Schema.TaggedError<AlreadySettled>()("AlreadySettled", { taskId: Schema.String }) {}

/** This tenant has no such execution. */
export class UnknownExecution extends Schema.TaggedError<UnknownExecution>()("UnknownExecution", {
  executionId: Schema.String
}) {
  override get message() {
    return `There is no execution ${this.executionId}.`
  }
}

/** The execution had ended and was deleted. After a long time such an execution is unknown. */
export class Gone extends Schema.TaggedError<Gone>()("Gone", { executionId: Schema.String }) {
  override get message() {
    return `The execution ${this.executionId} was deleted.`
  }
}

/** The execution has not ended and cannot be deleted. */
export class NotEnded extends Schema.TaggedError<NotEnded>()("NotEnded", { executionId: Schema.String }) {
  override get message() {
    return `The execution ${this.executionId} has not ended: cancel it before deleting it.`
  }
}

/** The idempotency key was used before with another request. */
export class KeyReused extends Schema.TaggedError<KeyReused>()("KeyReused", { key: Schema.String }) {
  override get message() {
    return `The idempotency key "${this.key}" was already used with a different request: use a new key.`
  }
}

/** The tenant has the maximum number of executions that have not ended. */
export class TooManyUnfinished extends Schema.TaggedError<TooManyUnfinished>()("TooManyUnfinished", {
  limit: Schema.Int
}) {
  override get message() {
    return `${this.limit} ${this.limit === 1 ? "execution has" : "executions have"} not ended, the maximum: wait until one ends, or cancel one.`
  }
}

/** The storage failed; retryable when it may pass (connection lost, serialization failure). */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  description: Schema.String,
  isRetryable: Schema.Boolean,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.description
  }
}

export const Reason = Schema.Union([
  Conflict,
  Ended,
  AlreadySettled,
  UnknownExecution,
  Gone,
  NotEnded,
  KeyReused,
  TooManyUnfinished,
  Feed.InvalidCursor,
  Feed.CursorExpired,
  Unavailable
])

/** The error of this service: the operation and the reason. */
export class EventLogError extends Schema.TaggedError<EventLogError>()("EventLogError", {
  operation: Schema.String,
  reason: Reason
}) {
  override get message() {
    return `EventLog.${this.operation}: ${this.reason.message || this.reason._tag}`
  }
}

export interface AppendOptions {
  readonly expectVersion?: number
  /** Unique per append of one writer; the same append sent twice is stored once. */
  readonly nonce?: string
  /**
   * The status of the execution from then on, if its writer knows more than the events tell
   * (`statusAfter`).
   */
  readonly status?: Summary["status"]
  /** Outbox rows of the events, stored with them. */
  readonly outbox?: Outbox.NewRows
  /**
   * Rows of the outbox of this execution that are done. They are deleted, also when the append is
   * refused; only when it fails for another reason they may still be there.
   */
  readonly settled?: ReadonlyArray<Pick<Outbox.Key, "seq" | "part">>
}

/** The state of the log right after the append. */
export interface Appended {
  readonly lastSeq: number
  readonly version: number
  /** The stored events, stamped, in order; on a repeated append those of the first. */
  readonly events: ReadonlyArray<ExecutionEvent.ExecutionEvent>
}

export interface StartOptions {
  /**
   * Unique per tenant and key: repeating the request returns the first execution, a different
   * request fails with `KeyReused`. A key is kept as long as its execution; when that is deleted,
   * the key can be used again.
   */
  readonly idempotency?: { readonly key: string; readonly requestHash: string }
  readonly crewId?: string
  /**
   * Fails with `TooManyUnfinished` if this many executions of the tenant have not ended; default:
   * no limit. It is exact for any number of processes that start executions at once, if each of
   * them passes it.
   */
  readonly maxUnfinished?: number
  /** The owner from the start, and its lease in milliseconds unless renewed (`adopt`). */
  readonly owner?: { readonly name: string; readonly leaseMillis: number }
}

export interface Started {
  readonly executionId: string
  /** True if the idempotency key belongs to an existing execution. */
  readonly existing: boolean
  /** When it was started: the time of its first event. */
  readonly at: string
}

export interface ReadOptions {
  /** Only events with a greater `seq`; default 0. */
  readonly after?: number
  /** Maximum number; default all. */
  readonly limit?: number
  /**
   * False: what is large is left out (`plan` stays; `messages`, `parts`, `arguments`, `result`,
   * `output`, `value`, `text`, `feedback`, what asks show, and the texts of spawned tasks may be
   * absent or empty): enough for the fold, and never loads outputs. Default true.
   */
  readonly payloads?: boolean
  /** Only events of this task. */
  readonly taskId?: string
}

/** One line about an execution, kept by the log from the events themselves. */
export interface Summary {
  readonly id: string
  readonly tenant: string
  readonly crewName: string
  readonly crewId?: string
  readonly status: Execution.Status
  /** An ask to a person is open, whatever else is running. */
  readonly waitingFor?: "person"
  readonly startedAt: string
  readonly endedAt?: string
  readonly lastSeq: number
  readonly version: number
}

export interface ListOptions {
  /** `waiting` also matches running executions with an open ask. */
  readonly status?: ReadonlyArray<Summary["status"]>
  readonly crewId?: string
  readonly crewName?: string
  /** Maximum number, newest first; default 50. */
  readonly limit?: number
  /**
   * Only executions older than the one with this id (for pages); it may have been deleted since.
   */
  readonly before?: string
}

/** The owner of unfinished executions, with a valid lease. */
export interface Owner {
  readonly owner: string
  readonly executions: number
  /** Since it renewed its lease, in milliseconds. */
  readonly silentMillis: number
  /** How long its lease holds from a renewal on, in milliseconds. */
  readonly leaseMillis: number
}

/** Some tasks of a view that is kept, as JSON: `"id":{…},"id":{…}`. */
export interface ViewPart {
  /** The place of the first one. */
  readonly first: number
  /** The length of each in the text, without commas. */
  readonly lengths: ReadonlyArray<number>
  readonly text: string
}

/**
 * The view of an ended execution, as JSON in parts, so that a large one is built once and read in
 * pages.
 */
export interface KeptView {
  /** The view without its tasks: an object. */
  readonly head: string
  /** In their order. */
  readonly parts: ReadonlyArray<ViewPart>
}

/** What is known of an execution without its events. */
export interface Viewed {
  readonly summary: Summary
  /**
   * Absent until a view of this format was kept; with the parts that hold tasks of the range that
   * was asked for.
   */
  readonly view?: KeptView
}

/** The most tasks of a part. */
export const maxPartTasks = 256

export interface PruneOptions {
  /** Those that ended at least so long ago, in milliseconds, by the clock of the log. */
  readonly endedForMillis: number
  /**
   * Maximum number, those that ended first. Fewer if they are large: repeat until none is returned.
   */
  readonly limit: number
  /** Only of this tenant; default all. */
  readonly tenant?: string
  /**
   * For how long after its deletion an execution is `Gone`, and not unknown, in milliseconds;
   * default 90 days.
   */
  readonly rememberMillis?: number
}

/**
 * What a list shows after an append: what its writer says, otherwise what the events alone tell;
 * undefined: as before.
 */
export const statusAfter = (
  events: ReadonlyArray<ExecutionEvent.Draft>,
  given: Summary["status"] | undefined
): Summary["status"] | undefined => {
  let told: Summary["status"] | undefined
  for (const event of events) {
    if (event.type === "TaskStarted" || event.type === "ExecutionResumed") told = "running"
    else if (event.type === "ExecutionPaused") told = "paused"
    else if (event.type === "ExecutionEnded") return event.status
  }
  return given ?? told
}

/** `rememberMillis` unless it is given. */
export const defaultRememberMillis = 90 * 24 * 60 * 60 * 1_000

/** An ask as the log keeps it, from the events themselves. */
export interface RecordedAsk extends Omit<Ask.Ask, "deadlineMillis"> {
  readonly executionId: string
  readonly taskId: string
  readonly state: "open" | "answered" | "closed"
  /** ISO 8601, as the other times. */
  readonly askedAt: string
  readonly deadline?: string
  readonly closedAt?: string
  /** What was answered. */
  readonly answer?: Ask.Answer
  readonly answeredBy?: Ask.Author
}

/** The asks of a suspension, as they stand until somebody answers. */
export const asksOf = ({
  asks = [],
  at,
  executionId,
  taskId
}: ExecutionEvent.TaskSuspended & Pick<ExecutionEvent.Stamp, "at" | "executionId">): ReadonlyArray<RecordedAsk> =>
  asks.map(({ deadlineMillis, ...ask }) => ({
    ...ask,
    executionId,
    taskId,
    state: "open",
    askedAt: at,
    ...(deadlineMillis !== undefined && {
      deadline: new Date(Math.min(Date.parse(at) + deadlineMillis, Execution.lastMillis)).toISOString()
    })
  }))

const answerKeys = Struct.keys(Struct.omit(Ask.Answer.fields, ["hash"]))

/** The ask with its answer. */
export const answered = (
  ask: RecordedAsk,
  event: ExecutionEvent.AskAnswered & Pick<ExecutionEvent.Stamp, "at">
): RecordedAsk => ({
  ...ask,
  state: "answered",
  closedAt: event.at,
  answer: Struct.pick(event, answerKeys),
  answeredBy: event.by
})

export interface AskListOptions {
  readonly state?: RecordedAsk["state"]
  readonly executionId?: string
  /** Maximum number, oldest first; default 50. */
  readonly limit?: number
  /**
   * Only asks that come after this one (for pages), whatever has become of it; it fails with
   * `UnknownExecution` when that is gone.
   */
  readonly after?: { readonly executionId: string; readonly id: string }
}

export class EventLog extends Context.Service<
  EventLog,
  {
    /** Creates the execution with its first event. */
    readonly start: (
      executionId: string,
      event: ExecutionEvent.ExecutionStarted,
      options?: StartOptions
    ) => Effect.Effect<Started, EventLogError>
    readonly append: (
      executionId: string,
      events: NonEmptyReadonlyArray<ExecutionEvent.Draft>,
      options?: AppendOptions
    ) => Effect.Effect<Appended, EventLogError>
    readonly read: (
      executionId: string,
      options?: ReadOptions
    ) => Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLogError>
    /** Outputs of completed tasks, by task id; tasks without one are absent. */
    readonly outputs: (
      executionId: string,
      taskIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, Schema.Json>, EventLogError>
    /** Values of signals by name; those that have not arrived are absent. */
    readonly signals: (
      executionId: string,
      names: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, Schema.Json>, EventLogError>
    /**
     * Complete spawned tasks by id; unknown ones are absent. Without payloads, their texts are not
     * in the events.
     */
    readonly spawned: (
      executionId: string,
      taskIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, Plan.PlannedTask>, EventLogError>
    /** Asks of the tenant. */
    readonly asks: (options?: AskListOptions) => Effect.Effect<ReadonlyArray<RecordedAsk>, EventLogError>
    /** One ask of an execution, in any state; `undefined`: it does not exist. */
    readonly ask: (executionId: string, id: string) => Effect.Effect<RecordedAsk | undefined, EventLogError>
    /** Ends after `ExecutionEnded`. `deltas: true` mixes passing deltas in. */
    readonly follow: (
      executionId: string,
      options?: { readonly after?: number; readonly deltas?: boolean }
    ) => Stream.Stream<ExecutionEvent.Followed, EventLogError>
    /** Sends a text delta to current followers; never stored, may be dropped. */
    readonly publish: (delta: ExecutionEvent.TextDelta) => Effect.Effect<void>
    /**
     * Events of all executions of the tenant, in the order of its feed; empty: there are no more at
     * the moment.
     */
    readonly readFeed: (options?: Feed.ReadOptions) => Effect.Effect<ReadonlyArray<Feed.Fed>, EventLogError>
    /** The feed after a cursor, followed by live events; it never ends. */
    readonly feed: (options?: Feed.Options) => Stream.Stream<Feed.Fed, EventLogError>
    readonly summary: (executionId: string) => Effect.Effect<Summary, EventLogError>
    /**
     * The view that was kept of it: tasks from the place `from` on, default 0, up to before `to`,
     * default all.
     */
    readonly view: (
      executionId: string,
      options: { readonly format: number; readonly from?: number; readonly to?: number }
    ) => Effect.Effect<Viewed, EventLogError>
    /**
     * Keeps the view of an ended execution for as long as the execution, instead of any of another
     * format. It may come in pieces: it counts once its head is there. What is there already stays;
     * of an execution that has not ended nothing is kept.
     */
    readonly keepView: (
      executionId: string,
      view: { readonly format: number; readonly parts: ReadonlyArray<ViewPart>; readonly head?: string }
    ) => Effect.Effect<void, EventLogError>
    /** By the clock that gives events their time, in milliseconds since the epoch. */
    readonly now: Effect.Effect<number, EventLogError>
    readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<Summary>, EventLogError>
    /**
     * Takes or renews the right to run executions in this process, for all tenants: those not
     * ended, whose owner is `owner` or whose lease has expired (by the log's clock). Answers the
     * executions now owned. Time in milliseconds.
     */
    readonly adopt: (options: {
      readonly owner: string
      readonly leaseMillis: number
      readonly limit: number
      /** Only these; default any. */
      readonly executionIds?: ReadonlyArray<string>
    }) => Effect.Effect<
      ReadonlyArray<{ readonly executionId: string; readonly tenant: string; readonly lastSeq: number }>,
      EventLogError
    >
    /** Owners of executions, of all tenants. */
    readonly owners: Effect.Effect<ReadonlyArray<Owner>, EventLogError>
    /**
     * Releases executions, so that another process can adopt them at once: at a shutdown, or
     * because the owner is dead.
     */
    readonly disown: (owner: string) => Effect.Effect<void, EventLogError>
    /**
     * Deletes an ended execution with everything that belongs to it; fails with `NotEnded` if it
     * has not ended.
     */
    readonly remove: (executionId: string) => Effect.Effect<void, EventLogError>
    /**
     * Deletes executions that ended long ago, of all tenants; returns which. Any number of
     * processes may do so at once: each execution is returned to one of them.
     */
    readonly prune: (
      options: PruneOptions
    ) => Effect.Effect<ReadonlyArray<{ readonly executionId: string; readonly tenant: string }>, EventLogError>
  }
>()("@crewline/core/EventLog") {}
