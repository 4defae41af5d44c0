/**
 * Serves rows of the outbox: those that this process stored at once, in the background, and those
 * that others left when they died or whose consumer failed, by looking for them now and then. None
 * waits for another.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as EventLog from "../EventLog.ts"
import * as Outbox from "../Outbox.ts"
import * as Tenant from "../Tenant.ts"
import * as ForOthers from "./Delivering/ForOthers.ts"
import * as Serving from "./Delivering/Serving.ts"
import * as Settling from "./Delivering/Settling.ts"
import type { Ledger } from "./Ledger.ts"

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly ledger: Ledger["Service"]
  /** Absent: what is not served when the process ends is lost. */
  readonly outbox: Option.Option<Outbox.Outbox["Service"]>
  readonly consumers: ReadonlyArray<Outbox.Consumer>
  /** How long a row claimed by this process is reserved, in milliseconds. */
  readonly leaseMillis: number
}

export interface Delivering {
  /**
   * Waits until what was stored for a consumer of the current tenant by now was served, but not for
   * long. What others have, or had when they died, is served here too, and left to them to settle.
   */
  readonly served: (consumer: string) => Effect.Effect<void>
}

/**
 * How long serving a row may take, in milliseconds, so that its outcome is stored before another
 * process can claim it.
 */
const maxServingMillis = (leaseMillis: number): number => leaseMillis - Math.min(5_000, leaseMillis / 4)
/** How long somebody waits for a consumer that is slow. */
const maxWaitMillis = 2_000
/** Rows of those that were stored here, and rows that are claimed, that are served at once. */
const maxRows = 64

interface Open {
  readonly delivery: Outbox.Delivery
  readonly isServed: Deferred.Deferred<void>
  /** The deadline for serving it. */
  readonly deadline: number
  /** When others may claim it. */
  readonly until: number
}

/** Serves for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Delivering, never, Scope.Scope> {
  const { consumers, leaseMillis, outbox } = options
  if (consumers.length === 0) return { served: () => Effect.void }
  const serving = Serving.make(consumers)
  if (outbox._tag === "None") return yield* serveStored(options, serving)
  const { ledger } = options
  const settling = yield* Settling.make({
    outbox: outbox.value,
    leaseMillis,
    isRunning: (executionId) => ledger.seen(executionId)?.status === "running"
  })
  ledger.onEnded(settling.ended)
  yield* sweep(options, { outbox: outbox.value, serving, settling })
  const others = ForOthers.make({
    outbox: outbox.value,
    serve: claimed(options.log, serving, maxServingMillis(leaseMillis))
  })
  return yield* serveStored(options, serving, { settling, others })
})

/**
 * Serves what this process stores. What has waited for too long is left to those who look for it.
 */
const serveStored = Effect.fnUntraced(function* (
  { consumers, leaseMillis, ledger }: Options,
  { serve }: Serving.Serving,
  { others, settling }: { readonly settling?: Settling.Settling; readonly others?: ForOthers.ForOthers } = {}
): Effect.fn.Return<Delivering, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const queue = yield* Queue.unbounded<Open>()
  const open = new Set<Open>()
  ledger.serveBy({
    consumers,
    leaseMillis,
    ...(settling === undefined ? {} : { riding: settling.riding }),
    onStored: (deliveries) => {
      const now = clock.currentTimeMillisUnsafe()
      const [deadline, until] = [now + maxServingMillis(leaseMillis), now + leaseMillis]
      for (const delivery of deliveries) {
        settling?.begun(delivery.row)
        others?.served(delivery.row)
        const one: Open = { delivery, isServed: Deferred.makeUnsafe(), deadline, until }
        open.add(one)
        Queue.offerUnsafe(queue, one)
      }
    }
  })
  const serveOne = ({ deadline, delivery }: Open) => {
    if (settling === undefined) return serve(delivery, leaseMillis)
    const left = deadline - clock.currentTimeMillisUnsafe()
    return left <= 0 ? Effect.undefined : serve(delivery, left)
  }
  const next = Effect.flatMap(Queue.take(queue), (one) =>
    Effect.ensuring(
      Effect.map(serveOne(one), (settled) => settling?.served(one.delivery.row, settled, one.until)),
      Effect.sync(() => {
        open.delete(one)
        Deferred.doneUnsafe(one.isServed, Effect.void)
      })
    )
  )
  for (let at = 0; at < maxRows; at++) yield* Effect.forkScoped(Effect.forever(next))
  return {
    served: (consumer) =>
      Effect.suspend(() => {
        const waiting = [...open].filter(({ delivery }) => delivery.row.consumer === consumer)
        if (waiting.length === 0 && others === undefined) return Effect.void
        const all = Effect.forEach(waiting, ({ isServed }) => Deferred.await(isServed), { discard: true })
        return Effect.asVoid(
          Effect.timeoutOption(others === undefined ? all : Effect.andThen(all, others.serve(consumer)), maxWaitMillis)
        )
      })
  }
})

