/**
 * Bounds the reads of the database that wrong credentials cost. A refused credential is refused
 * again without a read for `refusedMillis`. Each address has a limited number of reads for wrong
 * credentials; after that, all credentials from this address that this process has not accepted
 * recently are rejected without a read, whether they are valid or not.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Problem from "../Api/Problem.ts"

/** Refused credentials never become valid, except when a database is restored. */
const refusedMillis = 10_000
/** The limits for wrong credentials of an address: at once, and per second. */
const burst = 60
const perSecond = 1
/**
 * Maximum number of refused credentials, of accepted credentials and of addresses; the oldest are
 * dropped.
 */
const maxKept = 10_000

interface Bucket {
  tokens: number
  at: number
}

/** IPv6 addresses are assigned by network: the first 48 bits stand for all of them. */
const networkOf = (address: string): string =>
  address.includes(":") ? address.split("::")[0]!.split(":").slice(0, 3).join(":") : address

/** Adds as the newest. */
const keep = <K, V>(kept: Map<K, V>, key: K, value: V): void => {
  kept.delete(key)
  kept.set(key, value)
  if (kept.size > maxKept) kept.delete(kept.keys().next().value!)
}

const isWrong = (exit: Exit.Exit<unknown, Problem.Problem>): boolean =>
  Exit.isFailure(exit) && Option.exists(Cause.findErrorOption(exit.cause), ({ code }) => code === "unauthenticated")

const tooMany = (retryAfterSeconds: number) =>
  Problem.make("rate-limited", {
    limit: "address",
    retryAfterSeconds,
    detail: `Too many invalid credentials were sent from this address: try again in ${retryAfterSeconds} ${retryAfterSeconds === 1 ? "second" : "seconds"}.`
  })

type Refusal = Problem.Problem<"unauthenticated" | "unavailable" | "rate-limited">

type Look<A> = Effect.Effect<A, Problem.Problem<"unauthenticated" | "unavailable">>

interface Shown {
  /** Of the credential. */
  readonly hash: string
  /** The network address that it comes from. */
  readonly address: string | undefined
}

export interface Guesses {
  /** Runs a read that fails with `unauthenticated` if the credential is wrong. */
  readonly guard: <A>(shown: Shown, look: Look<A>) => Effect.Effect<A, Refusal>
}

/** `refused` is the failure for a refused credential. */
export const make = (refused: Problem.Problem<"unauthenticated">): Guesses => {
  const refusedUntil = new Map<string, number>()
  const accepted = new Map<string, true>()
  const buckets = new Map<string, Bucket>()

  const bucketOf = (address: string | undefined, now: number): Bucket => {
    const network = networkOf(address ?? "")
    const bucket = buckets.get(network) ?? { tokens: burst, at: now }
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * perSecond)
    bucket.at = now
    keep(buckets, network, bucket)
    return bucket
  }

  return {
    guard: <A>({ address, hash }: Shown, look: Look<A>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<A, Refusal> => {
        if ((refusedUntil.get(hash) ?? 0) > now) return Effect.fail(refused)
        const bucket = accepted.has(hash) ? undefined : bucketOf(address, now)
        if (bucket !== undefined) {
          if (bucket.tokens < 1) return Effect.fail(tooMany(Math.ceil((1 - bucket.tokens) / perSecond)))
          // Taken before the read, so that concurrent guesses are counted; refunded for valid
          // credentials.
          bucket.tokens--
        }
        return Effect.onExit(look, (exit) =>
          Effect.sync(() => {
            if (isWrong(exit)) {
              accepted.delete(hash)
              return keep(refusedUntil, hash, now + refusedMillis)
            }
            if (Exit.isSuccess(exit)) keep(accepted, hash, true)
            if (bucket !== undefined) bucket.tokens++
          })
        )
      })
  }
}
