/**
 * Stored views of ended executions. A frequently requested view is read once in two seconds: it
 * never changes and can only be deleted, which this process sees at once and others within that
 * time.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Query, withTenant } from "./Query.ts"
import { type SummaryRow, summaryOf } from "./Reader.ts"

interface ViewRow extends SummaryRow {
  readonly place: number
  readonly lengths: ReadonlyArray<number>
  readonly content: string | null
}

/** Where the head stands among the parts. */
const headPlace = -1

/** The greatest number of the database. */
const maxPlace = 2 ** 31 - 1

/**
 * For how long a view is good, in milliseconds; how many are remembered, and of which length at
 * most, in characters.
 */
const freshMillis = 2_000
const maxViews = 256
const maxViewLength = 64 * 1024

const isRemembered = ({ view }: EventLog.Viewed): boolean =>
  view !== undefined && view.parts.reduce((sum, { text }) => sum + text.length, view.head.length) <= maxViewLength

type Key = readonly [tenant: string, executionId: string, format: number, from: number, to: number]

const read =
  (query: Query) =>
  (key: string): Effect.Effect<EventLog.Viewed, EventLog.EventLogError> => {
    const [tenant, executionId, ...range] = JSON.parse(key) as Key
    return Effect.flatMap(
      query.run<ViewRow>("view", "select * from crewline_read_view($1, $2, $3::int, $4::int, $5::int)", [
        tenant,
        executionId,
        ...range
      ]),
      ([first, ...parts]) => {
        if (first === undefined) return query.missing("view", tenant, executionId)
        const summary = summaryOf(tenant, first)
        if (first.content === null) return Effect.succeed({ summary })
        return Effect.succeed({
          summary,
          view: {
            head: first.content,
            parts: parts.map(({ content, lengths, place }) => ({ first: place, lengths, text: content! }))
          }
        })
      }
    )
  }

export const make = Effect.fnUntraced(function* (query: Query) {
  const known = yield* Cache.makeWith(read(query), {
    capacity: maxViews,
    timeToLive: (exit) => (Exit.isSuccess(exit) && isRemembered(exit.value) ? freshMillis : 0)
  })
  const service: Pick<EventLog.EventLog["Service"], "view" | "keepView"> = {
    view: (executionId, { format, from = 0, to = maxPlace }) =>
      withTenant((tenant) => {
        const key: Key = [tenant, executionId, format, from, Math.min(to, maxPlace)]
        return Cache.get(known, JSON.stringify(key))
      }),
    keepView: (executionId, { format, head, parts }) =>
      withTenant((tenant) =>
        Effect.asVoid(
          query.run("keepView", "select crewline_keep_view($1, $2, $3::int, $4::text::jsonb)", [
            tenant,
            executionId,
            format,
            JSON.stringify([
              ...parts.map(({ first, lengths, text }) => [first, lengths, text]),
              ...(head === undefined ? [] : [[headPlace, null, head]])
            ])
          ])
        )
      )
  }
  /** Executions are deleted. */
  const deleting = <A, E>(effect: Effect.Effect<A, E>) => Effect.ensuring(effect, Cache.invalidateAll(known))
  return { ...service, deleting }
})
