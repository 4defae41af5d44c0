/**
 * The event log in PostgreSQL, on a server or embedded: `EventLog` over any `SqlClient` whose
 * database is migrated.
 *
 * - Durable on return: an append returns after its transaction has committed.
 * - One append is one statement: a function of the database locks the execution's row, checks the
 *   guards, numbers and inserts. So the order of `seq` is the order of commits, without gaps,
 *   whatever the number of processes. `at` is taken under that lock from the database's clock.
 * - Appends that arrive while a statement is running share the next one, and so do starts. An
 *   execution locked by another process delays only its own appends.
 * - Followers of one execution share reads. They are notified of new events in process, and across
 *   processes by the current `Broadcast`, or by NOTIFY on a server; without a notification they see
 *   them after at most `pollMillis`. Small deltas also reach other processes, and may be lost.
 * - The feed of a tenant is in the order in which appends began: what is given has nothing before
 *   it that could still be committed. An append in a transaction that is held open delays the feeds
 *   of all tenants, and makes no gap.
 * - Every query is confined to `Tenant.Current`; what else confines is explained with the tables.
 * - Payloads are stored as the text they were given as, those over 64 KB apart from their event;
 *   reading without payloads touches neither.
 *
 * With the log come its outbox, and what tells which process this is (`Liveness`): executions of
 * one that died on this machine are taken over at once.
 *
 * Inside a transaction of the same `SqlClient`, `start` and `append` join it, and followers hear of
 * it after the commit.
 *
 * @see Migrations/Sql/event-log.sql for the tables, and the folder beside it for the functions
 */
import * as Broadcast from "@crewline/core/Broadcast"
import * as EventLog from "@crewline/core/EventLog"
import * as Outbox from "@crewline/core/Outbox"
import * as Tenant from "@crewline/core/Tenant"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as PgBroadcast from "./PgBroadcast.ts"
import * as ProcessIdentity from "./ProcessIdentity.ts"
import * as Appender from "./PgEventLog/Appender.ts"
import * as Asking from "./PgEventLog/Asking.ts"
import * as FeedReader from "./PgEventLog/FeedReader.ts"
import * as Feeds from "./PgEventLog/Feeds.ts"
import * as Followers from "./PgEventLog/Followers.ts"
import * as PgOutbox from "./PgEventLog/Outbox.ts"
import * as Outputs from "./PgEventLog/Outputs.ts"
import * as Ownership from "./PgEventLog/Ownership.ts"
import * as Query from "./PgEventLog/Query.ts"
import * as Reader from "./PgEventLog/Reader.ts"
import * as Retention from "./PgEventLog/Retention.ts"
import * as Signals from "./PgEventLog/Signals.ts"
import * as Starter from "./PgEventLog/Starter.ts"
import * as Viewing from "./PgEventLog/Viewing.ts"

export interface Options {
  /** Followers look for themselves this often, in milliseconds; default 1,000. */
  readonly pollMillis?: number
  /**
   * Tell followers of new events, in process and elsewhere; default true. Without, they see them by
   * looking.
   */
  readonly hints?: boolean
  /**
   * False: followers in this process poll for events of other processes, which saves a connection;
   * for processes without followers.
   */
  readonly listens?: boolean
  /** Text of events kept for followers, in characters; default 32 Mi. */
  readonly cacheLength?: number
  /**
   * Text of outputs that this process has stored, kept for the tasks that read them, in characters;
   * default 8 Mi. 0: none.
   */
  readonly outputsLength?: number
}

const isServer = (sql: SqlClient.SqlClient): sql is PgClient.PgClient => "listen" in sql && sql.driver !== "pglite"

/**
 * How processes tell each other of new events; undefined: followers elsewhere see them by looking.
 */
const makeSignals = (
  sql: SqlClient.SqlClient,
  { feeds, followers }: { readonly followers: Followers.Followers; readonly feeds: Feeds.Feeds },
  { hints, listens }: Options
) =>
  Effect.gen(function* () {
    const broadcast = Option.getOrElse(yield* Effect.serviceOption(Broadcast.Broadcast), () =>
      isServer(sql) ? PgBroadcast.make(sql) : undefined
    )
    if (broadcast === undefined || hints === false) return undefined
    return yield* Signals.make(broadcast, {
      listens: listens ?? true,
      onEvents: followers.look,
      onTenants: feeds.look,
      onDelta: followers.delta
    })
  })

/** Makes the log over the current `SqlClient`; its fibers live as long as the scope. */
export const make = (
  options: Options = {}
): Effect.Effect<EventLog.EventLog["Service"], never, SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const query = Query.make(sql)
    const { following, now, list, outputs, range, read, summary } = Reader.make(query)
    const known = Outputs.make(options.outputsLength ?? 8 * 1024 * 1024)
    const pollMillis = options.pollMillis ?? 1_000
    const feedReader = FeedReader.make(sql, query)
    const feeds = yield* Feeds.make(feedReader, { pollMillis })
    const followers = yield* Followers.make({
      pollMillis,
      cacheLength: options.cacheLength ?? 32 * 1024 * 1024,
      ...following
    })
    const signals = yield* makeSignals(sql, { followers, feeds }, options)
    const { deleting, keepView, view } = yield* Viewing.make(query)
    const { prune, remove } = Retention.make(query)
    const append = yield* Appender.make(sql, {
      missing: (tenant, executionId) => query.missing("append", tenant, executionId),
      onStored: (tenant, executionId, events, length) => {
        known.stored(tenant, executionId, events)
        if (options.hints === false) return
        followers.stored(tenant, executionId, events, length)
        feeds.look([tenant])
        signals?.events(tenant, executionId)
      },
      read: range
    })

    return {
      append,
      start: yield* Starter.make(sql),
      read,
      outputs: (executionId, taskIds) =>
        Effect.withFiber((fiber) => {
          const found = known.find(fiber.getRef(Tenant.Current), executionId, taskIds)
          return found === undefined ? outputs(executionId, taskIds) : Effect.succeed(found)
        }),
      ...Asking.make(query),
      readFeed: ({ after, limit = 100 } = {}) => Query.withTenant((tenant) => feedReader.read(tenant, after, limit)),
      feed: ({ after } = {}) =>
        Stream.unwrap(Effect.withFiber((fiber) => Effect.succeed(feeds.follow(fiber.getRef(Tenant.Current), after)))),
      summary,
      now,
      list,
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
      view,
      keepView,
      ...Ownership.make(query),
      remove: (executionId) => deleting(remove(executionId)),
      prune: (pruneOptions) => deleting(prune(pruneOptions))
    }
  })

/** The log with other options than the default. */
export const layerWith = (
  options: Options
): Layer.Layer<EventLog.EventLog | Outbox.Outbox, never, SqlClient.SqlClient> =>
  Layer.mergeAll(
    Layer.effect(EventLog.EventLog, make(options)),
    Layer.effect(Outbox.Outbox, Effect.map(SqlClient.SqlClient, PgOutbox.make)),
    ProcessIdentity.layer
  )

/** The log over a migrated database. */
export const layer: Layer.Layer<EventLog.EventLog | Outbox.Outbox, never, SqlClient.SqlClient> = layerWith({})
