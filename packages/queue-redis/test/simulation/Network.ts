/**
 * Calls over a network that drops, delays and repeats: a request may be lost before or after it had
 * its effect, may take effect long after its sender has given up, and may arrive twice. Nothing
 * arrives at a process that was killed.
 */
import * as Effect from "effect/Effect"
import type { Process } from "./Kernel.ts"

/** Probabilities of faults, per call. */
export interface Faults {
  /** Never arrives: the sender receives a failure. */
  readonly lostRequest: number
  /** Takes effect, but the sender receives a failure. */
  readonly lostReply: number
  /** The sender receives a failure, and the call takes effect later all the same. */
  readonly late: number
  /** Arrives twice. */
  readonly twice: number
  /** Takes long. */
  readonly slow: number
}

export const noFaults: Faults = { lostRequest: 0, lostReply: 0, late: 0, twice: 0, slow: 0 }

/** The outcome of a call; `undefined`: unknown. */
export type Outcome<A> = { readonly value: A } | undefined

/** How long a sender waits for a reply, in milliseconds. */
const patienceMillis = 2_000

/** A call of a process: `execute` runs at the other end, when the request arrives. */
export const call = <A>(
  process: Process,
  faults: () => Faults,
  execute: () => A | Promise<A>
): Effect.Effect<Outcome<A>> =>
  Effect.callback<Outcome<A>>((resume) => {
    const { kernel } = process
    const { random } = kernel
    const { late, lostReply, lostRequest, slow, twice } = faults()
    const latency = () => (random.chance(slow) ? random.below(800) : random.next() * 3)
    let answered = false
    const answer = (outcome: Outcome<A>, millis: number) =>
      kernel.after(millis, process, () => {
        if (answered) return
        answered = true
        resume(Effect.succeed(outcome))
      })
    const arrive = (millis: number, reply: boolean) =>
      kernel.after(millis, kernel.outside, () => {
        const value = execute()
        if (value instanceof Promise) {
          return value.then((each: A) => {
            if (reply) answer({ value: each }, latency())
          })
        }
        if (reply) answer({ value }, latency())
      })
    let dice = random.next()
    const happens = (probability: number) => (dice -= probability) < 0
    if (happens(lostRequest)) answer(undefined, random.chance(0.5) ? latency() : patienceMillis)
    else if (happens(lostReply)) {
      arrive(latency(), false)
      answer(undefined, random.chance(0.5) ? 10 : patienceMillis)
    } else if (happens(late)) {
      answer(undefined, random.below(50))
      arrive(50 + random.below(10_000), false)
    } else {
      arrive(latency(), true)
      if (happens(twice)) arrive(latency() + random.below(3_000), false)
    }
    return Effect.sync(() => {
      answered = true
    })
  })
