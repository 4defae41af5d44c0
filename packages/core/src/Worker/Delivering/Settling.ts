/**
 * Settles rows of the outbox: those that are served within a moment in one statement, however many
 * they are.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Outbox from "../../Outbox.ts"

/**
 * How long a row that is served waits for others, in milliseconds: a part of its lease, so that
 * nobody else begins with it.
 */
const momentOf = (leaseMillis: number): number => Math.min(1_000, leaseMillis / 4)

/** Rows of one statement, at most. */
const maxRows = 1_000

export interface Settling {
  /** Takes what became of a row; settles it soon, and when the scope ends at the latest. */
  readonly soon: (settled: Outbox.Settled) => void
  /** False: the storage did not take it. */
  readonly now: (settled: Outbox.Settled) => Effect.Effect<boolean>
}

export const make = Effect.fnUntraced(function* (
  outbox: Outbox.Outbox["Service"],
  leaseMillis: number
): Effect.fn.Return<Settling, never, Scope.Scope> {
  const queue = yield* Queue.unbounded<Outbox.Settled>()
  const settle = (settled: ReadonlyArray<Outbox.Settled>) =>
    Effect.matchEffect(outbox.settle(settled), {
      onFailure: ({ message }) =>
        Effect.as(Effect.logWarning(`What was done stays in the outbox, and will be done again: ${message}`), false),
      onSuccess: () => Effect.succeed(true)
    })
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Queue.clear(queue), (left) => (left.length === 0 ? Effect.void : settle(left)))
  )
  const moment = Effect.gen(function* () {
    yield* Queue.peek(queue)
    yield* Effect.sleep(momentOf(leaseMillis))
    yield* settle(yield* Queue.takeBetween(queue, 1, maxRows))
  })
  yield* Effect.forkScoped(Effect.forever(moment))
  return { soon: (settled) => void Queue.offerUnsafe(queue, settled), now: (settled) => settle([settled]) }
})
