/**
 * One reader supplies all followers of a tenant's feed in this process with new events. A follower
 * that is behind reads pages until it has caught up; pages that several need at once are read once.
 *
 * The reader of a tenant reads when it is notified, and at least every `pollMillis`: correctness
 * does not depend on notifications. It ends with its last follower.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Feed from "@crewline/core/Feed"
import * as Flights from "@crewline/core/Flights"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as FeedReader from "./FeedReader.ts"
import { FeedTail } from "./FeedTail.ts"

export interface Feeds {
  readonly follow: (tenant: string, after: string | undefined) => Stream.Stream<Feed.Fed, EventLog.EventLogError>
  /** There may be something new for these tenants, or for all. */
  readonly look: (tenants?: Iterable<string>) => void
}

type FeedPull = Pull.Pull<Arr.NonEmptyReadonlyArray<Feed.Fed>, EventLog.EventLogError>

/** Events of a page. */
const pageSize = 128
/**
 * The least time between two looks at a feed, so that events that come one by one are read
 * together.
 */
const gatherMillis = 20
/** A lost connection may come back; it is tried as often, `pollMillis` apart. */
const retries = 30

/** The tails of this process, each with its reader. */
const makeTails = Effect.fnUntraced(function* (
  page: (tenant: string, after: Feed.Place) => Effect.Effect<ReadonlyArray<FeedReader.Item>, EventLog.EventLogError>,
  pollMillis: number
) {
  const tails = new Map<string, { readonly tail: FeedTail; readonly reader: Fiber.Fiber<void> }>()
  const run = yield* FiberSet.makeRuntime<never>()

  const forget = (tail: FeedTail) => {
    if (tails.get(tail.tenant)?.tail === tail) tails.delete(tail.tenant)
  }

  /** As long as pages are full, and again whenever there may be more. */
  const read = (tail: FeedTail): Effect.Effect<void> =>
    Effect.gen(function* () {
      tail.news.closeUnsafe()
      const items = yield* page(tail.tenant, tail.end)
      if (items.length > 0) tail.push(items)
      if (items.length === pageSize) return
      yield* Effect.sleep(gatherMillis)
      yield* Effect.timeoutOption(tail.news.await, pollMillis)
    }).pipe(
      Effect.forever,
      Effect.catch((error) =>
        Effect.sync(() => {
          forget(tail)
          tail.fail(error)
        })
      )
    )

  return {
    find: (tenant: string): FeedTail | undefined => tails.get(tenant)?.tail,
    tenants: () => tails.keys(),
    /**
     * The tail of a tenant, which begins here if there is none, for as long as the scope is open.
     */
    join: (tenant: string, begin: Feed.Place) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          let known = tails.get(tenant)
          if (known === undefined) {
            const tail = new FeedTail(tenant, begin)
            tails.set(tenant, (known = { tail, reader: run(read(tail)) }))
          }
          known.tail.followers++
          return known
        }),
        ({ reader, tail }) =>
          Effect.sync(() => {
            if (--tail.followers > 0) return
            forget(tail)
            reader.interruptUnsafe()
          })
      ).pipe(Effect.map(({ tail }) => tail))
  }
})

export const make = (
  reader: FeedReader.FeedReader,
  { pollMillis }: { readonly pollMillis: number }
): Effect.Effect<Feeds, never, Scope.Scope> =>
  Effect.gen(function* () {
    const flights = yield* Flights.make<ReadonlyArray<FeedReader.Item>, EventLog.EventLogError>()
    const page = (tenant: string, after: Feed.Place) =>
      flights(
        `${tenant} ${after.join(".")}`,
        Effect.retry(reader.page("feed", tenant, after, pageSize), {
          while: ({ reason }) => reason._tag === "Unavailable" && reason.isRetryable,
          schedule: Schedule.spaced(pollMillis),
          times: retries
        })
      )
    const tails = yield* makeTails(page, pollMillis)

    const pullFrom = (tenant: string, after: Feed.Place, scope: Scope.Scope): FeedPull => {
      let place = after
      /** The tail that this reader holds. */
      let tail: FeedTail | undefined

      const give = (items: Arr.NonEmptyReadonlyArray<FeedReader.Item>): FeedPull => {
        place = items.at(-1)!.place
        return Effect.succeed(Arr.map(items, ({ fed }) => fed))
      }

      /** Nothing that this reader lacks is there. */
      const wait: FeedPull = Effect.gen(function* () {
        tail ??= yield* Scope.provide(tails.join(tenant, place), scope)
        // What was between them is gone, and nothing comes there any more.
        if (Feed.compare(place, tail.begin) < 0) place = tail.begin
        else if (Feed.compare(place, tail.end) >= 0 && tail.failure === undefined) yield* tail.more
        return yield* pull
      })

      const pull: FeedPull = Effect.suspend(() => {
        if (tail?.failure !== undefined) return Effect.fail(tail.failure)
        const kept = (tail ?? tails.find(tenant))?.after(place, pageSize)
        if (kept !== undefined) return Arr.isReadonlyArrayNonEmpty(kept) ? give(kept) : wait
        return Effect.flatMap(page(tenant, place), (items) => (Arr.isReadonlyArrayNonEmpty(items) ? give(items) : wait))
      })
      return pull
    }

    return {
      follow: (tenant, after) =>
        Stream.unwrap(
          Effect.gen(function* () {
            const place = yield* reader.placeOf("feed", tenant, after)
            const scope = yield* Effect.scope
            return Stream.fromPull(Effect.sync(() => pullFrom(tenant, place, scope)))
          })
        ),
      look: (tenants = tails.tenants()) => {
        for (const tenant of tenants) tails.find(tenant)?.news.openUnsafe()
      }
    }
  })
