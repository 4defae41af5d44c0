/** The workers of this process that wait for tasks, in line, and what is claimed for them. */
import type { Lease } from "@crewline/core/TaskQueue"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { Caller } from "./Caller.ts"
import type { Holdings } from "./Holdings.ts"
import * as Operations from "./Operations.ts"
import type { Pending, PendingCall } from "./Pending.ts"

export interface WaitingLine {
  /**
   * Waits in line; what is found is given, once. The answer leaves the line, and gives back what
   * was found too late.
   */
  readonly wait: (
    wish: Operations.Wish,
    give: (leases: NonEmptyReadonlyArray<Lease>) => void
  ) => (left: () => void) => void
  readonly isEmpty: () => boolean
  /** Something may be ready for those that wait. */
  readonly hope: () => void
  /** Whether a claim is worth a step of its own. */
  readonly isAsking: () => boolean
  /**
   * Whether somebody waits and no claim is under way, whose answer would say when to look again.
   */
  readonly mustLook: () => boolean
  /** A claim to send with a step. */
  readonly nextClaim: () => PendingCall | undefined
}

interface Taker extends Operations.Wish {
  readonly give: (leases: NonEmptyReadonlyArray<Lease>) => void
  /** Interrupted: what is claimed for it now is given back. */
  gone: boolean
  claiming: boolean
  /** Something may be ready for it. */
  hopeful: boolean
  /** Called when a claim that was under way is over. */
  settled: (() => void) | undefined
}

export const make = (options: {
  readonly caller: Caller
  readonly held: Holdings
  readonly pending: Pending
  /** A worker began to wait. */
  readonly onJoin: () => void
  /** Something may be ready for which nobody waits here any more. */
  readonly onUnheard: () => void
}): WaitingLine => {
  const { caller, held, onJoin, onUnheard, pending } = options
  const takers: Array<Taker> = []
  /** How often something may have become ready. */
  let news = 0
  /** Claims that are under way. */
  let claims = 0
  /** The last claim has got all that it asked for. */
  let isPlenty = false

  const hopeful = () => takers.find((taker) => !taker.claiming && taker.hopeful)

  const giveBack = (leases: ReadonlyArray<Lease>, done: () => void) => {
    let left = leases.length
    if (left === 0) return done()
    for (const lease of leases) pending.add(Operations.release(lease, 0), () => --left === 0 && done())
  }

  const claimFor = (taker: Taker): PendingCall => {
    const askedAt = caller.monotonic()
    const askedAfter = news
    const maxLeases = Math.min(taker.limit, Operations.maxBatch)
    taker.claiming = true
    taker.hopeful = false
    claims++
    return {
      operation: Operations.claim(taker),
      done: (result) => {
        taker.claiming = false
        claims--
        const leases = Operations.claimed(result, taker.worker)
        isPlenty = leases.length === maxLeases
        // It would have taken more: for the others there is nothing either.
        if (result !== undefined && leases.length < maxLeases && taker.lanes === undefined && news === askedAfter) {
          for (const other of takers) other.hopeful = false
        }
        if (taker.gone) return giveBack(leases, () => taker.settled?.())
        if (leases.length === 0) return
        for (const lease of leases) held.add(lease, askedAt)
        takers.splice(takers.indexOf(taker), 1)
        if (takers.length === 0 && news !== askedAfter) onUnheard()
        taker.give(leases as [Lease, ...Array<Lease>])
      }
    }
  }

  return {
    wait: (wish, give) => {
      const taker: Taker = { ...wish, give, gone: false, claiming: false, hopeful: true, settled: undefined }
      takers.push(taker)
      pending.awaken()
      onJoin()
      return (left) => {
        taker.gone = true
        const at = takers.indexOf(taker)
        if (at >= 0) takers.splice(at, 1)
        if (!taker.claiming) return left()
        taker.settled = left
      }
    },
    isEmpty: () => takers.length === 0,
    hope: () => {
      news++
      for (const taker of takers) taker.hopeful = true
      pending.awaken()
    },
    // A claim alone waits for the one that is under way, unless there is plenty: nothing may be
    // left for it.
    isAsking: () => (claims === 0 || isPlenty) && hopeful() !== undefined,
    mustLook: () => takers.length > 0 && claims === 0,
    nextClaim: () => {
      const taker = hopeful() ?? takers.find(({ claiming }) => !claiming)
      return taker === undefined ? undefined : claimFor(taker)
    }
  }
}
