/**
 * Where the spending of all processes is kept: a call is reserved before it is made; a reservation
 * that nobody settles is charged after a while, for the call was made. It may lose all it knows:
 * what stands in the log is spent all the same.
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
  /**
   * Calls that were forgotten when all was lost, and that those who go on do not know of, by
   * execution.
   */
  readonly forgotten = new Map<string, number>()
  private readonly entries = new Map<string, Entry>()
  private readonly kernel: Kernel
  private readonly faults: () => Faults

  constructor(kernel: Kernel, faults: () => Faults) {
    this.kernel = kernel
    this.faults = faults
  }

  /** All that it knew is gone; `known`: what every leg of an execution has seen in the log. */
  wipe(known: (executionId: string) => number): void {
    for (const [id, { reserved, spent }] of this.entries)
      this.forgotten.set(id, (this.forgotten.get(id) ?? 0) + Math.max(spent + reserved.size - known(id), 0))
    this.entries.clear()
  }

  /**
   * Reserves a call in all limits of its task or in none, waiting for calls of others; what refuses
   * it, if one could go over its limit.
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

  /** What was reserved has been spent. */
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
