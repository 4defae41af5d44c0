/**
 * Dependencies of the server: the database, and Redis if configured. Each is checked on request and
 * every few seconds; a failure and a recovery are one log line each.
 *
 * A read-only database looks healthy to readers, so a write of the event log that failed for this
 * reason is remembered until a write succeeds.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as SqlFailure from "@crewline/memory-pg/SqlFailure"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as Patience from "./Patience.ts"
import * as Queue from "./Queue.ts"

export type Part = "database" | "redis"

/** A dependency that fails. */
export interface Outage {
  readonly part: Part
  /** The problem, as a sentence. */
  readonly detail: string
  /** What works without it, as a sentence. */
  readonly stillWorks: string
  /** When it was first seen to fail, ISO 8601. */
  readonly since: string
}

export class Dependencies extends Context.Service<
  Dependencies,
  {
    /** The dependencies that this server has. */
    readonly parts: ReadonlyArray<Part>
    /** Checks each now; takes at most twice `patience`, however many callers there are. */
    readonly outages: Effect.Effect<ReadonlyArray<Outage>>
    /** Reports a storage failure that another operation met. */
    readonly noteFailure: (error: EventLog.EventLogError) => void
  }
>()("@crewline/server/Dependencies") {}

/** A dependency without an answer after this time counts as unresponsive. */
const patience = "2 seconds"
const interval = "5 seconds"

/** Makes files grow, because small writes may still fit on a full disk. */
const write = `create temporary table crewline_probe on commit drop as
  select repeat(md5(n::text), 240) as filler from generate_series(1, 16) as n`

interface Dependency extends Queue.Probe {
  readonly part: Part
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const redis = yield* Queue.Probe
  /** A write failed, though reading may work. */
  let isSuspect = false

  const readable = Effect.flatMap(
    sql.unsafe<{ readonly read_only: string }>("select current_setting('transaction_read_only') as read_only"),
    ([row]) => (row?.read_only === "on" ? Effect.fail(SqlFailure.readOnly) : Effect.void)
  )
  const writable = Effect.suspend(() =>
    isSuspect ? Effect.tap(Effect.asVoid(sql.unsafe(write)), () => Effect.sync(() => (isSuspect = false))) : Effect.void
  )
  const dependencies: ReadonlyArray<Dependency> = [
    {
      part: "database",
      stillWorks:
        "No requests are accepted and no outcomes can be stored. Running work is stored, or repeated, when the database is back.",
      check: Effect.mapError(Effect.andThen(readable, writable), (error: SqlError | string) =>
        typeof error === "string" ? error : SqlFailure.describe(error)
      )
    },
    ...(redis === undefined ? [] : [{ part: "redis" as const, ...redis }])
  ]

  const since = new Map<Part, { readonly detail: string; readonly at: number }>()
  const look = Effect.fnUntraced(function* ({ check, part, stillWorks }: Dependency) {
    const noAnswer = () => Effect.fail(`No answer within ${patience}.`)
    const detail = yield* Patience.within(check, { duration: patience, orElse: noAnswer }).pipe(
      Effect.match({ onSuccess: () => undefined, onFailure: (detail) => detail })
    )
    const now = yield* Clock.currentTimeMillis
    const known = since.get(part)
    if (detail === undefined) {
      since.delete(part)
      if (known !== undefined) {
        yield* Effect.logInfo(`The ${part} answers again after ${Math.round((now - known.at) / 1_000)} s`)
      }
      return []
    }
    since.set(part, { detail, at: known?.at ?? now })
    if (known?.detail !== detail) yield* Effect.logError(`The ${part} fails: ${detail} ${stillWorks}`)
    return [{ part, detail, stillWorks, since: new Date(known?.at ?? now).toISOString() }]
  })
  const all = Effect.map(Effect.forEach(dependencies, look, { concurrency: "unbounded" }), (found) => found.flat())
  // One at a time: concurrent checks would report the same change twice. Requests in the meantime
  // get the result of the next one.
  const turn = yield* Semaphore.make(1)
  const scope = yield* Effect.scope
  let next: Deferred.Deferred<ReadonlyArray<Outage>> | undefined
  const lookFor = (answer: Deferred.Deferred<ReadonlyArray<Outage>>) =>
    turn.withPermits(1)(
      Effect.suspend(() => {
        next = undefined
        return Deferred.complete(answer, all)
      })
    )
  const outages = Effect.suspend(() => {
    if (next !== undefined) return Deferred.await(next)
    next = Deferred.makeUnsafe()
    // In a separate fiber: the first caller may be interrupted.
    return Effect.andThen(Effect.forkIn(lookFor(next), scope), Deferred.await(next))
  })
  yield* Effect.forkScoped(Effect.repeat(outages, Schedule.spaced(interval)))

  return Dependencies.of({
    parts: dependencies.map(({ part }) => part),
    outages,
    noteFailure: ({ reason }) => {
      if (reason._tag !== "Unavailable" || !isSqlError(reason.cause)) return
      if (SqlFailure.stopsWrites(reason.cause)) isSuspect = true
    }
  })
})

/** Redis as `Queue.probe` provides it. */
export const layer: Layer.Layer<Dependencies, never, SqlClient.SqlClient> = Layer.effect(Dependencies, make)

/** The log of this layer, with every failure of its storage noted. */
export const layerWatched = <More, E, R>(
  log: Layer.Layer<EventLog.EventLog | More, E, R>
): Layer.Layer<EventLog.EventLog | More, E, R | Dependencies> =>
  Layer.effect(
    EventLog.EventLog,
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const { noteFailure } = yield* Dependencies
      const noting = <A>(effect: Effect.Effect<A, EventLog.EventLogError>) =>
        Effect.tapError(effect, (error) => Effect.sync(() => noteFailure(error)))
      return {
        ...log,
        start: (...args) => noting(log.start(...args)),
        append: (...args) => noting(log.append(...args)),
        adopt: (...args) => noting(log.adopt(...args))
      }
    })
  ).pipe(Layer.provideMerge(log))
