/**
 * Those who follow executions in this process, however many, read each stored event once.
 *
 * Events never change, so they are read in fixed pages of `pageEvents` and kept while there is room (the least recently used page
 * goes first). A follower is a cursor: it takes from the page under it, and when that has nothing new it waits. Whoever first needs
 * what is not there has it read, everyone else waits for the same statement. What this process appends is put on the last page
 * without reading.
 *
 * Nothing depends on hints: at least every `pollMillis` one statement asks where all followed executions stand.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Event = ExecutionEvent.ExecutionEvent

/** An event with the length of its text, which stands for its memory. */
export interface Sized {
  readonly event: Event
  readonly length: number
}

export interface Position {
  readonly lastSeq: number
  readonly ended: boolean
}

export interface Options {
  readonly pollMillis: number
  /** Text kept for followers, in characters. */
  readonly cacheLength: number
  /** Events with seq in (after, after + limit]; fewer at the end. */
  readonly read: (
    tenant: string,
    executionId: string,
    range: { readonly after: number; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<Sized>, EventLog.EventLogError>
  /** Where the execution stands; fails when it is not there, or not any more. */
  readonly position: (tenant: string, executionId: string) => Effect.Effect<Position, EventLog.EventLogError>
  /** Where those of the executions stand that exist. */
  readonly positions: (
    executions: ReadonlyArray<readonly [tenant: string, executionId: string]>
  ) => Effect.Effect<
    ReadonlyArray<Position & { readonly tenant: string; readonly executionId: string }>,
    EventLog.EventLogError
  >
}

/** A follower that wants deltas; a delta is seen after the events that were known when it came. */
interface DeltaFollower {
  readonly pending: Array<{ readonly after: number; readonly delta: ExecutionEvent.TextDelta }>
}

interface Page {
  readonly tail: Tail
  readonly index: number
  readonly events: Array<Event>
  /** Text of the events, in characters. */
  length: number
}

/** What the followers of one execution share. */
interface Tail {
  /** Of this process: a tail that is left and made again is another one. */
  readonly id: number
  readonly tenant: string
  readonly executionId: string
  followers: number
  /** The greatest seq that is known to stand; -1 before the first look. */
  known: number
  ended: boolean
  /** It was not found when all were looked for. */
  missing: boolean
  readonly pages: Map<number, Page>
  readonly waiting: Set<() => void>
  readonly deltas: Set<DeltaFollower>
}

type Flight<A> = Set<(exit: Exit.Exit<A, EventLog.EventLogError>) => void>

const pageEvents = 128
const maxPendingDeltas = 256
/** A lost connection may come back; followers wait that long before they fail. */
const retries = 30

export interface Followers {
  readonly follow: (
    tenant: string,
    executionId: string,
    options: { readonly after?: number; readonly deltas?: boolean } | undefined
  ) => Stream.Stream<ExecutionEvent.Followed, EventLog.EventLogError>
  /** Events were stored by this process. */
  readonly stored: (tenant: string, executionId: string, events: ReadonlyArray<Event>, length: number) => void
  /** A delta passes. */
  readonly delta: (tenant: string, delta: ExecutionEvent.TextDelta) => void
  /** Looks where these executions stand, or all that are followed. */
  readonly look: (executionIds?: ReadonlySet<string>) => Effect.Effect<void>
}

export const make = (options: Options): Effect.Effect<Followers, never, Scope.Scope> =>
  Effect.gen(function* () {
    const tails = new Map<string, Tail>()
    /** Of all tails, the least recently used first. */
    const pages = new Set<Page>()
    let cached = 0
    let lastId = 0
    const run = yield* FiberSet.makeRuntime<never>()
    const flights = new Map<string, Flight<never>>()

    const keyOf = (tenant: string, executionId: string) => `${tenant}\n${executionId}`

    /** One run at a time for a key; who comes meanwhile gets the same result. It outlives whoever began it. */
    const shared = <A>(key: string, effect: Effect.Effect<A, EventLog.EventLogError>) =>
      Effect.callback<A, EventLog.EventLogError>((resume) => {
        const known = flights.get(key) as Flight<A> | undefined
        const flight: Flight<A> = known ?? new Set()
        flight.add(resume)
        if (known === undefined) {
          flights.set(key, flight as Flight<never>)
          run(
            Effect.onExit(effect, (exit) =>
              Effect.sync(() => {
                flights.delete(key)
                for (const landed of flight) landed(exit)
              })
            )
          )
        }
        return Effect.sync(() => flight.delete(resume))
      })

    const patient = <A>(effect: Effect.Effect<A, EventLog.EventLogError>) =>
      Effect.retry(effect, {
        while: ({ reason }) => reason._tag === "Unavailable" && reason.isRetryable,
        schedule: Schedule.spaced(options.pollMillis),
        times: retries
      })

    const wake = (tail: Tail) => {
      const waiting = [...tail.waiting]
      tail.waiting.clear()
      for (const resume of waiting) resume()
    }

    const learn = (tail: Tail, position: Position) => {
      if (position.lastSeq <= tail.known && (tail.ended || !position.ended)) return
      tail.known = Math.max(tail.known, position.lastSeq)
      tail.ended ||= position.ended
      wake(tail)
    }

    const drop = (page: Page) => {
      if (!pages.delete(page)) return
      cached -= page.length
      page.tail.pages.delete(page.index)
    }

    const touch = (page: Page) => {
      if (pages.delete(page)) pages.add(page)
    }

    const pageOf = (tail: Tail, index: number) => {
      let page = tail.pages.get(index)
      if (page === undefined) {
        page = { tail, index, events: [], length: 0 }
        tail.pages.set(index, page)
        pages.add(page)
      }
      return page
    }

    /** Puts an event on the page when it is the next there. */
    const put = (page: Page, { event, length }: Sized) => {
      if (event.seq !== page.index * pageEvents + page.events.length + 1) return
      page.events.push(event)
      page.length += length
      // A page that went while it was read still serves those who wait for it.
      if (!pages.has(page)) return
      cached += length
      touch(page)
      for (const oldest of pages) {
        if (cached <= options.cacheLength || oldest === page) break
        drop(oldest)
      }
    }

    const readPage = (tail: Tail, index: number) =>
      shared(
        `${tail.id} ${index}`,
        Effect.suspend(() => {
          const page = tail.followers > 0 ? pageOf(tail, index) : { tail, index, events: [], length: 0 }
          const have = page.events.length
          const range = { after: index * pageEvents + have, limit: pageEvents - have }
          return Effect.map(patient(options.read(tail.tenant, tail.executionId, range)), (found) => {
            for (const sized of found) put(page, sized)
            return page
          })
        })
      )

    const pageAt = (tail: Tail, cursor: number) => {
      const page = tail.pages.get(Math.floor(cursor / pageEvents))
      if (page !== undefined) touch(page)
      return page
    }

    const mix = (events: ReadonlyArray<Event>, reached: number, follower: DeltaFollower | undefined) => {
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

    const waitForMore = (tail: Tail) =>
      Effect.callback<void>((resume) => {
        const waiter = () => resume(Effect.void)
        tail.waiting.add(waiter)
        return Effect.sync(() => tail.waiting.delete(waiter))
      })

    const position = (tail: Tail) =>
      shared(
        String(tail.id),
        Effect.map(patient(options.position(tail.tenant, tail.executionId)), (found) => {
          tail.missing = false
          learn(tail, found)
        })
      )

    const pullFrom = (tail: Tail, after: number, follower: DeltaFollower | undefined) => {
      let cursor = after
      type FollowerPull = Pull.Pull<NonEmptyReadonlyArray<ExecutionEvent.Followed>, EventLog.EventLogError>
      const take = (page: Page | undefined): FollowerPull => {
        const events = page?.events.slice(cursor % pageEvents) ?? []
        cursor = events.at(-1)?.seq ?? cursor
        const mixed = mix(events, cursor, follower)
        if (Arr.isReadonlyArrayNonEmpty(mixed)) return Effect.succeed(mixed)
        if (cursor < tail.known) return Effect.flatMap(readPage(tail, Math.floor(cursor / pageEvents)), take)
        if (tail.ended) return Cause.done()
        // Says why it is not there, to all who follow.
        return Effect.flatMap(tail.missing ? position(tail) : waitForMore(tail), () => pull)
      }
      const pull: FollowerPull = Effect.suspend(() => take(pageAt(tail, cursor)))
      return pull
    }

    const join = (tenant: string, executionId: string) => {
      const key = keyOf(tenant, executionId)
      let tail = tails.get(key)
      if (tail === undefined) {
        tail = {
          id: ++lastId,
          tenant,
          executionId,
          followers: 0,
          known: -1,
          ended: false,
          missing: false,
          pages: new Map(),
          waiting: new Set(),
          deltas: new Set()
        }
        tails.set(key, tail)
      }
      tail.followers++
      return tail
    }

    const leave = (tail: Tail) => {
      if (--tail.followers > 0) return
      tails.delete(keyOf(tail.tenant, tail.executionId))
      for (const page of tail.pages.values()) drop(page)
    }

    const follow: Followers["follow"] = (tenant, executionId, followOptions) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const tail = yield* Effect.acquireRelease(
            Effect.sync(() => join(tenant, executionId)),
            (joined) => Effect.sync(() => leave(joined))
          )
          if (tail.known < 0) yield* position(tail)
          const after = Math.max(followOptions?.after ?? 0, 0)
          if (followOptions?.deltas !== true)
            return Stream.fromPull(Effect.sync(() => pullFrom(tail, after, undefined)))
          const follower = yield* Effect.acquireRelease(
            Effect.sync(() => {
              const added: DeltaFollower = { pending: [] }
              tail.deltas.add(added)
              return added
            }),
            (added) => Effect.sync(() => tail.deltas.delete(added))
          )
          return Stream.fromPull(Effect.sync(() => pullFrom(tail, after, follower)))
        })
      )

    const look: Followers["look"] = (executionIds) =>
      Effect.suspend(() => {
        const open = [...tails.values()].filter((tail) => !tail.ended && (executionIds?.has(tail.executionId) ?? true))
        if (open.length === 0) return Effect.void
        return Effect.map(
          options.positions(open.map((tail) => [tail.tenant, tail.executionId] as const)),
          (positions) => {
            const lost = new Set(open.filter((tail) => tail.known >= 0))
            for (const found of positions) {
              const tail = tails.get(keyOf(found.tenant, found.executionId))
              if (tail === undefined || tail.known < 0) continue
              lost.delete(tail)
              learn(tail, found)
            }
            for (const tail of lost) {
              tail.missing = true
              wake(tail)
            }
          }
        )
      }).pipe(
        Effect.catchCause((cause) => Effect.logDebug("Followers could not be told where executions stand", cause))
      )

    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(options.pollMillis), look())))

    return {
      follow,
      look,
      stored: (tenant, executionId, events, length) => {
        const tail = tails.get(keyOf(tenant, executionId))
        if (tail === undefined || tail.known < 0) return
        for (const event of events) {
          const index = Math.floor((event.seq - 1) / pageEvents)
          const page = event.seq === index * pageEvents + 1 ? pageOf(tail, index) : tail.pages.get(index)
          if (page !== undefined) put(page, { event, length: length / events.length })
        }
        const last = events.at(-1)
        if (last === undefined) run(look(new Set([executionId])))
        else learn(tail, { lastSeq: last.seq, ended: last.type === "ExecutionEnded" })
      },
      delta: (tenant, delta) => {
        const tail = tails.get(keyOf(tenant, delta.executionId))
        if (tail === undefined || tail.deltas.size === 0) return
        const passing = { after: tail.known, delta }
        for (const { pending } of tail.deltas) if (pending.length < maxPendingDeltas) pending.push(passing)
        wake(tail)
      }
    }
  })
