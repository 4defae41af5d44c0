/** Reads pages of the feed from the database. */
import type * as EventLog from "@crewline/core/EventLog"
import * as Feed from "@crewline/core/Feed"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Failures from "./Failures.ts"
import * as FeedCursors from "./FeedCursors.ts"
import type { Query } from "./Query.ts"
import * as StoredEvent from "./StoredEvent.ts"

interface Row {
  /** Why there are no events. */
  readonly state: "ahead" | "expired" | null
  readonly place: string
  readonly execution: string
  readonly seq: number
  readonly execution_id: string
  readonly crew_name: string
  readonly crew_id: string | null
  readonly at: Date
  readonly body: string
  readonly payload: string | null
}

/** An event with its place, and the length of its text, which stands for its memory. */
export interface Item {
  readonly place: Feed.Place
  readonly fed: Feed.Fed
  readonly length: number
}

/** Before every event: places begin with 2. */
export const beginning: Feed.Place = [0n, 0n, 0n]

const itemOf = (cursors: FeedCursors.FeedCursors, tenant: string, row: Row): Item => {
  const place = [BigInt(row.place), BigInt(row.execution), BigInt(row.seq)]
  return {
    place,
    fed: {
      cursor: cursors.encode(tenant, place),
      crewName: row.crew_name,
      ...(row.crew_id !== null && { crewId: row.crew_id }),
      event: StoredEvent.join(row.execution_id, row)
    },
    length: row.body.length + (row.payload?.length ?? 0)
  }
}

export interface FeedReader {
  /** The place at which a reader with this cursor of the tenant starts. */
  readonly placeOf: (
    operation: string,
    tenant: string,
    cursor: string | undefined
  ) => Effect.Effect<Feed.Place, EventLog.EventLogError>
  /** At most `limit` events after a place; none: there are no more at the moment. */
  readonly page: (
    operation: string,
    tenant: string,
    after: Feed.Place,
    limit: number
  ) => Effect.Effect<ReadonlyArray<Item>, EventLog.EventLogError>
  /** Events after a cursor. */
  readonly read: (
    tenant: string,
    after: string | undefined,
    limit: number
  ) => Effect.Effect<ReadonlyArray<Feed.Fed>, EventLog.EventLogError>
}

/** Cursors with the keys of the database, which are read, or made, when a feed is first read. */
const makeCursors = (sql: SqlClient.SqlClient, query: Query) => {
  let known: FeedCursors.FeedCursors | undefined
  return (operation: string): Effect.Effect<FeedCursors.FeedCursors, EventLog.EventLogError> =>
    Effect.withFiber((fiber) => {
      if (known !== undefined) return Effect.succeed(known)
      return Effect.map(
        query.run<{ readonly key: string; readonly until: string | null }>(
          operation,
          "select key, until from crewline_feed_keys($1)",
          [FeedCursors.makeKey()]
        ),
        (rows) => {
          const cursors = FeedCursors.make(
            rows.map(({ key, until }) => ({ key, ...(until !== null && { until: BigInt(until) }) }))
          )
          // A key made in a transaction may be rolled back with it.
          if (Context.getOption(fiber.context, sql.transactionService)._tag === "None") known = cursors
          return cursors
        }
      )
    })
}

export const make = (sql: SqlClient.SqlClient, query: Query): FeedReader => {
  const cursorsFor = makeCursors(sql, query)

  const placeOf: FeedReader["placeOf"] = (operation, tenant, cursor) => {
    if (cursor === undefined) return Effect.succeed(beginning)
    return Effect.flatMap(cursorsFor(operation), (cursors) => {
      const place = cursors.decode(tenant, cursor)
      return place === undefined ? Failures.make(operation, new Feed.InvalidCursor()) : Effect.succeed(place)
    })
  }

  const page: FeedReader["page"] = Effect.fnUntraced(function* (operation, tenant, [at, execution, seq], limit) {
    const cursors = yield* cursorsFor(operation)
    return yield* Effect.flatMap(
      query.run<Row>(
        operation,
        `select state, place::text, execution::text, seq, execution_id, crew_name, crew_id, at, body, payload
          from crewline_feed($1, $2::text::bigint, $3::text::bigint, $4::int, $5::int)`,
        [tenant, String(at), String(execution), Number(seq), limit]
      ),
      (rows) => {
        const state = rows[0]?.state ?? undefined
        if (state === undefined) return Effect.succeed(rows.map((row) => itemOf(cursors, tenant, row)))
        const Reason = state === "ahead" ? Feed.InvalidCursor : Feed.CursorExpired
        return Effect.fail(Failures.make(operation, new Reason()))
      }
    )
  })

  return {
    placeOf,
    page,
    read: (tenant, after, limit) =>
      placeOf("readFeed", tenant, after).pipe(
        Effect.flatMap((place) => page("readFeed", tenant, place, limit)),
        Effect.map((items) => items.map(({ fed }) => fed))
      )
  }
}
