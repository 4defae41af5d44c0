/** The memory in this process, by words. Nothing is kept when it ends. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as Embedder from "../Embedder.ts"
import * as Tenant from "../Tenant.ts"
import type * as Asking from "../MemoryQuery.ts"
import * as Checking from "./Checking.ts"
import * as Entities from "./Entities.ts"
import type { Entry, Kind, KnownRelation, Receipt } from "../MemoryEntry.ts"
import * as Explaining from "./Explaining.ts"
import { MemoryError, UnknownMemory } from "./Failure.ts"
import * as Junk from "./Junk.ts"
import * as LocalSearch from "./LocalSearch.ts"
import { isNamed, LocalTenant, type Stored } from "./LocalTenant.ts"
import * as Making from "./Making.ts"
import * as Ranking from "./Ranking.ts"
import * as Reranking from "./Reranking.ts"
import { Memory } from "./Service.ts"

const defaultListed = 50
const defaultRelations = 100

/** In the memory of this process, ranked by words. Nothing is kept when it ends. */
export const layer: Layer.Layer<Memory> = Layer.effect(
  Memory,
  Effect.suspend(() => make())
)

/** The same, ranked by words and by meaning. */
export const layerEmbedded: Layer.Layer<Memory, never, Embedder.Embedder> = Layer.effect(
  Memory,
  Effect.flatMap(Embedder.Embedder, (embedder) => make(embedder))
)

const make = (embedder?: Embedder.Embedder["Service"]) =>
  Effect.gen(function* () {
    const random = yield* Random.Random
    const rerank = yield* Reranking.make
    const meanings = meaningsOf(embedder)
    const tenants = new Map<string, LocalTenant>()
    const current = Effect.map(Tenant.Current, (name) => {
      let tenant = tenants.get(name)
      if (tenant === undefined) tenants.set(name, (tenant = new LocalTenant()))
      return tenant
    })
    const makeId = Making.makeIds(random)
    const named = Effect.fnUntraced(function* (id: string) {
      const stored = (yield* current).memories.get(id)
      return stored === undefined ? yield* new UnknownMemory({ id }) : stored
    })
    const change = (id: string, changed: Partial<Entry>) =>
      Effect.map(named(id), (stored) => (stored.entry = { ...stored.entry, ...changed }))

    return Memory.of({
      remember: Effect.fnUntraced(function* (entries) {
        yield* Checking.remembered(entries)
        const tenant = yield* current
        const vectors = yield* meanings.ofTexts("remember", entries)
        const at = yield* Clock.currentTimeMillis
        return entries.map((entry): Receipt => tenant.remember(entry, { at, makeId: makeId(at), vectors }))
      }),
      recall: Effect.fnUntraced(function* (query) {
        yield* Checking.query("recall", query)
        const tenant = yield* current
        const meaning = yield* meanings.ofQuery(query.text)
        const { ranked } = LocalSearch.find(tenant, query, yield* Clock.currentTimeMillis, meaning)
        const recalled = Ranking.select(yield* rerank(query.text, ranked), query).map((each) =>
          Explaining.recalledOf(each.memory.entry, each, query)
        )
        const { execution } = query.scope
        if (execution !== undefined && query.readOnly !== true)
          tenant.quote(
            execution,
            recalled.map(({ id }) => id)
          )
        return recalled
      }),
      explain: Effect.fnUntraced(function* (query, id) {
        yield* Checking.query("explain", query)
        const stored = yield* named(id)
        const tenant = yield* current
        const now = yield* Clock.currentTimeMillis
        const found = LocalSearch.find(tenant, query, now, yield* meanings.ofQuery(query.text))
        return Explaining.explanationOf(id, {
          ranked: yield* rerank(query.text, found.ranked),
          terms: LocalSearch.termsOf(found, stored),
          isSeen: LocalSearch.seen(tenant, query, now).has(stored)
        })
      }),
      get: Effect.fnUntraced(function* (id) {
        return (yield* named(id)).entry
      }),
      list: Effect.fnUntraced(function* (options = {}) {
        yield* Checking.filter("list", options)
        return listed(yield* current, options, yield* Clock.currentTimeMillis)
      }),
      pin: (id, isPinned) => change(id, { pinned: isPinned }),
      quarantine: (id, isQuarantined) => change(id, { quarantined: isQuarantined }),
      forget: Effect.fnUntraced(function* (filter) {
        yield* Checking.forgotten(filter)
        const tenant = yield* current
        return erase(tenant, [...tenant.memories.values()].filter(isNamed(filter)))
      }),
      ...knowing(current),
      export: (scope = {}) =>
        Stream.unwrap(Effect.map(current, (tenant) => Stream.fromIterable(tenant.exported(scope)))),
      import: Effect.fnUntraced(function* (exported) {
        yield* Checking.imported(exported)
        const tenant = yield* current
        const vectors = yield* meanings.ofTexts(
          "import",
          exported.map(({ entry }) => entry)
        )
        const stored = exported.filter((each) => tenant.import(each, vectors)).length
        return { stored, known: exported.length - stored }
      }),
      statistics: Effect.map(current, (tenant) => ({
        ...statisticsOf(tenant),
        ...(embedder?.space.isSemantic === true && { embedder: embedder.space.name })
      })),
      retention: Effect.map(current, ({ retention }) => retention),
      retain: Effect.fnUntraced(function* (retention) {
        yield* Checking.retention(retention)
        const tenant = yield* current
        tenant.retention = retention
      }),
      purge: Effect.fnUntraced(function* (limit) {
        const tenant = yield* current
        const keeps = tenant.keeps(yield* Clock.currentTimeMillis)
        const expired = [...tenant.memories.values()].filter((stored) => !keeps(stored)).slice(0, limit)
        return erase(tenant, expired).count
      })
    })
  })

