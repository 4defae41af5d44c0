/**
 * Deletes executions that ended longer ago than `CREWLINE_RETENTION` (for example `30 days`); by
 * default, everything is kept forever. Deletes memories past the retention of their tenant, which
 * are no longer visible.
 *
 * One process on a database does this at a time, in transactions of at most `pageSize` executions
 * or memories, so that other work is not delayed. Failures are retried with the next pass.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"

/** Executions or memories deleted in one transaction. */
const pageSize = 100
/**
 * The longest time between passes: retention is in days, so deletion need not be exact to the
 * minute.
 */
const maxPause = Duration.minutes(1)
const minPause = Duration.seconds(1)
/** Memories past their retention are not visible, so their deletion is not urgent. */
const memoryPause = Duration.minutes(5)
/** An arbitrary number that is unlikely to be locked by other applications. */
const lockKey = 7_239_274_512

/**
 * Deletes all executions that ended at least this long ago, unless another process is doing so;
 * returns their number.
 */
export const pass = Effect.fn("Retention.pass")(function* (
  age: Duration.Duration
): Effect.fn.Return<number, EventLog.EventLogError | SqlError, EventLog.EventLog | SqlClient.SqlClient> {
  const log = yield* EventLog.EventLog
  const sql = yield* SqlClient.SqlClient
  const page = alone(sql, log.prune({ endedForMillis: Duration.toMillis(age), limit: pageSize }), [])
  let deleted = 0
  for (;;) {
    const { length } = yield* page
    if (length === 0) return deleted
    deleted += length
  }
})

/** Runs in a transaction; returns `otherwise` if another process is running one. */
const alone = <A, E>(sql: SqlClient.SqlClient, effect: Effect.Effect<A, E>, otherwise: A) =>
  sql.withTransaction(
    Effect.gen(function* () {
      const [row] = yield* sql<{ readonly held: boolean }>`select pg_try_advisory_xact_lock(${lockKey}::bigint) as held`
      return row!.held ? yield* effect : otherwise
    })
  )

/**
 * Deletes the memories of all tenants past their retention, unless another process is doing so;
 * returns their number.
 */
export const passMemories: Effect.Effect<
  number,
  Memory.InvalidMemory | Memory.MemoryError | SqlError,
  Memory.Memory | SqlClient.SqlClient
> = Effect.gen(function* () {
  const memory = yield* Memory.Memory
  const sql = yield* SqlClient.SqlClient
  let deleted = 0
  yield* Stream.runForEach(PgMemory.tenants, (tenant) =>
    Effect.gen(function* () {
      for (;;) {
        const purged = yield* alone(sql, memory.purge(pageSize), 0)
        deleted += purged
        if (purged < pageSize) return
      }
    }).pipe(Effect.provideService(Tenant.Current, tenant))
  )
  return deleted
})

/** Deletes expired memories at intervals while the layer is running. */
export const layerMemories = (
  pause: Duration.Duration = memoryPause
): Layer.Layer<never, never, Memory.Memory | SqlClient.SqlClient> =>
  Layer.effectDiscard(
    passMemories.pipe(
      Effect.flatMap((deleted) =>
        deleted === 0 ? Effect.void : Effect.logInfo(`Deleted ${deleted} memories past their retention`)
      ),
      Effect.catchCause((cause) => Effect.logWarning("Failed to delete old memories; will retry", cause)),
      // A process that has just started has more urgent work.
      Effect.delay(pause),
      Effect.forever,
      Effect.forkScoped
    )
  )

/** Passes over the log as long as the layer lives; `undefined`: nothing is deleted. */
export const layer = (
  age: Duration.Duration | undefined
): Layer.Layer<never, never, EventLog.EventLog | SqlClient.SqlClient> =>
  age === undefined
    ? Layer.empty
    : Layer.effectDiscard(
        pass(age).pipe(
          Effect.flatMap((deleted) =>
            deleted === 0
              ? Effect.void
              : Effect.logInfo(`Deleted ${deleted} executions that ended ${Duration.format(age)} ago`)
          ),
          Effect.catchCause((cause) => Effect.logWarning("Failed to delete old executions; will retry", cause)),
          Effect.repeat(Schedule.spaced(Duration.clamp(age, { minimum: minPause, maximum: maxPause }))),
          Effect.forkScoped
        )
      )

const Age = Schema.DurationFromString.check(
  Schema.makeFilter(
    (age) =>
      (Duration.isFinite(age) && Duration.isGreaterThanOrEqualTo(age, Duration.seconds(1))) ||
      "Expected a duration of at least 1 second, such as 30 days"
  )
)

/** The age in this variable from which entries are deleted; without it everything is kept. */
export const age = (variable: string): Config.Config<Duration.Duration | undefined> =>
  Config.withDefault(Config.schema(Age, variable), undefined)

/** `CREWLINE_RETENTION`, a duration such as `30 days`. */
export const config: Config.Config<Duration.Duration | undefined> = age("CREWLINE_RETENTION")
