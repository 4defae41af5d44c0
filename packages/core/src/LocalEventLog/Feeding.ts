/** The feed of executions in memory. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as EventLog from "../EventLog.ts"
import * as Feed from "../Feed.ts"
import * as Tenant from "../Tenant.ts"
import type { FeedBook } from "./FeedBook.ts"
import { fail, type Storage } from "./Storage.ts"

/** Events given to a reader at once. */
const pageSize = 128

/** Ends when something comes after what the reader has seen. */
const news = (book: FeedBook) =>
  Effect.callback<void>((resume) => {
    const forget = book.onNews(() => resume(Effect.void))
    return Effect.sync(forget)
  })

export const make = (storage: Storage): Pick<EventLog.EventLog["Service"], "readFeed" | "feed"> => {
  const read = (operation: string, tenant: string, after: string | undefined, limit: number) => {
    const book = storage.feed(tenant)
    const place = after === undefined ? [0n, 0n] : book.placeOf(after)
    if (place === undefined) return fail(operation, new Feed.InvalidCursor())
    if (after !== undefined && book.hasExpired(place)) return fail(operation, new Feed.CursorExpired())
    return Effect.succeed(book.read(place, limit))
  }

  const follow = (tenant: string, after: string | undefined) => {
    let cursor = after
    const pull: Pull.Pull<Arr.NonEmptyReadonlyArray<Feed.Fed>, EventLog.EventLogError> = Effect.suspend(() =>
      Effect.flatMap(read("feed", tenant, cursor, pageSize), (events) => {
        if (!Arr.isReadonlyArrayNonEmpty(events)) return Effect.flatMap(news(storage.feed(tenant)), () => pull)
        cursor = events.at(-1)!.cursor
        return Effect.succeed(events)
      })
    )
    return pull
  }

  return {
    readFeed: ({ after, limit = 100 } = {}) =>
      Effect.withFiber((fiber) => read("readFeed", fiber.getRef(Tenant.Current), after, limit)),
    feed: ({ after } = {}) =>
      Stream.fromPull(Effect.withFiber((fiber) => Effect.succeed(follow(fiber.getRef(Tenant.Current), after))))
  }
}