/** Newest first. */
const listed = (tenant: LocalTenant, options: Asking.ListOptions, now: number): ReadonlyArray<Entry> => {
  const { after, asOf, limit = defaultListed, quarantined = false, superseded = false } = options
  const keeps = tenant.keeps(now)
  const time = asOf === undefined ? undefined : Date.parse(asOf)
  const isWanted = isNamed(options)
  const all = [...tenant.memories.values()].reverse()
  const last = after === undefined ? undefined : tenant.memories.get(after)?.position
  const from =
    after === undefined
      ? 0
      : all.findIndex(({ entry, position }) => (last === undefined ? entry.id < after : position < last))
  return (from === -1 ? [] : all.slice(from))
    .filter(
      (stored) =>
        stored.entry.quarantined === quarantined &&
        isWanted(stored) &&
        (superseded
          ? time === undefined || Date.parse(stored.entry.storedAt) <= time
          : Making.held(stored.entry, time ?? Number.POSITIVE_INFINITY)) &&
        keeps(stored)
    )
    .slice(0, limit)
    .map(({ entry }) => Making.asOf(entry, time))
}

/** Vectors where there is an embedder whose vectors have a meaning. */
const meaningsOf = (embedder: Embedder.Embedder["Service"] | undefined) => {
  if (embedder === undefined || !embedder.space.isSemantic) {
    return { ofTexts: () => Effect.succeed(undefined), ofQuery: () => Effect.succeed(undefined) }
  }
  const { embed, space } = Embedder.cached(embedder)
  return {
    ofTexts: (operation: string, entries: ReadonlyArray<{ readonly text: string }>) => {
      const texts = [...new Set(entries.map(({ text }) => text))].filter((text) => Junk.reasonOf(text) === undefined)
      return Effect.matchEffect(embed(texts), {
        onFailure: ({ isRetryable, message }) =>
          Effect.fail(new MemoryError({ operation, description: message, isRetryable })),
        onSuccess: (vectors) => Effect.succeed(new Map(texts.map((text, index) => [text, vectors[index]!])))
      })
    },
    /** A query is answered by its words where the embedder fails. */
    ofQuery: (text: string) =>
      Effect.matchEffect(embed([text]), {
        onFailure: ({ message }) => Effect.as(Effect.logWarning(`Recalled by words alone: ${message}`), undefined),
        onSuccess: ([vector]): Effect.Effect<LocalSearch.Meaning | undefined> =>
          Effect.succeed(vector === undefined ? undefined : { space, vector })
      })
  }
}

/** What is known of entities. */
const knowing = (current: Effect.Effect<LocalTenant>): Pick<Memory["Service"], "entities" | "relations"> => ({
  entities: Effect.fnUntraced(function* ({ limit = defaultListed, name, ...view }) {
    const visible = yield* visibleFrom(current, "entities", view)
    const wanted = name === undefined ? undefined : Entities.keyOf(name)
    return Entities.merge(visible)
      .filter((entity) => wanted === undefined || Entities.isCalled(entity, wanted))
      .slice(0, limit)
  }),
  relations: Effect.fnUntraced(function* ({ entity, limit = defaultRelations, ...view }) {
    const visible = yield* visibleFrom(current, "relations", view)
    const wanted = entity === undefined ? undefined : Entities.keyOf(entity)
    return visible
      .flatMap(({ id, relations = [] }) => relations.map((each): KnownRelation => ({ ...each, memory: id })))
      .filter((relation) => wanted === undefined || Entities.isBetween(relation, wanted))
      .slice(0, limit)
  })
})

/** Oldest first. */
const visibleFrom = Effect.fnUntraced(function* (
  current: Effect.Effect<LocalTenant>,
  operation: string,
  view: Asking.View & { readonly asOf?: string }
) {
  yield* Checking.view(operation, view)
  const query = { ...view, text: "" }
  return [...LocalSearch.seen(yield* current, query, yield* Clock.currentTimeMillis)].map(({ entry }) => entry)
})

const erase = (tenant: LocalTenant, all: ReadonlyArray<Stored>): Asking.Forgotten => {
  const executions = new Set(all.flatMap((stored) => tenant.erase(stored)))
  return { count: all.length, executions: [...executions].sort() }
}

const statisticsOf = (tenant: LocalTenant): Asking.Statistics => {
  const live: Record<Kind, number> = { "short-term": 0, "long-term": 0, entity: 0 }
  let superseded = 0
  let pinned = 0
  let quarantined = 0
  for (const { entry } of tenant.memories.values()) {
    if (entry.validTo === undefined) live[entry.kind]++
    else superseded++
    if (entry.pinned) pinned++
    if (entry.quarantined) quarantined++
  }
  const refused = [...tenant.refused.values()].reduce((sum, count) => sum + count, 0)
  return {
    live,
    superseded,
    pinned,
    quarantined,
    offered: tenant.offered,
    refused: Object.fromEntries(tenant.refused),
    refusedShare: tenant.offered === 0 ? 0 : refused / tenant.offered
  }
}
