/**
 * A WebSocket that receives the feed of its tenant. It keeps a cursor: events that the client
 * cannot take yet are not read. Messages of the client are not answered.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Feed from "@crewline/core/Feed"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Filters } from "../Api/Feed.ts"
import * as FeedEvents from "./FeedEvents.ts"
import type { Follower } from "./Follower.ts"

/** The query of a client. */
export interface Wanted {
  readonly after: string | undefined
  readonly filter: Feed.Filter
}

const decode = Schema.decodeUnknownEffect(Filters, { onExcessProperty: "error" })

/** Reads a query; fails with what is wrong with it. */
export const wantedOf = (query: URLSearchParams): Effect.Effect<Wanted, Schema.SchemaError> => {
  const { after, ...filters } = Object.fromEntries(query)
  return Effect.map(decode(filters), (valid) => ({ after, filter: FeedEvents.filterOf(valid) }))
}

/** Sends events for as long as the client is connected. */
export const feed = (
  log: Pick<EventLog.EventLog["Service"], "feed">,
  follower: Follower<string>,
  { after, filter }: Wanted
): Effect.Effect<void, EventLog.EventLogError> =>
  Effect.suspend(() => {
    const drained = Latch.makeUnsafe(false)
    follower.onDrain(() => drained.openUnsafe())

    const give = Effect.fnUntraced(function* (events: ReadonlyArray<Feed.Fed>) {
      for (const fed of events) {
        if (!Feed.matches(filter, fed)) {
          follower.cursor = fed.cursor
          continue
        }
        drained.closeUnsafe()
        while (!follower.hasRoom) {
          yield* drained.await
          drained.closeUnsafe()
        }
        follower.send(FeedEvents.toFrame(fed), fed.cursor)
      }
    })

    return Stream.runForEachArray(log.feed(after === undefined ? {} : { after }), give)
  })
