/**
 * Time limits for uninterruptible work. A statement that its database does not answer cannot be
 * interrupted: it is abandoned, and its caller continues at the time limit instead of at the end of
 * the statement.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * Waits for the effect at most `duration`; then interrupts it in the background and runs `orElse`.
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
