/**
 * All followers of an execution in this process together read each stored event once.
 *
 * A follower is a cursor: it reads from the page under it, and waits if there is nothing new. The
 * first follower that needs a page that is not cached loads it; the others wait for the same
 * statement. Events appended by this process are added to the last page without reading.
 *
 * Correctness does not depend on notifications: at least every `pollMillis`, one statement reads
 * the positions of all followed executions.
 */
import * as Flights from "@crewline/core/Flights"
import type * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Pages from "./Pages.ts"
import * as Tail from "./Tail.ts"

export interface Options {
  readonly pollMillis: number
  /** Text kept for followers, in characters. */
  readonly cacheLength: number
  /** Events with seq in (after, after + limit]; fewer at the end. */
  readonly read: (
    tenant: string,
    executionId: string,
    range: { readonly after: number; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<Pages.Sized>, EventLog.EventLogError>
  /** The position of the execution; fails if it does not exist (any more). */
  readonly position: (tenant: string, executionId: string) => Effect.Effect<Tail.Position, EventLog.EventLogError>
  /** Where those of the executions stand that exist. */
  readonly positions: (
    executions: ReadonlyArray<readonly [tenant: string, executionId: string]>
  ) => Effect.Effect<
    ReadonlyArray<Tail.Position & { readonly tenant: string; readonly executionId: string }>,
    EventLog.EventLogError
  >
}

/**
 * A lost connection may come back; followers try as often, `pollMillis` apart, before they fail.
 */
const retries = 30

export interface Followers {
  readonly follow: (
    tenant: string,
    executionId: string,
    options: { readonly after?: number; readonly deltas?: boolean } | undefined
  ) => Stream.Stream<ExecutionEvent.Followed, EventLog.EventLogError>
  /**
   * Events were stored by this process; without events it is only known that there are new ones.
   */
  readonly stored: (
    tenant: string,
    executionId: string,
    events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
    length: number
  ) => void
  /** A delta passes. */
  readonly delta: (tenant: string, delta: ExecutionEvent.TextDelta) => void
  /** Reads the positions of these executions, or of all followed ones. */
  readonly look: (executionIds?: ReadonlySet<string>) => Effect.Effect<void>
}

type FollowerPull = Pull.Pull<NonEmptyReadonlyArray<ExecutionEvent.Followed>, EventLog.EventLogError>

/** The events, with the deltas that arrived between them. */
const mix = (
  events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
  reached: number,
  follower: Tail.DeltaFollower | undefined
): ReadonlyArray<ExecutionEvent.Followed> => {
  if (follower === undefined || follower.pending.length === 0) return events
  const { pending } = follower
  const mixed: Array<ExecutionEvent.Followed> = []
  let taken = 0
  for (const event of events) {
    while (taken < pending.length && pending[taken]!.after < event.seq) mixed.push(pending[taken++]!.delta)
    mixed.push(event)
  }
  while (taken < pending.length && pending[taken]!.after <= reached) mixed.push(pending[taken++]!.delta)
  pending.splice(0, taken)
  return mixed
}

/**
 * How a follower reads: what it needs from the pages, and what of the database when they lack it.
 */
const makeReader = Effect.fnUntraced(function* (options: Options, pages: Pages.Pages) {
  const positions = yield* Flights.make<void, EventLog.EventLogError>()
  const reads = yield* Flights.make<Pages.Page, EventLog.EventLogError>()
  const patient = <A>(effect: Effect.Effect<A, EventLog.EventLogError>) =>
    Effect.retry(effect, {
      while: ({ reason }) => reason._tag === "Unavailable" && reason.isRetryable,
      schedule: Schedule.spaced(options.pollMillis),
      times: retries
    })

  const position = (tail: Tail.Tail) =>
    positions(
      String(tail.id),
      Effect.map(patient(options.position(tail.tenant, tail.executionId)), (found) => {
        tail.missing = false
        Tail.learn(tail, found)
      })
    )

  const readPage = (tail: Tail.Tail, index: number) =>
    reads(
      `${tail.id} ${index}`,
      Effect.suspend(() => {
        const page = tail.followers > 0 ? pages.open(tail.book, index) : Pages.loose(tail.book, index)
        const have = page.events.length
        const range = { after: index * Pages.pageEvents + have, limit: Pages.pageEvents - have }
        return Effect.map(patient(options.read(tail.tenant, tail.executionId, range)), (found) => {
          for (const sized of found) pages.put(page, sized)
          return page
        })
      })
    )

  const pullFrom = (tail: Tail.Tail, after: number, follower: Tail.DeltaFollower | undefined): FollowerPull => {
    let cursor = after
    const take = (page: Pages.Page | undefined): FollowerPull => {
      const events = page?.events.slice(cursor % Pages.pageEvents) ?? []
      cursor = events.at(-1)?.seq ?? cursor
      const mixed = mix(events, cursor, follower)
      if (Arr.isReadonlyArrayNonEmpty(mixed)) return Effect.succeed(mixed)
      if (cursor < tail.known) return Effect.flatMap(readPage(tail, Pages.indexAfter(cursor)), take)
      if (tail.ended) return Cause.done()
      // Looking up the position of a missing execution fails with the reason, for all who follow.
      return Effect.flatMap(tail.missing ? position(tail) : Tail.wait(tail), () => pull)
    }
    const pull: FollowerPull = Effect.suspend(() => take(pages.find(tail.book, Pages.indexAfter(cursor))))
    return pull
  }

  return { position, pullFrom }
})

/**
 * Reads the positions of the executions and updates their tails; a failure is logged, because the
 * next poll follows anyway.
 */
const makeLook =
  (options: Options, tails: Tail.Tails): Followers["look"] =>
  (executionIds) =>
    Effect.suspend(() => {
      const open = tails.all().filter((tail) => !tail.ended && (executionIds?.has(tail.executionId) ?? true))
      if (open.length === 0) return Effect.void
      return Effect.map(
        options.positions(open.map((tail) => [tail.tenant, tail.executionId] as const)),
        (positions) => {
          const lost = new Set(open.filter((tail) => tail.known >= 0))
          for (const found of positions) {
            const tail = tails.find(found.tenant, found.executionId)
            if (tail === undefined || tail.known < 0) continue
            lost.delete(tail)
            Tail.learn(tail, found)
          }
          for (const tail of lost) {
            tail.missing = true
            Tail.wake(tail)
          }
        }
      )
    }).pipe(Effect.catchCause((cause) => Effect.logDebug("Failed to notify followers of new events", cause)))

export const make = (options: Options): Effect.Effect<Followers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const tails = Tail.makeTails()
    const pages = Pages.make(options.cacheLength)
    const { position, pullFrom } = yield* makeReader(options, pages)
    const look = makeLook(options, tails)
    const run = yield* FiberSet.makeRuntime<never>()

    const follow: Followers["follow"] = (tenant, executionId, followOptions) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const tail = yield* Effect.acquireRelease(
            Effect.sync(() => tails.join(tenant, executionId)),
            (joined) =>
              Effect.sync(() => {
                if (tails.leave(joined)) pages.dropAll(joined.book)
              })
          )
          if (tail.known < 0) yield* position(tail)
          const after = Math.max(followOptions?.after ?? 0, 0)
          if (followOptions?.deltas !== true)
            return Stream.fromPull(Effect.sync(() => pullFrom(tail, after, undefined)))
          const follower = yield* Effect.acquireRelease(
            Effect.sync(() => {
              const added: Tail.DeltaFollower = { pending: [] }
              tail.deltas.add(added)
              return added
            }),
            (added) => Effect.sync(() => tail.deltas.delete(added))
          )
          return Stream.fromPull(Effect.sync(() => pullFrom(tail, after, follower)))
        })
      )

    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(options.pollMillis), look())))

    return {
      follow,
      look,
      stored: (tenant, executionId, events, length) => {
        const tail = tails.find(tenant, executionId)
        if (tail === undefined || tail.known < 0) return
        for (const event of events) {
          const index = Pages.indexAfter(event.seq - 1)
          const isFirst = event.seq === index * Pages.pageEvents + 1
          const page = isFirst ? pages.open(tail.book, index) : tail.book.get(index)
          if (page !== undefined) pages.put(page, { event, length: length / events.length })
        }
        const last = events.at(-1)
        if (last === undefined) run(look(new Set([executionId])))
        else Tail.learn(tail, { lastSeq: last.seq, ended: last.type === "ExecutionEnded" })
      },
      delta: (tenant, delta) => {
        const tail = tails.find(tenant, delta.executionId)
        if (tail !== undefined) Tail.pass(tail, delta)
      }
    }
  })
