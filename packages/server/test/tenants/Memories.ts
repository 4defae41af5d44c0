/**
 * Operations on memories and files of two tenants: with the same texts, subjects, keys,
 * conversations and scopes, with ids of the other tenant, and with ids that both have, by imports
 * of the same export. All by words alone, then by meaning too.
 */
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Workspace from "@crewline/core/Workspace"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"

/** Scores depend on the time: each look at the clock is a second later. */
class SteadyClock implements Clock.Clock {
  #now = Date.parse("2026-11-30T12:00:00Z")
  readonly #clock: Clock.Clock

  constructor(clock: Clock.Clock) {
    this.#clock = clock
  }

  readonly currentTimeMillisUnsafe = () => (this.#now += 1_000)
  readonly currentTimeMillis = Effect.sync(this.currentTimeMillisUnsafe)
  readonly currentTimeNanosUnsafe = () => BigInt(this.currentTimeMillisUnsafe()) * 1_000_000n
  readonly currentTimeNanos = Effect.sync(this.currentTimeNanosUnsafe)
  readonly monotonicTimeNanosUnsafe = this.currentTimeNanosUnsafe
  readonly monotonicTimeNanos = this.currentTimeNanos
  readonly sleep: Clock.Clock["sleep"] = (duration) => this.#clock.sleep(duration)
}

/** Letters as meaning. */
const letters: Embedder.Embedder["Service"] = {
  ...Embedder.hashing,
  space: { ...Embedder.hashing.space, name: "test/letters", isSemantic: true, alpha: 0.3, floor: 0.9 }
}

const longTerm = (text: string, more: Partial<Memory.Remembered> = {}): Memory.Remembered => ({
  kind: "long-term",
  text,
  scope: {},
  ...more
})
const said = (text: string): Memory.Remembered => ({ kind: "short-term", text, scope: { session: "s" } })

/** An export that each tenant imports: ids that both have. */
const exported = (position: number, entry: Partial<Memory.Entry>): Memory.Exported => ({
  version: 1,
  position,
  key: `shared ${position}`,
  entry: {
    id: `mem_shared_${position}`,
    kind: "long-term",
    text: `Shared memory ${position} of the otters`,
    scope: {},
    importance: 0.5,
    origin: "agent",
    trust: "agent",
    saidAt: "2026-11-01T00:00:00Z",
    storedAt: "2026-11-01T00:00:00Z",
    corroborations: 0,
    pinned: false,
    quarantined: false,
    mentions: [{ name: "Acme", type: "organization" }],
    ...entry
  }
})
const shared: ReadonlyArray<Memory.Exported> = [
  exported(0, {}),
  exported(1, { kind: "short-term", scope: { session: "s" } }),
  exported(2, { subject: "river" })
]

/** Steps of a tenant, made when its turn comes. */
export type Steps = () => ReadonlyArray<Effect.Effect<unknown, unknown>>

type Service = Memory.Memory["Service"]

const views: ReadonlyArray<Memory.View> = [
  { scope: {} },
  { scope: { session: "s", user: "u" } },
  { scope: { user: "u" }, any: ["crew", "session"] }
]

const looksOf = (memory: Service) => [
  ...views.flatMap((view) => [
    memory.recall({ text: "where do the otters of Acme live", ...view, limit: 50, readOnly: true }),
    memory.list({ seenFrom: view, limit: 100 }),
    memory.entities(view)
  ]),
  Stream.runCollect(memory.export()),
  memory.statistics,
  memory.retention
]

/** More, at memories of both tenants. */
const closeLooksOf = (memory: Service, ids: ReadonlyArray<string>) => [
  ...looksOf(memory),
  ...views.flatMap((view) => [
    memory.recall({ text: "otters river", ...view, limit: 50, asOf: "2026-11-30T12:05:00Z", readOnly: true }),
    memory.relations(view)
  ]),
  ...ids.flatMap((id) => [
    memory.get(id),
    memory.explain({ text: "otters", scope: { session: "s" } }, id),
    memory.list({ after: id, limit: 3 })
  ]),
  memory.list({ limit: 100, superseded: true }),
  memory.list({ subject: "home" }),
  memory.list({ scope: { session: "s" }, kinds: ["short-term"] }),
  memory.list({ ids, limit: 100 }),
  memory.list({ quarantined: true }),
  Stream.runCollect(memory.export({ session: "s" }))
]

/** In turn, each for both tenants. `ids`: of all memories of both tenants by then. */
const stepsOf = (memory: Service, ids: Set<string>, by: string, tenant: string) => {
  const remember = (entries: ReadonlyArray<Memory.Remembered>) =>
    Effect.tap(memory.remember(entries), (receipts) =>
      Effect.sync(() => {
        // One of each call is enough of each tenant.
        const first = receipts.find(({ _tag }) => _tag === "Stored")
        if (first?._tag === "Stored") ids.add(first.id)
      })
    )
  const relations = [{ from: "Acme", relation: "owns", to: "Otter" }]
  const looks = () => looksOf(memory)
  const closeLooks = () => closeLooksOf(memory, [...ids])
  return [
    () => [
      remember([
        longTerm("Acme keeps otters", { key: `key ${by}`, relations }),
        longTerm("Acme keeps otters in the river", { scope: { user: "u" }, speaker: "Ada" }),
        longTerm(`The otters belong to ${tenant}`, { scope: { crew: "c" }, source: { execution: "x" } }),
        longTerm(`The otters live at the house of ${tenant}`, { subject: "home" }),
        { kind: "entity", text: "Otter: a mammal", scope: {}, mentions: [{ name: "Otter", type: "animal" }] },
        longTerm("Status: done")
      ]),
      remember([said("Where do the otters live?"), said(`They live at ${tenant}`), said("Beside the river?")]),
      ...shared.map((each) => memory.import([each])),
      Effect.sync(() => {
        for (const { entry } of shared) ids.add(entry.id)
      })
    ],
    () => [
      remember([
        longTerm("Acme keeps otters", { key: `key ${by}` }),
        longTerm("Acme keeps otters"),
        longTerm(`The otters of ${tenant} live in the river now`, { subject: "home" }),
        longTerm("Acme keeps otters", { key: `other key ${by}` })
      ]),
      memory.import(shared),
      memory.recall({ text: "otters", scope: { execution: "x" }, limit: 3 }),
      remember([
        longTerm("It was said: Acme keeps otters. Acme keeps otters in the river.", { source: { execution: "x" } })
      ]),
      ...closeLooks()
    ],
    () => [
      ...[...ids].flatMap((id) => [memory.pin(id, true), memory.quarantine(id, true), memory.pin(id, false)]),
      ...looks()
    ],
    () => [
      ...[...ids].map((id) => memory.quarantine(id, false)),
      // The greatest of all ids is erased: lists go on after it all the same.
      memory.forget({ ids: [[...ids].toSorted().at(-1)!] }),
      memory.forget({ subject: "river" }),
      memory.forget({ ids: ["mem_shared_0"] }),
      memory.forget({ scope: { session: "s" } }),
      remember([longTerm("Acme keeps otters again", { key: "shared 0" })]),
      ...closeLooks()
    ],
    // Only one of them limits what it keeps.
    () => (tenant === "acme" ? [memory.retain([{ kind: "long-term", maxCount: 1 }]), ...looks()] : looks()),
    () =>
      tenant === "acme"
        ? [memory.purge(100), memory.retain([{ kind: "long-term", maxAgeDays: 1e-3 }]), memory.purge(100), ...looks()]
        : [memory.purge(100), ...looks()],
    () => [memory.forget({ scope: {} }), ...looks()]
  ]
}

/** In turn, each for both tenants, on files of an execution id that both use. */
export const filesOf = Effect.map(Workspace.Workspace, (workspace) => (tenant: string): ReadonlyArray<Steps> => {
  const files = workspace.of("x")
  const text = (path: string) => Effect.map(files.read(path), (bytes) => new TextDecoder().decode(bytes))
  const looks = [files.list(), files.list("folder"), text("a.txt"), text("folder/b.txt")]
  return [
    () => [files.write("a.txt", `A of ${tenant}`), files.write("folder/b.txt", `B of ${tenant}`)],
    () => looks,
    // Together as much as one may have.
    () => [files.write("large.txt", "x".repeat(50)), ...looks],
    () => [files.write("a.txt", `again, of ${tenant}`), files.remove("folder/b.txt"), ...looks],
    () => [workspace.forget("x"), ...looks]
  ]
})

/** The most bytes of an execution's files. */
export const maxTotalBytes = 90

/** Two memories of one database, one by words and one by meaning too; what tenants do with them. */
export const make = Effect.gen(function* () {
  const clock = new SteadyClock(yield* Clock.Clock)
  const steady = Effect.provideService(Clock.Clock, clock)
  const layer = Layer.provide(PgMemory.layerEmbedded(), Layer.succeed(Embedder.Embedder, letters))
  const memories = {
    words: yield* Random.withSeed(steady(PgMemory.make()), 7),
    meaning: Context.get(yield* Random.withSeed(steady(Layer.build(layer)), 8), Memory.Memory)
  }
  return (by: keyof typeof memories) => {
    const ids = new Set<string>()
    return (tenant: string): ReadonlyArray<Steps> =>
      stepsOf(memories[by], ids, by, tenant).map(
        (steps) => () => steps().map((step: Effect.Effect<unknown, unknown>) => steady(step))
      )
  }
})
