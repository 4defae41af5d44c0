/**
 * Requests at an even pace: each takes a moment from the limiter and sleeps until then. A request
 * that misses its moment by so much that a minute could hold too many (a busy process, a slow
 * store) has to take another one.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Effects from "effect/persistence/RateLimiter"
import { minute } from "./Limit.ts"

/** The pace is this much slower than the limit: what is sent evenly does not arrive evenly. */
export const headroom = 1.02
/**
 * How late a request may be, in milliseconds: what the headroom leaves in a minute, less the way to
 * the provider.
 */
const tolerance = 1_000
/**
 * After this many missed moments a request goes all the same: all are late, or the process is too
 * busy for any to be on time.
 */
const maxMissed = 3

export interface Options {
  readonly limiter: Effects.RateLimiter
  readonly key: string
  /** Absent: there is no pace, every request goes at once. */
  readonly requestsPerMinute: number | undefined
  /** Requests that may go at once after a pause. */
  readonly burst: number | undefined
}

export interface Pace {
  /** Takes a moment; answers the milliseconds until then. */
  readonly take: Effect.Effect<number, Effects.RateLimiterError>
  /** Milliseconds until a request with this moment may go. */
  readonly turn: (moment: number, missed: number) => Effect.Effect<number | "missed">
}

export const make = ({ burst: asked, key, limiter, requestsPerMinute }: Options): Pace => {
  const interval = requestsPerMinute === undefined ? 0 : (minute * headroom) / requestsPerMinute
  // The limiter counts in milliseconds: of a faster pace, what one of them holds goes at once.
  const burst = Math.max(asked ?? 1, interval > 0 ? Math.ceil(1 / interval) : 1)
  // A process that was busy wakes all whose moments passed meanwhile at once: they go one after the
  // other all the same.
  const gap = burst > 1 ? 0 : interval / headroom
  let wentAt = Number.NEGATIVE_INFINITY
  const window = Duration.millis(interval * burst)
  const consume = limiter.consume({
    algorithm: "token-bucket",
    onExceeded: "delay",
    key: `${key}/requests`,
    limit: burst,
    window
  })
  return {
    take:
      requestsPerMinute === undefined
        ? Effect.succeed(0)
        : Effect.map(consume, ({ delay }) => Duration.toMillis(delay)),
    turn: (moment, missed) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const isLast = requestsPerMinute === undefined || missed >= maxMissed
        if (!isLast && now - moment > tolerance) return "missed"
        const millis = wentAt + gap - now
        if (millis > 0) return millis
        wentAt = now
        return 0
      })
  }
}
