/** Reads pages of the feed from the database. */
import type * as EventLog from "@crewline/core/EventLog"
import * as Feed from "@crewline/core/Feed"
import * as Effect from "effect/Effect"
import * as Failures from "./Failures.ts"
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

const maxSeq = 2n ** 31n - 1n

/** The place of an append, execution and seq; `undefined`: the cursor is none of this log. */
export const placeOf = (cursor: string | undefined): Feed.Place | undefined => {
  if (cursor === undefined) return beginning
  const place = Feed.fromCursor(cursor, beginning.length)
  return place !== undefined && place[0]! > 0n && place[2]! <= maxSeq ? place : undefined
}

export const invalid = (operation: string): EventLog.EventLogError => Failures.make(operation, new Feed.InvalidCursor())

const itemOf = (row: Row): Item => {
  const place = [BigInt(row.place), BigInt(row.execution), BigInt(row.seq)]
  return {
    place,
    fed: {
      cursor: Feed.toCursor(place),
      crewName: row.crew_name,
      ...(row.crew_id !== null && { crewId: row.crew_id }),
      event: StoredEvent.join(row.execution_id, row)
    },
    length: row.body.length + (row.payload?.length ?? 0)
  }
}

export interface FeedReader {
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

export const make = (query: Query): FeedReader => {
  const page: FeedReader["page"] = (operation, tenant, [at, execution, seq], limit) =>
    Effect.flatMap(
      query.run<Row>(
        operation,
        `select state, place::text, execution::text, seq, execution_id, crew_name, crew_id, at, body, payload
          from crewline_feed($1, $2::text::bigint, $3::text::bigint, $4::int, $5::int)`,
        [tenant, String(at), String(execution), Number(seq), limit]
      ),
      (rows) => {
        const state = rows[0]?.state ?? undefined
        if (state === undefined) return Effect.succeed(rows.map(itemOf))
        const Reason = state === "ahead" ? Feed.InvalidCursor : Feed.CursorExpired
        return Effect.fail(Failures.make(operation, new Reason()))
      }
    )

  return {
    page,
    read: (tenant, after, limit) => {
      const place = placeOf(after)
      if (place === undefined) return Effect.fail(invalid("readFeed"))
      return Effect.map(page("readFeed", tenant, place, limit), (items) => items.map(({ fed }) => fed))
    }
  }
}
