import * as Tenant from "@crewline/core/Tenant"
import * as Database from "@crewline/memory-pg/Database"
import * as MasterKeys from "../../src/ResourceStore/MasterKeys.ts"
import * as Migrations from "@crewline/server/Migrations"
import type { ProviderBody } from "../../src/Api/ProviderBody.ts"
import * as ProviderStore from "../../src/ResourceStore/Providers.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { ownerOf } from "../../../memory-pg/test/Owner.ts"

const scope = Scope.makeUnsafe()
let sql: SqlClient.SqlClient
beforeAll(async () => {
  const database = Migrations.layer.pipe(Layer.provideMerge(Database.layer({ kind: "memory" })))
  const services = await Effect.runPromise(Layer.buildWithScope(database, scope))
  sql = Context.get(services, SqlClient.SqlClient)
}, 60_000)
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
/** Across tenants. */
const run = <A, E>(statement: Effect.Effect<A, E>) => Effect.runPromise(ownerOf(sql)(statement))
beforeEach(() => run(sql`delete from crewline_llm_provider`))

const key = () => Redacted.make(randomBytes(32).toString("base64"))
const secret = Redacted.make("sk-canary-0123456789")
const body: ProviderBody = { name: "acme", kind: "openai-compatible", baseUrl: "https://acme.example/v1" }

/** A store as built when a server starts, and the log of that start. */
const start = async (options: MasterKeys.Options) => {
  const log: Array<string> = []
  const logger = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => log.push(line))])
  const layer = ProviderStore.layer.pipe(
    Layer.provide([MasterKeys.layer(options), Layer.succeed(SqlClient.SqlClient, sql), logger])
  )
  const services = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return { store: Context.get(services, ProviderStore.ProviderStore), log: () => log.join("\n") }
}

type Store = ProviderStore.ProviderStore["Service"]

const open = async (store: Store, id: string) => {
  const stored = await Effect.runPromise(store.get(id))
  const found = await Effect.runPromise(Effect.result(store.apiKeyOf(stored)))
  if (found._tag === "Failure") return found.failure._tag
  return found.success === undefined ? undefined : Redacted.value(found.success)
}

const masters = async () =>
  (await run(sql<{ readonly m: string }>`select api_key_master as m from crewline_llm_provider`)).map(({ m }) => m)

describe("looking for a provider", () => {
  const byName = (store: Store, tenant = "default") =>
    store.find("acme").pipe(
      Effect.map((found) => found?.body.baseUrl),
      Effect.provideService(Tenant.Current, tenant)
    )

  it("sees changes of this process at once, and those of others within two seconds", async () => {
    const [{ store: here }, { store: there }] = [await start({}), await start({})]
    await Effect.runPromise(
      Effect.gen(function* () {
        expect(yield* byName(there)).toBeUndefined()
        const { id } = yield* here.create(body)
        expect(yield* byName(here)).toBe(body.baseUrl)
        expect(yield* byName(here, "other")).toBeUndefined()
        // Without a statement for each call of a model.
        expect(yield* byName(there)).toBeUndefined()
        yield* TestClock.adjust(2_000)
        expect(yield* byName(there)).toBe(body.baseUrl)
        const moved = "https://moved.example/v1"
        yield* here.replace(id, { ...body, baseUrl: moved }, {})
        expect(yield* byName(here)).toBe(moved)
        expect(yield* byName(there)).toBe(body.baseUrl)
        yield* here.remove(id)
        expect(yield* byName(here)).toBeUndefined()
        yield* TestClock.adjust(2_000)
        expect(yield* byName(there)).toBeUndefined()
      }).pipe(Effect.provide(TestClock.layer()))
    )
  })
})

