/**
 * Groups appends: those that arrive while a statement is running share the next one, across
 * executions. A refused append does not affect the others, and an execution locked by another
 * process delays only its own appends.
 *
 * Inside a transaction of the caller an append joins it instead.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Failures from "./Failures.ts"
import * as GroupCommit from "../GroupCommit.ts"
import * as StoredAppend from "./StoredAppend.ts"

type Result = Effect.Effect<EventLog.Appended, EventLog.EventLogError>

interface Answer {
  readonly outcome: "stored" | "repeated" | "busy" | "unknown" | "ended" | "conflict" | "settled"
  readonly first_seq: number | null
  readonly last_seq: number | null
  readonly version: number | null
  readonly at: Date | null
  readonly task_id: string | null
}

interface Append {
  readonly tenant: string
  readonly executionId: string
  readonly drafts: ReadonlyArray<ExecutionEvent.Draft>
  /** The append as `crewline_append` reads it. */
  readonly json: string
}

export interface Options {
  /** What an append to an execution that does not exist fails with. */
  readonly missing: (tenant: string, executionId: string) => Effect.Effect<never, EventLog.EventLogError>
  /**
   * Called after every append that this process stored, with the events as far as they are known
   * and the length of their text.
   */
  readonly onStored: (
    tenant: string,
    executionId: string,
    events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
    length: number
  ) => void
  /** The stored events from `first` to `last`, for a repeated append. */
  readonly read: (
    tenant: string,
    executionId: string,
    range: { readonly first: number; readonly last: number }
  ) => Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLog.EventLogError>
}

const fail = (reason: typeof EventLog.Reason.Type) => Effect.fail(Failures.make("append", reason))

/** The events of an append that is stored as it was given; those of any other have to be read. */
const eventsOf = ({ drafts, executionId }: Append, answer: Answer) => {
  const first = answer.first_seq!
  if (answer.outcome !== "stored" || answer.last_seq! - first + 1 !== drafts.length) return undefined
  const at = answer.at!.toISOString()
  return drafts.map((draft, index): ExecutionEvent.ExecutionEvent => ({
    ...draft,
    seq: first + index,
    at,
    executionId
  }))
}

const makeResultOf =
  (options: Options) =>
  ({ executionId, tenant }: Append, answer: Answer, events: ReturnType<typeof eventsOf>): Result => {
    switch (answer.outcome) {
      case "unknown":
        return options.missing(tenant, executionId)
      case "ended":
        return fail(new EventLog.Ended({}))
      case "conflict":
        return fail(new EventLog.Conflict({ version: answer.version!, lastSeq: answer.last_seq! }))
      case "settled":
        return fail(new EventLog.AlreadySettled({ taskId: answer.task_id! }))
    }
    const stood = { lastSeq: answer.last_seq!, version: answer.version! }
    return events !== undefined
      ? Effect.succeed({ ...stood, events })
      : Effect.map(options.read(tenant, executionId, { first: answer.first_seq!, last: stood.lastSeq }), (read) => ({
          ...stood,
          events: read
        }))
  }

/** Starts the writers; they end with the scope, and what then waits fails. */
export const make = (
  sql: SqlClient.SqlClient,
  options: Options
): Effect.Effect<EventLog.EventLog["Service"]["append"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const resultOf = makeResultOf(options)

    const execute = (appends: string, waits: boolean): Effect.Effect<ReadonlyArray<Answer>, SqlError> =>
      sql.unsafe<Answer>("select * from crewline_append($1::text::jsonb, $2::boolean)", [appends, waits])

    const submit = yield* GroupCommit.make({
      ...Failures.ofGroup("append"),
      execute,
      isBusy: ({ outcome }) => outcome === "busy"
    })

    const tell = ({ executionId, json, tenant }: Append, answer: Answer, events: ReturnType<typeof eventsOf>) => {
      if (answer.outcome === "stored") options.onStored(tenant, executionId, events ?? [], json.length)
    }

    /**
     * On one session (PGlite) a writer would wait for the end of the caller's transaction for ever.
     */
    const joinTransaction = (append: Append): Result =>
      Effect.flatMap(Effect.mapError(execute(`[${append.json}]`, true), Failures.fromSql("append")), ([answer]) => {
        const events = eventsOf(append, answer!)
        return Effect.tap(
          resultOf(append, answer!, events),
          sql.afterCommit(Effect.sync(() => tell(append, answer!, events)))
        )
      })

    return (executionId, given, appendOptions) =>
      Effect.withFiber((fiber): Result => {
        const tenant = fiber.getRef(Tenant.Current)
        const drafts = given.length > 1 ? StoredAppend.withoutRepeatedTurns(given) : given
        const json = StoredAppend.encode(tenant, executionId, drafts, appendOptions)
        const append: Append = { tenant, executionId, drafts, json }
        if (Context.getOption(fiber.context, sql.transactionService)._tag === "Some") return joinTransaction(append)
        return submit(json, (answer) => {
          const events = eventsOf(append, answer)
          tell(append, answer, events)
          return resultOf(append, answer, events)
        })
      })
  })
