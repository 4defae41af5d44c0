/**
 * Settles rows of the outbox that were served, with few statements of its own. What is done travels
 * with the next append of its execution, or with the next look through the outbox, whichever comes
 * first. What is left when its execution ends is settled within a moment, together with whatever
 * else ends then.
 *
 * No row waits for longer than others leave it alone. Who dies before has it done once more.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Outbox from "../../Outbox.ts"
import type { Riding } from "../Ledger/Following.ts"

/**
 * How long a row that is settled by a statement of its own waits for others, in milliseconds: a
 * part of its lease.
 */
const momentOf = (leaseMillis: number): number => Math.min(1_000, leaseMillis / 4)

/** Rows of one statement, at most. */
const maxRows = 1_000
/** Rows that travel with one append, at most. */
const maxRiders = 100

export interface Options {
  readonly outbox: Outbox.Outbox["Service"]
  readonly leaseMillis: number
  /** False: nothing will be appended to the execution here any more, as far as is known. */
  readonly isRunning: (executionId: string) => boolean
}

export interface Settling {
  /** A row that was stored here is to be served: what is done of its execution may wait for it. */
  readonly begun: (row: Outbox.Key) => void
  /**
   * What became of a row that was begun, which others may claim from `until` on; `undefined`: it is
   * left to them.
   */
  readonly served: (row: Outbox.Key, settled: Outbox.Settled | undefined, until: number) => void
  /** The execution has ended: no append follows. */
  readonly ended: (executionId: string) => void
  /** Takes what became of a row; settles it within a moment. */
  readonly soon: (settled: Outbox.Settled) => void
  /** False: the storage did not take it. */
  readonly now: (settled: Outbox.Settled) => Effect.Effect<boolean>
  /**
   * Does something with what waits, or the first thousand of it, which is settled thereby, or soon
   * after a failure.
   */
  readonly with: <A, E>(use: (settled: ReadonlyArray<Outbox.Settled>) => Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Settles all that waits, if anything does. */
  readonly flush: Effect.Effect<void>
  /** What is done of an execution, for its next append. */
  readonly riding: Riding
}

/** What waits of one execution. */
interface Waiting {
  /** Rows that are being served here. */
  open: number
  readonly done: Array<Outbox.Settled>
}

export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Settling, never, Scope.Scope> {
  const { isRunning, leaseMillis, outbox } = options
  const clock = yield* Clock.Clock
  const queue = yield* Queue.unbounded<Outbox.Settled>()
  const soon = (settled: Outbox.Settled) => void Queue.offerUnsafe(queue, settled)
  const held = makeHeld(soon, isRunning)

  const settle = (settled: ReadonlyArray<Outbox.Settled>) =>
    Effect.matchEffect(outbox.settle(settled), {
      onFailure: ({ message }) =>
        Effect.as(Effect.logWarning(`What was done stays in the outbox, and will be done again: ${message}`), false),
      onSuccess: () => Effect.succeed(true)
    })
  const flush = Effect.gen(function* () {
    for (let settled = held.take(); settled.length > 0; settled = held.take()) yield* settle(settled)
  })

  /**
   * What waits for its moment comes first: a look that claims before that is settled would claim a
   * row again whose lease has just ended.
   */
  const waiting = Effect.suspend(() => {
    const none = Effect.succeed<ReadonlyArray<Outbox.Settled>>([])
    const urgent = Queue.sizeUnsafe(queue) === 0 ? none : Queue.takeBetween(queue, 1, maxRows)
    return Effect.map(urgent, (first) => [...first, ...held.take(maxRows - first.length)])
  })

  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Queue.clear(queue), (left) => {
      const all = [...left, ...held.take(Number.POSITIVE_INFINITY)]
      return all.length === 0 ? Effect.void : settle(all)
    })
  )
  const moment = Effect.gen(function* () {
    yield* Queue.peek(queue)
    yield* Effect.sleep(momentOf(leaseMillis))
    yield* settle(yield* Queue.takeBetween(queue, 1, maxRows))
  })
  yield* Effect.forkScoped(Effect.forever(moment))

  return {
    begun: held.begun,
    served: (row, settled, until) => {
      // The next look comes in half of the lease at the latest.
      const isLate = until - clock.currentTimeMillisUnsafe() <= leaseMillis * 0.6
      const waits = settled !== undefined && settled.error === undefined && !isLate
      if (settled !== undefined && !waits) soon(settled)
      held.served(row, waits ? settled : undefined)
    },
    ended: held.ended,
    soon,
    now: (settled) => settle([settled]),
    with: (use) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(waiting, (settled) =>
          Effect.onExit(restore(use(settled)), (exit) =>
            Effect.sync(() => {
              // The next look may be too late.
              if (!Exit.isSuccess(exit)) for (const one of settled) soon(one)
            })
          )
        )
      ),
    flush: Effect.uninterruptible(flush),
    riding: { board: held.board, back: held.back }
  }
})

/** Rows that are done and wait for something to travel with, by execution. */
const makeHeld = (soon: (settled: Outbox.Settled) => void, isRunning: Options["isRunning"]) => {
  /** By execution, and by tenant: an id may be used by several. */
  const executions = new Map<string, Map<string, Waiting>>()

  const waitingOf = (tenant: string, executionId: string): Waiting => {
    let tenants = executions.get(executionId)
    if (tenants === undefined) executions.set(executionId, (tenants = new Map()))
    let waiting = tenants.get(tenant)
    if (waiting === undefined) tenants.set(tenant, (waiting = { open: 0, done: [] }))
    return waiting
  }
  const tidy = (executionId: string) => {
    const tenants = executions.get(executionId)
    for (const [tenant, { done, open }] of tenants ?? []) if (done.length + open === 0) tenants!.delete(tenant)
    if (tenants?.size === 0) executions.delete(executionId)
  }
  /**
   * What is done of an execution that has ended waits for what is not, so that one statement
   * settles both.
   */
  const leave = (executionId: string) => {
    if (!isRunning(executionId))
      for (const { done, open } of executions.get(executionId)?.values() ?? [])
        if (open === 0) for (const settled of done.splice(0)) soon(settled)
    tidy(executionId)
  }

  return {
    begun: ({ executionId, tenant }: Outbox.Key) => void waitingOf(tenant, executionId).open++,
    served: ({ executionId, tenant }: Outbox.Key, settled: Outbox.Settled | undefined) => {
      const waiting = waitingOf(tenant, executionId)
      waiting.open--
      if (settled !== undefined) waiting.done.push(settled)
      leave(executionId)
    },
    ended: leave,
    board: (tenant: string, executionId: string) => {
      const waiting = executions.get(executionId)?.get(tenant)
      if (waiting === undefined || waiting.done.length === 0) return undefined
      const settled = waiting.done.splice(0, maxRiders)
      tidy(executionId)
      return settled
    },
    back: (settled: ReadonlyArray<Outbox.Settled>) => {
      for (const one of settled) waitingOf(one.tenant, one.executionId).done.push(one)
      for (const executionId of new Set(settled.map((one) => one.executionId))) leave(executionId)
    },
    take: (limit = maxRows): ReadonlyArray<Outbox.Settled> => {
      const taken: Array<Outbox.Settled> = []
      for (const [executionId, tenants] of executions) {
        if (taken.length >= limit) break
        for (const { done } of tenants.values())
          for (const settled of done.splice(0, limit - taken.length)) taken.push(settled)
        tidy(executionId)
      }
      return taken
    }
  }
}
