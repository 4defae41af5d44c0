/** Shared parts of the memory tests. */
import type { Vitest } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as Memory from "../../Memory.ts"
import * as Tenant from "../../Tenant.ts"

export type It = Vitest.MethodsNonLive<Memory.Memory>

/** A name that no other test has. */
export const unique = Effect.map(Random.next, (chance) => Math.floor(chance * 2 ** 52).toString(36))

/** As a separate tenant. */
export const alone = <A, E, R>(
  test: (memory: Memory.Memory["Service"]) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Memory.Memory> =>
  Effect.gen(function* () {
    const memory = yield* Memory.Memory
    return yield* Effect.provideService(test(memory), Tenant.Current, `tenant-${yield* unique}`)
  })

/** As another tenant. */
export const elsewhere = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(unique, (name) => Effect.provideService(effect, Tenant.Current, `elsewhere-${name}`))

export const longTerm = (text: string, more: Partial<Memory.Remembered> = {}): Memory.Remembered => ({
  kind: "long-term",
  text,
  scope: {},
  ...more
})

export const texts = (entries: ReadonlyArray<{ readonly text: string }>): ReadonlyArray<string> =>
  entries.map(({ text }) => text)

export const idsOf = (receipts: ReadonlyArray<Memory.Receipt>): ReadonlyArray<string> =>
  receipts.flatMap((receipt) => (receipt._tag === "Refused" ? [] : [receipt.id]))

/** All of the tenant. */
export const everything = (memory: Memory.Memory["Service"]) => Stream.runCollect(memory.export())

/** Everything but ids, which differ. */
export const contents = (exported: ReadonlyArray<Memory.Exported>) =>
  Arr.map(exported, ({ entry, key, place }) => ({ entry, key, place }))

/** The time now, as text; what is stored from here on is stored later. */
export const moment = Effect.gen(function* () {
  yield* Effect.sleep(5)
  const now = new Date(yield* Clock.currentTimeMillis).toISOString()
  yield* Effect.sleep(5)
  return now
})
