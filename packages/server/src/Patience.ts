/**
 * An end to waiting. A statement that its database does not answer cannot be interrupted: it is
 * left to itself, and what waits for it goes on when the time is over, not when the statement has
 * ended.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * Waits for the effect at most so long; then it is told to stop, in the background, and `orElse` is
 * done.
 */
export const within = <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  options: { readonly duration: Duration.Input; readonly orElse: () => Effect.Effect<A2, E2, R2> }
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.gen(function* () {
    const answer = yield* Deferred.make<A, E>()
    // A child would be waited for.
    const fiber = yield* Effect.forkDetach(Deferred.into(effect, answer), { startImmediately: true })
    const leave = Effect.sync(() => fiber.interruptUnsafe())
    return yield* Deferred.await(answer).pipe(
      Effect.onInterrupt(() => leave),
      Effect.timeoutOrElse({ duration: options.duration, orElse: options.orElse })
    )
  })
