/**
 * While a reply is under way, the event loop turns instead of sleeping, for so long at most. To
 * wake a process that sleeps takes longer than a small script does; but whoever does not sleep
 * leaves nothing to others. Everything else goes on meanwhile: each turn looks whether there is
 * something to do.
 */
import * as Effect from "effect/Effect"

/** Around a call: waits for its reply awake. */
export type BusyPoll = <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** `micros`: for how long after a call was made; 0: not at all. */
export const make = (micros: number): BusyPoll => {
  if (micros <= 0) return (call) => call
  let underWay = 0
  let until = 0
  let isTurning = false
  const turn = () => {
    isTurning = underWay > 0 && performance.now() < until
    if (isTurning) setImmediate(turn)
  }
  const begin = Effect.sync(() => {
    underWay++
    until = performance.now() + micros / 1_000
    if (isTurning) return
    isTurning = true
    setImmediate(turn)
  })
  const end = Effect.sync(() => underWay--)
  return (call) =>
    Effect.acquireUseRelease(
      begin,
      () => call,
      () => end
    )
}
