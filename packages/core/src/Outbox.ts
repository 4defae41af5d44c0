/**
 * What follows from events outside of the log: memories, alerts, calls of other systems. Each is a
 * row that is stored in the append of its event, so that neither is there without the other.
 *
 * - A row is served at least once, also when the process that stored it dies right after: who
 *   stored it has it for a while, then it can be claimed. A consumer is idempotent by (execution,
 *   seq, part), so its effect is there once.
 * - A row whose consumer fails is served again, later each time; at last it is a dead letter, which
 *   stays to be looked at.
 * - A row that is done is gone soon after, and so are the rows of an execution that is deleted.
 * - Consumers append nothing to the execution.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Execution from "./Execution.ts"
import type { Draft, ExecutionEvent, Requester } from "./ExecutionEvent.ts"
import * as IsoTime from "./IsoTime.ts"
import type * as Plan from "./Plan.ts"

/** A row that is stored with its event. */
export interface NewRow {
  /** Which event of the append it follows from. */
  readonly event: number
  /** From 0: an event may be followed by several. */
  readonly part: number
  readonly consumer: string
}

/** What an append stores besides its events. */
export interface NewRows {
  readonly rows: ReadonlyArray<NewRow>
  /** For how long nobody else can claim them, in milliseconds. */
  readonly leaseMillis: number
}

/** Names a row. */
export interface Key {
  readonly tenant: string
  readonly executionId: string
  readonly seq: number
  readonly part: number
}

export interface Row extends Key {
  readonly consumer: string
  /** How often it was tried, this time included. */
  readonly attempts: number
}

/** Whether a row is to be served, or has failed for the last time. */
export const State = Schema.Literals(["pending", "dead"])
export type State = typeof State.Type

/** Where a row stands in lists: by the time of its event. */
export interface Place {
  readonly at: string
  readonly executionId: string
  readonly seq: number
  readonly part: number
}

/**
 * The id of a row. Made from what its tenant knows anyway: a number of its own, counted over all
 * tenants, would tell each of them how much the others do.
 */
export const idOf = ({ at, executionId, part, seq }: Place): string => `${Date.parse(at)}.${seq}.${part}.${executionId}`

/** The place that an id names; `undefined`: it is no id of a row. */
export const placeOf = (id: string): Place | undefined => {
  const [, millis, seq, part, executionId] = /^(\d{1,14})\.(\d{1,9})\.(\d{1,9})\.([\w.~-]+)$/.exec(id) ?? []
  return executionId === undefined
    ? undefined
    : { at: IsoTime.of(Number(millis)), executionId, seq: Number(seq), part: Number(part) }
}

/** A row as people and programs see it. */
export const View = Schema.Struct({
  /** Opaque. */
  id: Schema.String,
  executionId: Schema.String,
  seq: Schema.Int,
  part: Schema.Int,
  consumer: Schema.String,
  state: State,
  attempts: Schema.Int,
  /** When its event was recorded. */
  at: Schema.String,
  /** Not before this time; absent for a dead letter. */
  nextAt: Schema.optionalKey(Schema.String),
  /** Why it failed last. */
  error: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "OutboxRow", description: "A pending consequence of an event" })
export interface View extends Schema.Schema.Type<typeof View> {}

export interface ListOptions {
  /** Default: all. */
  readonly state?: State
  /** At most so many, oldest first; default 50. */
  readonly limit?: number
  /** Only rows after the one with this id (for pages), whatever has become of it. */
  readonly after?: string
}

/** How serving a row came out. */
export interface Settled extends Key {
  /** Absent: it is done. */
  readonly error?: string
  /** Served again after so many milliseconds; absent: it is a dead letter. */
  readonly delayMillis?: number
}

/** The storage of the outbox failed. */
export class OutboxError extends Schema.TaggedError<OutboxError>()("OutboxError", {
  operation: Schema.String,
  description: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `Outbox.${this.operation}: ${this.description}`
  }
}

export class Outbox extends Context.Service<
  Outbox,
  {
    /**
     * Takes rows of these consumers that are due, of all tenants, those first that are due for
     * longest.
     */
    readonly claim: (options: {
      readonly consumers: ReadonlyArray<string>
      readonly limit: number
      readonly leaseMillis: number
      /** Stored before, in the same statement, as by `settle`. */
      readonly settled?: ReadonlyArray<Settled>
    }) => Effect.Effect<ReadonlyArray<Row>, OutboxError>
    /** Of rows of any tenant. Those that are not there any more are left out. */
    readonly settle: (rows: ReadonlyArray<Settled>) => Effect.Effect<void, OutboxError>
    /** Rows of the tenant. */
    readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<View>, OutboxError>
    /**
     * A dead letter of the tenant is due at once, as if it had never been tried. One that is
     * pending stays as it is. Answers how it stands; `undefined`: there is none of this id.
     */
    readonly retry: (id: string) => Effect.Effect<View | undefined, OutboxError>
  }
>()("@crewline/core/Outbox") {}

/** What a consumer is given. */
export interface Delivery {
  readonly row: Row
  readonly event: ExecutionEvent
  readonly plan: Plan.Plan
  readonly requester: Requester
}

/** A consumer could not do its work. */
export class ConsumerError extends Schema.TaggedError<ConsumerError>()("ConsumerError", {
  description: Schema.String,
  /** False: it would fail again, so it is a dead letter at once. */
  isRetryable: Schema.Boolean
}) {
  override get message() {
    return this.description
  }
}

/**
 * Who does what follows from events. Must be idempotent by (execution, seq, part), and must append
 * nothing to the execution.
 */
export interface Consumer {
  readonly name: string
  /** False: nothing that happens in executions of this plan concerns it. */
  readonly concerns: (plan: Plan.Plan) => boolean
  /** How many rows an event is followed by; `state` is that before the append. */
  readonly partsOf: (state: Execution.Execution, draft: Draft) => number
  readonly serve: (delivery: Delivery) => Effect.Effect<void, ConsumerError>
}

/** Consumers of this process, besides memory. */
export const Consumers: Context.Reference<ReadonlyArray<Consumer>> = Context.Reference(
  "@crewline/core/Outbox/Consumers",
  { defaultValue: (): ReadonlyArray<Consumer> => [] }
)

/** The rows that drafts are followed by; `undefined`: none. */
export const rowsOf = (
  consumers: ReadonlyArray<Consumer>,
  state: Execution.Execution,
  drafts: ReadonlyArray<Draft>
): ReadonlyArray<NewRow> | undefined => {
  const concerned = consumers.filter(({ concerns }) => concerns(state.plan))
  if (concerned.length === 0) return undefined
  const rows: Array<NewRow> = []
  for (const [event, draft] of drafts.entries()) {
    let part = 0
    for (const { name, partsOf } of concerned)
      for (let left = partsOf(state, draft); left > 0; left--) rows.push({ event, part: part++, consumer: name })
  }
  return rows.length === 0 ? undefined : rows
}
