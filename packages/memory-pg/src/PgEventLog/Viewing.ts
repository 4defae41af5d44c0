/**
 * Views of ended executions, kept beside them.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
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

export const make = (query: Query): Pick<EventLog.EventLog["Service"], "view" | "keepView"> => ({
  view: (executionId, { format, from = 0, to = maxPlace }) =>
    withTenant((tenant) =>
      Effect.flatMap(
        query.run<ViewRow>("view", "select * from crewline_read_view($1, $2, $3::int, $4::int, $5::int)", [
          tenant,
          executionId,
          format,
          from,
          Math.min(to, maxPlace)
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
    ),
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
})
