/**
 * The event log in PostgreSQL, on a server or embedded: `EventLog` over any `SqlClient` whose database is migrated.
 *
 * - Durable when answered: an append is answered after its transaction has committed.
 * - One append is one statement: a function of the database locks the execution's row, checks the guards, numbers and inserts. So
 *   the order of `seq` is the order of commits, without gaps, whatever the number of processes. `at` is taken under that lock
 *   from the database's clock.
 * - Appends that come while a statement is under way go together in the next one. An execution that somebody else holds delays its
 *   own appends only.
 * - Followers of one execution share what is read. They are told of new events in process, and across processes by the current
 *   `Broadcast`, or by NOTIFY on a server; without any such hint they see them after `pollMillis` at the latest. Deltas reach other
 *   processes too when they are small, and may be lost.
 * - Every query is confined to `Tenant.Current`; what else confines is explained with the tables.
 * - Payloads are stored as the text they were given as, those over 64 KB apart from their event; reading without payloads touches
 *   neither.
 *
 * Inside a transaction of the same `SqlClient`, `append` joins it, and followers hear of it after the commit.
 *
 * @see Migrations/EventLog0001 for the tables, and the files beside it for the functions
 */
import * as Broadcast from "@crewline/core/Broadcast"
import * as EventLog from "@crewline/core/EventLog"
import * as Tenant from "@crewline/core/Tenant"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as PgBroadcast from "./PgBroadcast.ts"
import * as Appender from "./PgEventLog/Appender.ts"
import * as Failures from "./PgEventLog/Failures.ts"
import * as Followers from "./PgEventLog/Followers.ts"
import * as Signals from "./PgEventLog/Signals.ts"
import * as StoredEvent from "./PgEventLog/StoredEvent.ts"

export interface Options {
  /** Followers look for themselves this often, in milliseconds; default 1,000. */
  readonly pollMillis?: number
  /** Tell followers of new events, in process and elsewhere; default true. Without, they see them by looking. */
  readonly hints?: boolean
  /** False: followers here see what other processes do by looking, which saves a connection; for a process where nobody follows. */
  readonly listens?: boolean
  /** Text of events kept for followers, in characters; default 32 Mi. */
  readonly cacheLength?: number
}

interface EventRow {
  readonly seq: number
  readonly at: Date
  readonly body: string
  readonly payload: string | null
}

interface SummaryRow {
  readonly id: string | null
  readonly crew_name: string
  readonly crew_id: string | null
  readonly status: EventLog.Summary["status"]
  readonly started_at: Date
  readonly ended_at: Date | null
  readonly last_seq: number
  readonly version: number
}

const isServer = (sql: SqlClient.SqlClient): sql is PgClient.PgClient => "listen" in sql && sql.driver !== "pglite"

const summaryOf = (tenant: string, row: SummaryRow): EventLog.Summary => ({
  id: row.id!,
  tenant,
  crewName: row.crew_name,
  ...(row.crew_id !== null && { crewId: row.crew_id }),
  status: row.status,
  startedAt: row.started_at.toISOString(),
  ...(row.ended_at !== null && { endedAt: row.ended_at.toISOString() }),
  lastSeq: row.last_seq,
  version: row.version
})

