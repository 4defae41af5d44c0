/**
 * Calls the scripts of one bucket. While Redis is unreachable, a call is retried; finally it counts
 * as lost.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { RedisTransport, type Script } from "../RedisTransport.ts"
import type { Keys } from "./Keys.ts"
import { encode, separator } from "./Names.ts"

/** `undefined`: it is not known whether it was done. */
type Call = (script: Script, keys: ReadonlyArray<string>, args: ReadonlyArray<string>) => Effect.Effect<unknown>

export interface Caller {
  /** Names this client in its leases and in the keys of its kept replies. */
  readonly id: string
  /** In milliseconds. */
  readonly monotonic: () => number
  /** With the keys of the queue and its settings before these. */
  readonly call: Call
  /** With these only. */
  readonly callBare: Call
}

export const make = Effect.fnUntraced(function* (options: {
  readonly keys: Keys
  readonly lanes: { readonly [lane: string]: number }
  readonly leaseMillis: number
  readonly giveUpMillis: number
  /** Whether the scripts write a bell for each task that becomes ready. */
  readonly hasBell: boolean
}) {
  const { giveUpMillis, hasBell, keys, leaseMillis } = options
  const transport = yield* RedisTransport
  const clock = yield* Clock.Clock
  const id = (yield* Random.next).toString(36).slice(2, 12)
  const monotonic = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

  // Encoded as the scripts compare them.
  const lanes = Object.entries(options.lanes).map(([lane, limit]) => [encode(lane), limit])
  /** `Lua/call/given.lua` reads them. The server's own time counts. */
  const given = [
    "",
    [
      id,
      leaseMillis,
      giveUpMillis * 2,
      hasBell ? "1" : "",
      lanes.length === 0 ? "" : JSON.stringify(Object.fromEntries(lanes))
    ].join(separator)
  ]

  const callBare: Call = (script, names, args) =>
    Effect.suspend(() => {
      const until = monotonic() + giveUpMillis
      const attempt = (pause: number): Effect.Effect<unknown> =>
        Effect.catch(transport.run(script, names, args), (failure) =>
          monotonic() >= until
            ? Effect.asVoid(Effect.logWarning(`The queue could not reach Redis: ${causeOf(failure)}`))
            : Effect.andThen(
                Effect.sleep(pause),
                Effect.suspend(() => attempt(Math.min(pause * 2, 1_000)))
              )
        )
      return attempt(20)
    })

  const caller: Caller = {
    id,
    monotonic,
    callBare,
    call: (script, names, args) => callBare(script, [...keys.fixed, ...names], [...given, ...args])
  }
  return caller
})

const causeOf = (error: { readonly cause: unknown }): string =>
  error.cause instanceof Error ? error.cause.message : String(error.cause)
