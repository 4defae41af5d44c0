/**
 * For how long this process is sure to own the executions of its own queue. The log gives them away
 * by leases; a process that stood still for longer than its lease may find that another one works
 * on them, and that what it remembers of them is old. Until it has asked the log it begins nothing.
 * Where the queue is shared, leases of tasks tell this.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

export class Tenure extends Context.Service<
  Tenure,
  {
    /** By the clock that only passes, in milliseconds. */
    readonly now: () => number
    /** The log was asked at this time, and the leases that it gave then last for so long. */
    readonly renew: (askedAt: number, leaseMillis: number) => void
    readonly isOver: () => boolean
  }
>()("@crewline/core/Worker/Tenure") {
  static readonly layer: Layer.Layer<Tenure> = Layer.effect(
    Tenure,
    Effect.map(Clock.Clock, (clock) => {
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      // What begins before the log was asked for the first time has a lease of its own, from its
      // start.
      let until = Number.POSITIVE_INFINITY
      return Tenure.of({
        now,
        renew: (askedAt, leaseMillis) => void (until = askedAt + leaseMillis),
        isOver: () => now() >= until
      })
    })
  )
}