describe("rotation of the master key", () => {
  it("encrypts stored keys again at the next start, for every tenant, and changes no version", async () => {
    const [old, next] = [key(), key()]
    const first = await start({ current: old })
    const mine = await Effect.runPromise(first.store.create(body, secret))
    const others = await Effect.runPromise(
      first.store.create(body, secret).pipe(Effect.provideService(Tenant.Current, "other"))
    )
    const { store, log } = await start({ current: next, previous: [old] })
    expect(await masters()).toEqual([
      MasterKeys.make({ current: next }).current,
      MasterKeys.make({ current: next }).current
    ])
    expect(log()).toContain("Re-encrypted 2 provider keys with the current master key")
    const stored = await Effect.runPromise(store.get(mine.id))
    expect({ ...stored, extra: {} }).toEqual({ ...mine, extra: {} })
    // From now on the old one is not needed.
    const last = await start({ current: next })
    expect(last.log()).toBe("")
    expect(await open(last.store, mine.id)).toBe(Redacted.value(secret))
    const theirs = await Effect.runPromise(
      last.store
        .get(others.id)
        .pipe(Effect.flatMap(last.store.apiKeyOf), Effect.provideService(Tenant.Current, "other"))
    )
    expect(Redacted.value(theirs!)).toBe(Redacted.value(secret))
  })

  it("encrypts a key again that another server stored under the previous master key, when it is used", async () => {
    const [old, next] = [key(), key()]
    const behind = await start({ current: old })
    const ahead = await start({ current: next, previous: [old] })
    const { id } = await Effect.runPromise(behind.store.create(body, secret))
    expect(await masters()).toEqual([MasterKeys.make({ current: old }).current])
    expect(await open(ahead.store, id)).toBe(Redacted.value(secret))
    expect(await masters()).toEqual([MasterKeys.make({ current: next }).current])
  })

  it("loses nothing with a wrong or missing master key, and names the one required", async () => {
    const right = key()
    const first = await start({ current: right })
    const { id } = await Effect.runPromise(first.store.create(body, secret))
    for (const options of [{ current: key() }, {}]) {
      const wrong = await start(options)
      expect(wrong.log()).toContain("acme")
      expect(wrong.log()).toContain(MasterKeys.make({ current: right }).current)
      expect(wrong.log()).toContain("CREWLINE_MASTER_KEY_PREVIOUS")
      expect(await open(wrong.store, id)).toBe("UnknownMasterKey")
      // A change of another field leaves the key alone.
      await Effect.runPromise(wrong.store.replace(id, { ...body, models: ["large"] }, {}))
    }
    const again = await start({ current: right })
    expect(again.log()).toBe("")
    expect(await open(again.store, id)).toBe(Redacted.value(secret))
  })
})

describe("a stored key", () => {
  it("is bound to its provider, its tenant and its host, even for someone who can write to the table", async () => {
    const { store } = await start({ current: key() })
    const { id } = await Effect.runPromise(store.create(body, secret))
    const { id: thief } = await Effect.runPromise(
      store.create({ ...body, name: "thief", baseUrl: "https://acme.example/other" }, Redacted.make("another-key"))
    )
    expect(await open(store, thief)).toBe("another-key")
    await run(sql`
      update crewline_llm_provider set api_key = (select api_key from crewline_llm_provider where id = ${id})
      where id = ${thief}`)
    expect(await open(store, thief)).toBe("BrokenSeal")
    const elsewhere = JSON.stringify({ ...body, baseUrl: "https://thief.example/v1" })
    await run(sql`update crewline_llm_provider set body = ${elsewhere} where id = ${id}`)
    expect(await open(store, id)).toBe("BrokenSeal")
    await run(sql`update crewline_llm_provider set body = ${JSON.stringify(body)}, tenant = 'thief' where id = ${id}`)
    const moved = store
      .get(id)
      .pipe(Effect.flatMap(store.apiKeyOf), Effect.flip, Effect.provideService(Tenant.Current, "thief"))
    expect(await Effect.runPromise(moved)).toMatchObject({ _tag: "BrokenSeal" })
  })

  it("stays when the provider is replaced without one, and is sent to no other host", async () => {
    const { store } = await start({ current: key() })
    const { id } = await Effect.runPromise(store.create(body, secret))
    const samePlace = { ...body, baseUrl: "https://acme.example/v2", name: "renamed" }
    const kept = await Effect.runPromise(store.replace(id, samePlace, {}))
    expect(ProviderStore.hasApiKey(kept)).toBe(true)
    expect(await open(store, id)).toBe(Redacted.value(secret))
    const moved = { ...body, baseUrl: "https://acme.example:444/v1" }
    expect(await Effect.runPromise(Effect.flip(store.replace(id, moved, {})))).toMatchObject({
      _tag: "OtherHost",
      host: "https://acme.example"
    })
    expect(await open(store, id)).toBe(Redacted.value(secret))
    await Effect.runPromise(store.replace(id, moved, { apiKey: Redacted.make("given-again") }))
    expect(await open(store, id)).toBe("given-again")
    // Without a key there is nothing to protect.
    const removed = await Effect.runPromise(store.replace(id, body, { apiKey: null }))
    expect(ProviderStore.hasApiKey(removed)).toBe(false)
    expect(await open(store, id)).toBeUndefined()
    await Effect.runPromise(store.replace(id, moved, {}))
  })
})
