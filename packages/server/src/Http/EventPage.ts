/** A page of stored events: limited in number and in bytes, without reading far beyond its end. */
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import { maxBytes } from "../Api/Page.ts"

/** An event may have 64 kB: this many are kept in memory before the size of the page is known. */
const eventsAtOnce = 128

export interface Page {
  /** Each event as JSON. */
  readonly items: ReadonlyArray<string>
  /** The `seq` that the next page begins after; absent when there are no more events yet. */
  readonly nextAfter: number | undefined
}

export const read = Effect.fnUntraced(function* (
  log: Pick<EventLog.EventLog["Service"], "read">,
  executionId: string,
  { after, limit }: { readonly after: number; readonly limit: number }
): Effect.fn.Return<Page, EventLog.EventLogError> {
  const items: Array<string> = []
  let bytes = 0
  let last = after
  for (;;) {
    // One more than the page size, to know whether another page follows.
    const wanted = Math.min(limit + 1 - items.length, eventsAtOnce)
    const events = yield* log.read(executionId, { after: last, limit: wanted })
    for (const event of events) {
      const item = JSON.stringify(event)
      bytes += Buffer.byteLength(item)
      if (items.length === limit || (items.length > 0 && bytes > maxBytes)) return { items, nextAfter: last }
      items.push(item)
      last = event.seq
    }
    if (events.length < wanted) return { items, nextAfter: undefined }
  }
})

/** Events are JSON already; checking each against a schema would cost more than reading them. */
export const toJson = ({ items, nextAfter }: Page): string =>
  `{"items":[${items.join(",")}]${nextAfter === undefined ? "" : `,"nextAfter":${nextAfter}`}}`
