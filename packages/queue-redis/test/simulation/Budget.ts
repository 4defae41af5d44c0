/**
 * The shared account of spending: a call is reserved before it is made; a reservation that is not
 * settled is charged after a while, because the call was made. It may lose all its data: spending
 * in the log counts all the same.
 */
import * as Effect from "effect/Effect"
import type * as Limits from "@crewline/core/Limits"
import type { Leg } from "@crewline/core/AgentLoop"
import type { Kernel, Process } from "./Kernel.ts"
import { call, type Faults } from "./Network.ts"

/** A reservation is charged after this time: longer than any call takes. */
const chargeMillis = 60_000
/** How long who does not fit because of others waits before it asks again, in milliseconds. */
const pauseMillis = 1_000

interface Entry {
  spent: number
  readonly reserved: Map<string, number>
}

export class Budget {
  /** Calls that a loss of data forgot and that the remaining legs do not know of, by execution. */
  readonly forgotten = new Map<string, number>()
  private readonly entries = new Map<string, Entry>()
  private readonly kernel: Kernel
  private readonly faults: () => Faults

  constructor(kernel: Kernel, faults: () => Faults) {
    this.kernel = kernel
    this.faults = faults
  }

  /**
   * Loses all data; `known`: the number of calls that every leg of an execution has seen in the
   * log.
   */
  wipe(known: (executionId: string) => number): void {
    for (const [id, { reserved, spent }] of this.entries)
      this.forgotten.set(id, (this.forgotten.get(id) ?? 0) + Math.max(spent + reserved.size - known(id), 0))
    this.entries.clear()
  }

  /**
   * Reserves a call in all limits of its task or in none, waiting for calls of others; returns the
   * limit that refuses it, if it could be exceeded.
   */
  reserve(process: Process, leg: Leg, name: string): Effect.Effect<Limits.Scoped | undefined> {
    const limits = limitsOf(leg)
    if (limits.length === 0) return Effect.succeed(undefined)
    const ask = (): "reserved" | "later" | Limits.Scoped => {
      for (const { key, spent } of limits) {
        const entry = this.entry(key)
        entry.spent = Math.max(entry.spent, spent?.requests ?? 0)
      }
      if (limits.every(({ key }) => this.entry(key).reserved.has(name))) return "reserved"
      const refusing = limits.find(({ key, requests }) => {
        const { reserved, spent } = this.entry(key)
        return spent + reserved.size >= requests!
      })
      if (refusing !== undefined) return this.entry(refusing.key).reserved.size > 0 ? "later" : refusing
      for (const { key } of limits) this.entry(key).reserved.set(name, this.kernel.now + chargeMillis)
      return "reserved"
    }
    const again: Effect.Effect<Limits.Scoped | undefined> = Effect.flatMap(
      call(process, this.faults, ask),
      (outcome) => {
        if (outcome === undefined || outcome.value === "later") return Effect.andThen(Effect.sleep(pauseMillis), again)
        return Effect.succeed(outcome.value === "reserved" ? undefined : outcome.value)
      }
    )
    return again
  }

  /** The reserved call has been spent. */
  settle(process: Process, leg: Leg, name: string): Effect.Effect<void> {
    const limits = limitsOf(leg)
    if (limits.length === 0) return Effect.void
    // Whether or not it arrives: a reservation that stays is charged.
    return Effect.asVoid(
      call(process, this.faults, () => {
        for (const { key } of limits) {
          const entry = this.entry(key)
          if (entry.reserved.delete(name)) entry.spent++
        }
      })
    )
  }

  private entry(id: string): Entry {
    let entry = this.entries.get(id)
    if (entry === undefined) this.entries.set(id, (entry = { spent: 0, reserved: new Map() }))
    for (const [name, until] of entry.reserved) {
      if (until > this.kernel.now) continue
      entry.reserved.delete(name)
      entry.spent++
    }
    return entry
  }
}

const limitsOf = ({ limits = [] }: Leg): ReadonlyArray<Limits.Scoped> =>
  limits.filter(({ requests }) => requests !== undefined)
