/**
 * Time limits for uninterruptible work. A statement that its database does not answer cannot be
 * interrupted: it is abandoned, and its caller continues at the time limit instead of at the end of
 * the statement.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * Waits for the effect at most `duration`; then interrupts it in the background and runs `orElse`.
 * An effect that completes synchronously costs no timer.
 */
export const within = <A, E, R, A2, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  options: { readonly duration: Duration.Input; readonly orElse: () => Effect.Effect<A2, E2, R2> }
): Effect.Effect<A | A2, E | E2, R | R2> =>
  // A child fiber would be awaited.
  Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), (fiber) => {
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return exit
    // Cheaper than `timeoutOrElse`, which runs two fibers.
    return Effect.withFiber((caller) =>
      Effect.callback<A | A2, E | E2, R2>((resume) => {
        const timer = Effect.runForkWith(caller.context)(Effect.sleep(options.duration))
        const ignore = fiber.addObserver((exit) => {
          timer.interruptUnsafe()
          resume(exit)
        })
        timer.addObserver((slept) => {
          if (Exit.isFailure(slept)) return
          ignore()
          fiber.interruptUnsafe()
          resume(Effect.suspend(options.orElse))
        })
        return Effect.sync(() => {
          ignore()
          timer.interruptUnsafe()
          fiber.interruptUnsafe()
        })
      })
    )
  })
