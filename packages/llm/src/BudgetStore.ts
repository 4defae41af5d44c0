/**
 * Stores the spent and reserved amounts of budgets, by key. `makeLocal` serves one process,
 * `makeRedis` any number.
 *
 * A reservation is made atomically in all of its entries or in none: no two calls can get the same
 * remainder. Sums never shrink: a process that dies leaves what it had reserved, as if it were
 * spent.
 */
import type * as Limits from "@crewline/core/Limits"
import * as Effect from "effect/Effect"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as Lua from "./BudgetStore/Lua.ts"

/** Billionths of a dollar, so that sums are exact. */
export interface Amount {
  readonly tokens: number
  readonly requests: number
  readonly nanoUsd: number
}

export type Dimension = keyof Amount

/** What a call asks for. The answer gets as many tokens as fit, between its bounds. */
export interface Want {
  readonly inputTokens: number
  readonly minOutputTokens: number
  readonly maxOutputTokens: number
  /** Per token. */
  readonly inputNanoUsd: number
  readonly outputNanoUsd: number
}

/** One limit; absent dimensions are not limited. */
export interface Entry {
  readonly key: string
  readonly limit: Partial<Amount>
  /**
   * What others know to be spent under this key, from before a restart: the sum becomes at least
   * this.
   */
  readonly spent: Amount
}

export interface Reservation {
  readonly keys: ReadonlyArray<string>
  readonly amount: Amount
}

export interface Reserved {
  readonly _tag: "Reserved"
  readonly reservation: Reservation
  readonly outputTokens: number
}

export interface Refused {
  readonly _tag: "Refused"
  /** Index of the entry whose limit would be exceeded. */
  readonly entry: number
  readonly dimension: Dimension
  /** What was spent, without what is reserved. */
  readonly spent: number
  readonly left: number
  readonly needed: number
  /** It would fit if what others have reserved came back. */
  readonly mayFitLater: boolean
}

/** The store did not answer. */
export class BudgetStoreError extends Schema.TaggedError<BudgetStoreError>()("BudgetStoreError", {
  description: Schema.String
}) {
  override get message() {
    return this.description
  }
}

export interface BudgetStore {
  readonly reserve: (options: {
    readonly want: Want
    readonly entries: ReadonlyArray<Entry>
  }) => Effect.Effect<Reserved | Refused, BudgetStoreError>
  /** Replaces a reservation by what was used. */
  readonly settle: (reservation: Reservation, used: Amount) => Effect.Effect<void, BudgetStoreError>
}

/** A limit as the store takes it. */
export const entryOf = (limit: Limits.Scoped): Entry => ({
  key: `${limit.scope}:${limit.key}`,
  limit: {
    ...(limit.tokens !== undefined && { tokens: limit.tokens }),
    ...(limit.requests !== undefined && { requests: limit.requests }),
    ...(limit.costUsd !== undefined && { nanoUsd: Math.floor(limit.costUsd * 1_000_000_000) })
  },
  spent: {
    tokens: limit.spent?.tokens ?? 0,
    requests: limit.spent?.requests ?? 0,
    nanoUsd: Math.ceil((limit.spent?.costUsd ?? 0) * 1_000_000_000)
  }
})

// --- in process -------------------------------------------------------------------------------------------------------------------

interface Sums {
  readonly spent: { -readonly [D in Dimension]: number }
  readonly reserved: { -readonly [D in Dimension]: number }
}

const dimensions: ReadonlyArray<Dimension> = ["requests", "tokens", "nanoUsd"]

/**
 * Sums of keys that nobody asked about for longest are dropped beyond this; what an execution has
 * spent is known from its log.
 */
const rememberedKeys = 100_000

/** Sums in this process. */
export const makeLocal = (): BudgetStore => {
  const sums = new Map<string, Sums>()
  let latest: string | undefined
  const sumsOf = (key: string): Sums => {
    let known = sums.get(key)
    if (known === undefined) {
      known = { spent: { tokens: 0, requests: 0, nanoUsd: 0 }, reserved: { tokens: 0, requests: 0, nanoUsd: 0 } }
      if (sums.size >= rememberedKeys) dropIdle(sums)
    } else if (key === latest) return known
    else sums.delete(key)
    sums.set(key, known)
    latest = key
    return known
  }
  return {
    reserve: ({ entries, want }) =>
      Effect.sync(() => {
        const all = entries.map(({ key, spent }) => {
          const each = sumsOf(key)
          for (const dimension of dimensions) {
            each.spent[dimension] = Math.max(each.spent[dimension], spent[dimension])
          }
          return each
        })
        const decided = decide(want, entries, all)
        if (decided._tag === "Refused") return decided
        const { amount } = decided.reservation
        for (const { reserved } of all) for (const dimension of dimensions) reserved[dimension] += amount[dimension]
        return decided
      }),
    settle: ({ amount, keys }, used) =>
      Effect.sync(() => {
        for (const key of keys) {
          const { reserved, spent } = sumsOf(key)
          for (const dimension of dimensions) {
            reserved[dimension] -= amount[dimension]
            spent[dimension] += used[dimension]
          }
        }
      })
  }
}

