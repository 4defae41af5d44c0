/**
 * The channels of the executions that clients follow. A channel is fed by one reader while it has
 * followers, and for a while after the last of them has left, because disconnected clients
 * reconnect.
 */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Tenant from "@crewline/core/Tenant"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as FiberSet from "effect/FiberSet"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { AfterEnd, Channel, closing, pageSize } from "./Channel.ts"
import { closeCodes } from "./Follower.ts"

/**
 * The code and reason that sockets are closed with after a failure; a fault of the server is
 * logged.
 */
export const closingOf = Effect.fnUntraced(function* <E>(what: string, cause: Cause.Cause<E>) {
  const [code, reason] = closing(Cause.squash(cause))
  if (code === closeCodes.fault) yield* Effect.logError(`Failed to follow ${what}`, cause)
  return [code, reason] as const
})

/**
 * An execution has a channel for each tenant that requests it: for all but one of them it does not
 * exist.
 */
const keyOf = (tenant: string, executionId: string) => JSON.stringify([tenant, executionId])

/** `linger`: how long an execution is still read after its last follower has left. */
export const make = Effect.fnUntraced(function* (linger: Duration.Input) {
  const log = yield* EventLog.EventLog
  const channels = new Map<string, Channel>()
  const runPromise = yield* FiberSet.makeRuntimePromise<never>()
  const readers = yield* FiberMap.make<string>()

  /**
   * Feeds a channel until the execution ends; after a transient failure it continues from where it
   * was.
   */
  const feed = (executionId: string, channel: Channel) =>
    Effect.suspend(() =>
      Stream.runForEachArray(
        log.follow(executionId, { after: channel.lastSeq, deltas: true }),
        (events: ReadonlyArray<ExecutionEvent.Followed>) => Effect.sync(() => channel.push(events))
      )
    ).pipe(
      Effect.retry({
        schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]),
        while: ({ reason }) => reason._tag === "Unavailable" && reason.isRetryable
      }),
      Effect.catchCause((cause) =>
        Effect.map(closingOf(`Execution ${executionId}`, cause), ([code, reason]) => channel.closeAll(code, reason))
      )
    )

  const open = Effect.fnUntraced(function* (executionId: string, summary: EventLog.Summary) {
    const tenant = yield* Tenant.Current
    const key = keyOf(tenant, executionId)
    // Another follower may have opened it while the summary was read.
    const known = channels.get(key)
    if (known !== undefined) return known
    const channel = new Channel({
      lastSeq: summary.lastSeq,
      isEnded: summary.endedAt !== undefined,
      read: (after) =>
        runPromise(Effect.provideService(log.read(executionId, { after, limit: pageSize }), Tenant.Current, tenant))
    })
    channels.set(key, channel)
    const forget = () => {
      if (channels.get(key) === channel) channels.delete(key)
    }
    const abandoned = Effect.sleep(linger).pipe(
      Effect.repeat({
        until: () => {
          if (channel.followers.size > 0) return false
          // In this very step: a new follower must not join a channel that is no longer fed.
          forget()
          return true
        }
      })
    )
    yield* FiberMap.run(
      readers,
      key,
      (channel.isEnded
        ? abandoned
        : Effect.raceFirst(Effect.andThen(feed(executionId, channel), abandoned), abandoned)
      ).pipe(Effect.ensuring(Effect.sync(forget)))
    )
    return channel
  })

  /** The channel of an execution, for a follower that has seen the events up to `after`. */
  const find = Effect.fnUntraced(function* (executionId: string, after: number) {
    const known = channels.get(keyOf(yield* Tenant.Current, executionId))
    // One that has ended may have been deleted since.
    if (known !== undefined && !known.isEnded && after <= known.lastSeq) return known
    const summary = yield* log.summary(executionId)
    if (after > summary.lastSeq) return yield* new AfterEnd({ after, lastSeq: summary.lastSeq })
    return yield* open(executionId, summary)
  })

  return { find }
})