/** Makes the log over the current `SqlClient`; its fibers live as long as the scope. */
export const make = (
  options: Options = {}
): Effect.Effect<EventLog.EventLog["Service"], never, SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const hints = options.hints ?? true

    const query = <A extends object>(operation: string, text: string, params: ReadonlyArray<unknown>) =>
      Effect.mapError(sql.unsafe<A>(text, params), Failures.fromSql(operation))

    const withTenant = <A>(f: (tenant: string) => Effect.Effect<A, EventLog.EventLogError>) =>
      Effect.withFiber<A, EventLog.EventLogError>((fiber) => f(fiber.getRef(Tenant.Current)))

    const missing = (operation: string, tenant: string, executionId: string) =>
      Effect.flatMap(
        query<{ readonly gone: boolean }>(operation, "select crewline_is_gone($1, $2) as gone", [tenant, executionId]),
        ([row]) =>
          Effect.fail(
            Failures.make(
              operation,
              row!.gone ? new EventLog.Gone({ executionId }) : new EventLog.UnknownExecution({ executionId })
            )
          )
      )

    const rowsOf = (operation: string, tenant: string, executionId: string, read: EventLog.ReadOptions) =>
      Effect.flatMap(
        query<EventRow>(operation, "select * from crewline_read($1, $2, $3::int, $4::int, $5, $6::boolean)", [
          tenant,
          executionId,
          Math.max(read.after ?? 0, 0),
          read.limit ?? null,
          read.taskId ?? null,
          read.payloads ?? true
        ]),
        (rows) => (rows.length === 0 ? missing(operation, tenant, executionId) : Effect.succeed(rows.slice(1)))
      )

    const summaryRow = (operation: string, tenant: string, executionId: string) =>
      Effect.flatMap(
        query<SummaryRow>(operation, "select * from crewline_list($1, $2::text::jsonb, null, null, null, null, 1)", [
          tenant,
          JSON.stringify([executionId])
        ]),
        ([row]) => (row === undefined ? missing(operation, tenant, executionId) : Effect.succeed(row))
      )

    const followers = yield* Followers.make({
      pollMillis: options.pollMillis ?? 1_000,
      cacheLength: options.cacheLength ?? 32 * 1024 * 1024,
      read: (tenant, executionId, range) =>
        Effect.map(rowsOf("follow", tenant, executionId, range), (rows) =>
          rows.map((row) => ({
            event: StoredEvent.join(executionId, row),
            length: row.body.length + (row.payload?.length ?? 0)
          }))
        ),
      position: (tenant, executionId) =>
        Effect.map(summaryRow("follow", tenant, executionId), (row) => ({
          lastSeq: row.last_seq,
          ended: row.ended_at !== null
        })),
      positions: (executions) =>
        Effect.map(
          query<{
            readonly tenant: string
            readonly execution_id: string
            readonly last_seq: number
            readonly ended: boolean
          }>("follow", "select * from crewline_positions($1::text::jsonb)", [JSON.stringify(executions)]),
          (rows) =>
            rows.map((row) => ({
              tenant: row.tenant,
              executionId: row.execution_id,
              lastSeq: row.last_seq,
              ended: row.ended
            }))
        )
    })

    const broadcast = Option.getOrElse(yield* Effect.serviceOption(Broadcast.Broadcast), () =>
      isServer(sql) ? PgBroadcast.make(sql) : undefined
    )
    const signals =
      hints && broadcast !== undefined
        ? yield* Signals.make(broadcast, {
            listens: options.listens ?? true,
            onEvents: followers.look,
            onDelta: followers.delta
          })
        : undefined

    const append = yield* Appender.make(sql, {
      missing: (tenant, executionId) => missing("append", tenant, executionId),
      onStored: (tenant, executionId, events, length) => {
        if (!hints) return
        followers.stored(tenant, executionId, events, length)
        signals?.events(executionId)
      },
      read: (tenant, executionId, { first, last }) =>
        Effect.map(rowsOf("append", tenant, executionId, { after: first - 1, limit: last - first + 1 }), (rows) =>
          rows.map((row) => StoredEvent.join(executionId, row))
        )
    })

    return {
      append,
      now: Effect.map(
        query<{ readonly millis: number }>(
          "now",
          "select (extract(epoch from clock_timestamp()) * 1000)::float8 as millis",
          []
        ),
        ([row]) => row!.millis
      ),
      start: (executionId, event, startOptions) =>
        withTenant((tenant) =>
          Effect.flatMap(
            query<{ readonly outcome: "started" | "existing" | "reused"; readonly execution_id: string }>(
              "start",
              "select * from crewline_start($1, $2, $3, $4, $5, $6, $7, $8::float8, $9)",
              [
                tenant,
                executionId,
                event.plan.name,
                startOptions?.crewId ?? null,
                startOptions?.idempotency?.key ?? null,
                startOptions?.idempotency?.requestHash ?? null,
                startOptions?.owner?.name ?? null,
                startOptions?.owner?.leaseMillis ?? null,
                StoredEvent.split(event).row.body
              ]
            ),
            ([row]) =>
              row!.outcome === "reused"
                ? Effect.fail(Failures.make("start", new EventLog.KeyReused({ key: startOptions!.idempotency!.key })))
                : Effect.succeed({ executionId: row!.execution_id, existing: row!.outcome === "existing" })
          )
        ),
      read: (executionId, readOptions = {}) =>
        withTenant((tenant) =>
          Effect.map(rowsOf("read", tenant, executionId, readOptions), (rows) =>
            rows.map((row) => StoredEvent.join(executionId, row))
          )
        ),
      outputs: (executionId, taskIds) =>
        withTenant((tenant) =>
          Effect.flatMap(
            query<{ readonly task_id: string | null; readonly payload: string }>(
              "outputs",
              "select * from crewline_outputs($1, $2, $3::text::jsonb)",
              [tenant, executionId, JSON.stringify(taskIds)]
            ),
            (rows) =>
              rows.length === 0
                ? missing("outputs", tenant, executionId)
                : Effect.succeed(
                    new Map(
                      rows
                        .slice(1)
                        .map((row) => [row.task_id!, (JSON.parse(row.payload) as { output: Schema.Json }).output])
                    )
                  )
          )
        ),
      follow: (executionId, followOptions) =>
        Stream.unwrap(
          Effect.withFiber((fiber) =>
            Effect.succeed(followers.follow(fiber.getRef(Tenant.Current), executionId, followOptions))
          )
        ),
      publish: (delta) =>
        Effect.withFiber((fiber) => {
          const tenant = fiber.getRef(Tenant.Current)
          followers.delta(tenant, delta)
          signals?.delta(tenant, delta)
          return Effect.void
        }),
      summary: (executionId) =>
        withTenant((tenant) => Effect.map(summaryRow("summary", tenant, executionId), (row) => summaryOf(tenant, row))),
      list: (listOptions = {}) =>
        withTenant((tenant) =>
          Effect.flatMap(
            query<SummaryRow>("list", "select * from crewline_list($1, null, $2::text::jsonb, $3, $4, $5, $6::int)", [
              tenant,
              listOptions.status === undefined ? null : JSON.stringify(listOptions.status),
              listOptions.crewId ?? null,
              listOptions.crewName ?? null,
              listOptions.before ?? null,
              listOptions.limit ?? 50
            ]),
            (rows) =>
              rows[0]?.id === null
                ? missing("list", tenant, listOptions.before!)
                : Effect.succeed(rows.map((row) => summaryOf(tenant, row)))
          )
        ),
      adopt: ({ executionIds, leaseMillis, limit, owner }) =>
        Effect.map(
          query<{ readonly execution_id: string; readonly tenant: string; readonly last_seq: number }>(
            "adopt",
            "select * from crewline_adopt($1, $2::float8, $3::int, $4::text::jsonb)",
            [owner, leaseMillis, limit, executionIds === undefined ? null : JSON.stringify(executionIds)]
          ),
          (rows) => rows.map((row) => ({ executionId: row.execution_id, tenant: row.tenant, lastSeq: row.last_seq }))
        ),
      disown: (owner) => Effect.asVoid(query("disown", "select crewline_disown($1)", [owner])),
      remove: (executionId) =>
        withTenant((tenant) =>
          Effect.flatMap(
            query<{ readonly outcome: "removed" | "running" | "missing" }>(
              "remove",
              "select crewline_remove($1, $2) as outcome",
              [tenant, executionId]
            ),
            ([row]) => {
              if (row!.outcome === "missing") return missing("remove", tenant, executionId)
              if (row!.outcome === "removed") return Effect.void
              return Effect.fail(Failures.make("remove", new EventLog.NotEnded({ executionId })))
            }
          )
        ),
      prune: ({ endedForMillis, limit, rememberMillis, tenant }) =>
        Effect.map(
          query<{ readonly execution_id: string; readonly tenant: string }>(
            "prune",
            "select * from crewline_prune($1::float8, $2::int, $3, $4::float8)",
            [endedForMillis, limit, tenant ?? null, rememberMillis ?? EventLog.defaultRememberMillis]
          ),
          (rows) => rows.map((row) => ({ executionId: row.execution_id, tenant: row.tenant }))
        )
    }
  })

/** The log with other options than the default. */
export const layerWith = (options: Options): Layer.Layer<EventLog.EventLog, never, SqlClient.SqlClient> =>
  Layer.effect(EventLog.EventLog, make(options))

/** The log over a migrated database. */
export const layer: Layer.Layer<EventLog.EventLog, never, SqlClient.SqlClient> = layerWith({})