/**
 * What may be reserved where this is spent and reserved already, by entry; for stores that keep
 * their sums somewhere else.
 */
export const decide = (
  want: Want,
  entries: ReadonlyArray<Entry>,
  sums: ReadonlyArray<{ readonly spent: Amount; readonly reserved: Amount }>
): Reserved | Refused => {
  let outputTokens = want.maxOutputTokens
  const least = amountFor(want, want.minOutputTokens)
  for (const [entry, { limit }] of entries.entries()) {
    const { reserved, spent } = sums[entry]!
    for (const dimension of dimensions) {
      const most = limit[dimension]
      if (most === undefined) continue
      const left = most - spent[dimension] - reserved[dimension]
      const needed = least[dimension]
      if (needed > left) {
        const mayFitLater = needed <= most - spent[dimension]
        return { _tag: "Refused", entry, dimension, spent: spent[dimension], left, needed, mayFitLater }
      }
      if (dimension === "tokens") outputTokens = Math.min(outputTokens, left - want.inputTokens)
      else if (dimension === "nanoUsd" && want.outputNanoUsd > 0) {
        const forOutput = left - want.inputTokens * want.inputNanoUsd
        outputTokens = Math.min(outputTokens, Math.floor(forOutput / want.outputNanoUsd))
      }
    }
  }
  const reservation = { keys: entries.map(({ key }) => key), amount: amountFor(want, outputTokens) }
  return { _tag: "Reserved", outputTokens, reservation }
}

const amountFor = (want: Want, outputTokens: number): Amount => ({
  requests: 1,
  tokens: want.inputTokens + outputTokens,
  nanoUsd: want.inputTokens * want.inputNanoUsd + outputTokens * want.outputNanoUsd
})

/** The oldest tenth, but nothing under which a call is under way. */
const dropIdle = (sums: Map<string, Sums>): void => {
  let left = rememberedKeys / 10
  for (const [key, { reserved }] of sums) {
    if (reserved.requests === 0) sums.delete(key)
    if (--left === 0) return
  }
}

// --- in Redis ---------------------------------------------------------------------------------------------------------------------

const reserveScript = Redis.script(
  (prefix: string, ttlMillis: number, want: Want, entries: ReadonlyArray<Entry>) => [
    ...entries.map(({ key }) => prefix + key),
    ttlMillis,
    want.inputTokens,
    want.minOutputTokens,
    want.maxOutputTokens,
    want.inputNanoUsd,
    want.outputNanoUsd,
    ...entries.flatMap(({ limit, spent }) => [
      ...dimensions.map((dimension) => limit[dimension] ?? -1),
      ...dimensions.map((dimension) => spent[dimension])
    ])
  ],
  {
    numberOfKeys: (_prefix, _ttl, _want, entries) => entries.length,
    lua: Lua.reserve
  }
).withReturnType<ReadonlyArray<number | string>>()

const settleScript = Redis.script(
  (prefix: string, ttlMillis: number, reservation: Reservation, used: Amount) => [
    ...reservation.keys.map((key) => prefix + key),
    ttlMillis,
    ...dimensions.flatMap((dimension) => [reservation.amount[dimension], used[dimension]])
  ],
  {
    numberOfKeys: (_prefix, _ttl, reservation) => reservation.keys.length,
    lua: Lua.settle
  }
)

export interface RedisOptions {
  /**
   * Before every key. Default: `{crewline:budget}:`; in a cluster keys that are asked for together
   * must be kept together.
   */
  readonly prefix?: string
  /** How long the sums of a key stay after its last call, in milliseconds. Default: 40 days. */
  readonly ttlMillis?: number
}

const day = 24 * 60 * 60 * 1_000

/** Sums that all processes on one Redis share. */
export const makeRedis = (options: RedisOptions = {}): Effect.Effect<BudgetStore, never, Redis.Redis> =>
  Effect.map(Redis.Redis, (redis) => {
    const { prefix = "{crewline:budget}:", ttlMillis = 40 * day } = options
    const reserve = redis.eval(reserveScript)
    const settle = redis.eval(settleScript)
    const failed = () => new BudgetStoreError({ description: "Redis, which stores the budgets, did not answer." })
    return {
      reserve: ({ entries, want }) =>
        Effect.mapBoth(reserve(prefix, ttlMillis, want, entries), {
          onFailure: failed,
          onSuccess: (reply): Reserved | Refused => {
            const [made, first, second, left, needed, later, spent] = reply.map(Number) as [
              number,
              number,
              ...Array<number>
            ]
            if (made !== 1) {
              return {
                _tag: "Refused",
                entry: first,
                dimension: dimensions[second!]!,
                spent: spent!,
                left: left!,
                needed: needed!,
                mayFitLater: later === 1
              }
            }
            const amount = amountFor(want, first)
            return {
              _tag: "Reserved",
              outputTokens: first,
              reservation: { keys: entries.map(({ key }) => key), amount }
            }
          }
        }),
      settle: (reservation, used) => Effect.mapError(settle(prefix, ttlMillis, reservation, used), failed)
    }
  })
