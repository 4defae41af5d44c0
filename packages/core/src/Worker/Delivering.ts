/**
 * Serves rows of the outbox: those that this process stored at once, in the background, and those that others left when they died or whose
 * consumer failed, by looking for them now and then. What comes while others are served is served together, and settled in one statement.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as EventLog from "../EventLog.ts"
import * as Outbox from "../Outbox.ts"
import { redact } from "../Redact.ts"
import * as Tenant from "../Tenant.ts"
import type { Ledger } from "./Ledger.ts"

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly ledger: Ledger["Service"]
  /** Absent: what is not served when the process ends is lost. */
  readonly outbox: Option.Option<Outbox.Outbox["Service"]>
  readonly consumers: ReadonlyArray<Outbox.Consumer>
  readonly leaseMillis: number
}

export interface Delivering {
  /** Waits until what this process has stored for a consumer by now was served, but not for long. */
  readonly served: (consumer: string) => Effect.Effect<void>
}

/** How often a row is tried before it is a dead letter: for about an hour. */
const maxAttempts = 10
const firstDelayMillis = 5_000
const longestDelayMillis = 15 * 60_000
/** How long somebody waits for a consumer that is slow. */
const longestWaitMillis = 2_000
/** Of what a row says about its failure, in characters. */
const longestError = 2_000
/** Rows that are claimed, and rows that are served, at once. */
const maxRows = 64

interface Open {
  readonly delivery: Outbox.Delivery
  readonly isServed: Deferred.Deferred<void>
}

/** Serves for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Delivering, never, Scope.Scope> {
  const { consumers, ledger, leaseMillis, outbox } = options
  if (consumers.length === 0) return { served: () => Effect.void }
  const queue = yield* Queue.unbounded<Open>()
  const open = new Set<Open>()
  ledger.serveBy({
    consumers,
    leaseMillis,
    onStored: (deliveries) => {
      for (const delivery of deliveries) {
        const one: Open = { delivery, isServed: Deferred.makeUnsafe() }
        open.add(one)
        Queue.offerUnsafe(queue, one)
      }
    }
  })
  const serve = serving(options)
  const settle = (settled: ReadonlyArray<Outbox.Settled>) =>
    outbox._tag === "None" || settled.length === 0
      ? Effect.void
      : Effect.catch(outbox.value.settle(settled), ({ message }) =>
          Effect.logWarning(`What was done stays in the outbox, and will be done again: ${message}`)
        )
  const serveStored = Effect.gen(function* () {
    const taken = yield* Queue.takeBetween(queue, 1, maxRows)
    const settled = yield* Effect.forEach(
      taken,
      (one) =>
        Effect.ensuring(
          serve(one.delivery),
          Effect.sync(() => {
            open.delete(one)
            Deferred.doneUnsafe(one.isServed, Effect.void)
          })
        ),
      { concurrency: "unbounded" }
    )
    yield* settle(settled)
  })
  yield* Effect.forkScoped(Effect.forever(serveStored))
  if (outbox._tag === "Some") {
    const { claim } = outbox.value
    const names = consumers.map(({ name }) => name)
    const sweep = Effect.gen(function* () {
      for (;;) {
        const rows = yield* claim({ consumers: names, limit: maxRows, leaseMillis })
        const settled = yield* Effect.forEach(rows, claimed(options, serve), { concurrency: "unbounded" })
        yield* settle(settled.flatMap((one) => one ?? []))
        if (rows.length < maxRows) return
      }
    })
    const quiet = Effect.catch(sweep, ({ message }) =>
      Effect.logWarning(`The outbox was not looked through: ${message}`)
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(quiet, Effect.sleep(leaseMillis / 2))))
  }
  return {
    served: (consumer) =>
      Effect.suspend(() => {
        const waiting = [...open].filter(({ delivery }) => delivery.row.consumer === consumer)
        if (waiting.length === 0) return Effect.void
        const all = Effect.forEach(waiting, ({ isServed }) => Deferred.await(isServed), { discard: true })
        return Effect.asVoid(Effect.timeoutOption(all, longestWaitMillis))
      })
  }
})

type Serve = (delivery: Outbox.Delivery) => Effect.Effect<Outbox.Settled>

const serving = ({ consumers }: Options): Serve => {
  const byName = new Map(consumers.map((consumer) => [consumer.name, consumer]))
  return Effect.fnUntraced(function* (delivery) {
    const { row } = delivery
    const { attempts, consumer, executionId, part, seq, tenant } = row
    const key = { tenant, executionId, seq, part }
    const served = yield* byName
      .get(consumer)!
      .serve(delivery)
      .pipe(
        Effect.provideService(Tenant.Current, tenant),
        Effect.catchDefect((defect) =>
          Effect.fail(new Outbox.ConsumerError({ description: messageOf(defect), isRetryable: false }))
        ),
        Effect.result
      )
    if (served._tag === "Success") return key
    const { description, isRetryable } = served.failure
    const error = textOf(description)
    const isDead = !isRetryable || attempts >= maxAttempts
    yield* Effect.logWarning(
      `What "${consumer}" does about event ${seq} of ${executionId} failed${isDead ? " for the last time" : ""}: ${error}`
    )
    if (isDead) return { ...key, error }
    const delay = Math.min(firstDelayMillis * 2 ** (attempts - 1), longestDelayMillis)
    return { ...key, error, delayMillis: Math.ceil(delay * (0.5 + (yield* Random.next) / 2)) }
  })
}

/** Text that every storage takes. */
const textOf = (description: string): string =>
  redact(description).replaceAll("\u0000", "").slice(0, longestError).toWellFormed()

const messageOf = (defect: unknown): string => (defect instanceof Error ? defect.message : String(defect))

/** Serves a row that another process has stored, or this one earlier; `undefined`: not now. */
const claimed =
  ({ log }: Options, serve: Serve) =>
  (row: Outbox.Row): Effect.Effect<Outbox.Settled | undefined> =>
    Effect.gen(function* () {
      const { crewName } = yield* log.summary(row.executionId)
      const [event] = yield* log.read(row.executionId, { after: row.seq - 1, limit: 1 })
      return yield* serve({ row, event: event!, crewName })
    }).pipe(
      Effect.provideService(Tenant.Current, row.tenant),
      // Deleted since, with its rows; or the storage is gone for a while, and the row can be claimed again.
      Effect.catch(({ message }) => Effect.as(Effect.logWarning(`A row of the outbox waits: ${message}`), undefined))
    )