interface Sweep {
  readonly outbox: Outbox.Outbox["Service"]
  readonly serving: Serving.Serving
  readonly settling: Settling.Settling
}

/**
 * Looks for rows that another process has stored, or this one earlier, twice in the time for which
 * they are kept from others. What this one has done by then is settled with it, or by itself while
 * what was found is still being served.
 */
const sweep = Effect.fnUntraced(function* ({ consumers, leaseMillis, log }: Options, parts: Sweep) {
  const { outbox, serving, settling } = parts
  const names = consumers.map(({ name }) => name)
  const serve = claimed(log, serving, maxServingMillis(leaseMillis))
  const claim = settling.with((settled) => outbox.claim({ consumers: names, limit: maxRows, leaseMillis, settled }))
  const all = Effect.gen(function* () {
    for (;;) {
      const rows = yield* claim
      const usual = rows.filter(({ attempts }) => attempts <= Serving.maxAttempts)
      const served = (row: Outbox.Row) =>
        Effect.map(serve(row), (settled) => {
          if (settled !== undefined) settling.soon(settled)
        })
      yield* Effect.forEach(usual, served, { concurrency: "unbounded", discard: true })
      for (const row of rows) if (!usual.includes(row)) yield* lastTime(row, serve, settling)
      if (rows.length < maxRows) return
    }
  })
  const quiet = Effect.catch(all, ({ message }) => Effect.logWarning(`The outbox was not looked through: ${message}`))
  const sweeping = yield* FiberHandle.make<void>()
  const look = Effect.suspend(() =>
    FiberHandle.getUnsafe(sweeping)._tag === "Some" ? settling.flush : FiberHandle.run(sweeping, quiet)
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep(leaseMillis / 2))))
})

/**
 * A row that was begun again and again, and nobody said how that ended: perhaps it takes the
 * process with it, or it was served beside one that does. It is a dead letter before it is begun
 * once more, alone; and gone if that is survived and goes well.
 */
const lastTime = Effect.fnUntraced(function* (row: Outbox.Row, serve: ServeClaimed, settling: Settling.Settling) {
  const { attempts, executionId, part, seq, tenant } = row
  const error = `It was begun ${attempts} times, and each time the process stopped or died.`
  if (!(yield* settling.now({ tenant, executionId, seq, part, error }))) return
  const settled = yield* serve(row)
  if (settled !== undefined) yield* settling.now(settled)
})

type ServeClaimed = ForOthers.Serve

/** Serves a row that was claimed; `undefined`: it was deleted since, with its execution. */
const claimed =
  (log: EventLog.EventLog["Service"], { failed, serve }: Serving.Serving, maxMillis: number): ServeClaimed =>
  (row) => {
    const { executionId, seq, tenant } = row
    const notServed = (description: string) => failed(row, new Outbox.ConsumerError({ description, isRetryable: true }))
    return Effect.zip(log.read(executionId, { limit: 1 }), log.read(executionId, { after: seq - 1, limit: 1 })).pipe(
      Effect.provideService(Tenant.Current, tenant),
      Effect.matchEffect({
        onFailure: ({ message, reason }) =>
          reason._tag === "UnknownExecution" ? Effect.succeed(undefined) : notServed(message),
        onSuccess: ([[started], [event]]) =>
          event === undefined || started?.type !== "ExecutionStarted"
            ? notServed("Its event is not there.")
            : serve({ row, event, plan: started.plan, requester: started }, maxMillis)
      }),
      // What cannot be read may be read by another version.
      Effect.catchDefect((defect) => notServed(`Its event cannot be read: ${String(defect)}`))
    )
  }
