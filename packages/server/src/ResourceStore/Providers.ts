/**
 * Stored model providers. The key of a provider is either stored with it, encrypted, and never handed out but to the models; or the
 * provider names the environment variable that holds it. Only variables whose names end in `_API_KEY` are ever read, and each is sent
 * to its own host only (`EnvironmentKeys`), so that nobody can have secrets of the server sent to an address of theirs.
 *
 * A stored key is bound to its tenant, its provider and the host it was stored for: whoever changes the host has to send the key
 * again. Keys under a previous master key are encrypted under the current one when the layer is built, and when they are used.
 *
 * `find`, which every call of a model asks, remembers what it found, or that it found nothing: changes made by this process are seen at
 * once, those of other processes within two seconds.
 */
import * as Tenant from "@crewline/core/Tenant"
import * as Anthropic from "@crewline/llm/Anthropic"
import * as Ollama from "@crewline/llm/Ollama"
import * as OpenAi from "@crewline/llm/OpenAi"
import * as Cache from "effect/Cache"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as MasterKeys from "./MasterKeys.ts"
import type { ProviderBody, ProviderSummary } from "../Api/ProviderBody.ts"
import * as ResourceStore from "../ResourceStore.ts"

/** A provider as it is stored. */
export type Stored = ResourceStore.Stored<ProviderBody>

/** Whether a key is stored with the provider. */
export const hasApiKey = ({ extra }: Pick<Stored, "extra">): boolean => sealedIn(extra) !== undefined

/** The stored key was given for another host, and goes to no other one. */
export class OtherHost extends Schema.TaggedError<OtherHost>()("OtherHost", {
  /** The host that the key was stored for. */
  host: Schema.String
}) {
  override get message() {
    return `The stored key was given for ${this.host} and is sent nowhere else: send apiKey again, or null to remove it.`
  }
}

export class ProviderStore extends Context.Service<
  ProviderStore,
  Pick<ResourceStore.ResourceStore<ProviderBody, ProviderSummary>, "find" | "get" | "list" | "remove"> & {
    readonly create: (
      body: ProviderBody,
      apiKey?: Redacted.Redacted | null
    ) => Effect.Effect<Stored, ResourceStore.StoreError | MasterKeys.MasterKeyMissing>
    /** `apiKey` absent: the stored one stays; `null`: it is removed. */
    readonly replace: (
      id: string,
      body: ProviderBody,
      options: { readonly expected?: number | undefined; readonly apiKey?: Redacted.Redacted | null | undefined }
    ) => Effect.Effect<Stored, ResourceStore.StoreError | MasterKeys.MasterKeyMissing | OtherHost>
    /** The stored key, for a call of the provider's models; `undefined` where none is stored. */
    readonly apiKeyOf: (
      stored: Stored
    ) => Effect.Effect<Redacted.Redacted | undefined, MasterKeys.UnknownMasterKey | MasterKeys.BrokenSeal>
  }
>()("@crewline/server/ResourceStore/Providers") {}

const sealedIn = (extra: ResourceStore.Extra): MasterKeys.Sealed | undefined => {
  const { api_key: ciphertext, api_key_master: masterKey } = extra
  return ciphertext == null || masterKey == null ? undefined : { ciphertext, masterKey }
}

const columnsOf = (sealed: MasterKeys.Sealed | undefined) => ({
  api_key: sealed?.ciphertext ?? null,
  api_key_master: sealed?.masterKey ?? null
})

const standardAddress: { readonly [Kind in ProviderBody["kind"]]: string } = {
  openai: OpenAi.defaultBaseURL,
  "openai-compatible": OpenAi.defaultBaseURL,
  anthropic: Anthropic.defaultBaseURL,
  ollama: Ollama.defaultHost
}

/** Where a key is sent to. */
export const originOf = ({ baseUrl, kind }: ProviderBody): string => {
  const address = baseUrl ?? standardAddress[kind]
  return URL.parse(address)?.origin ?? address
}

/** What a key is bound to. */
const binding = (tenant: string, id: string, body: ProviderBody): string => JSON.stringify([tenant, id, originOf(body)])

/** How long what was found is good, in milliseconds, and how much is remembered. */
const freshMillis = 2_000
const mostFound = 1_000

/** Asks the store once for all who look for a name. */
const remembering = Effect.fnUntraced(function* (find: ResourceStore.ResourceStore<ProviderBody, unknown>["find"]) {
  const found = yield* Cache.makeWith((key: string) => find((JSON.parse(key) as readonly [string, string])[1]), {
    capacity: mostFound,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? freshMillis : 0)
  })
  return {
    find: (name: string) =>
      Effect.flatMap(Tenant.Current, (tenant) => Cache.get(found, JSON.stringify([tenant, name]))),
    /** A change is made: whatever was found may be wrong from now on, also when the change fails half-way. */
    changing: <A, E>(change: Effect.Effect<A, E>) => Effect.ensuring(change, Cache.invalidateAll(found))
  }
})

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const keys = yield* MasterKeys.MasterKeys
  const store = yield* ResourceStore.make<ProviderBody, ProviderSummary>({
    name: "ProviderStore",
    table: "crewline_llm_provider",
    prefix: "provider",
    nameOf: (provider) => provider.name,
    summarize: ({ kind, name }) => ({ name, kind }),
    extra: ["api_key", "api_key_master"]
  })

  /** Puts the key under the current master key, unless it was replaced meanwhile. What is stored is the same: no new version. */
  const reseal = (tenant: string, id: string, body: ProviderBody, sealed: MasterKeys.Sealed, key: Redacted.Redacted) =>
    Effect.gen(function* () {
      const seal = yield* keys.sealer
      yield* sql`
        update crewline_llm_provider set ${sql.update(columnsOf(seal(key, binding(tenant, id, body))))}
        where tenant = ${tenant} and id = ${id} and api_key = ${sealed.ciphertext}`
    })

  const create: ProviderStore["Service"]["create"] = Effect.fnUntraced(function* (body, apiKey) {
    if (apiKey == null) return yield* store.create(body)
    const tenant = yield* Tenant.Current
    const seal = yield* keys.sealer
    return yield* store.create(body, (id) => columnsOf(seal(apiKey, binding(tenant, id, body))))
  })

  const replace: ProviderStore["Service"]["replace"] = Effect.fnUntraced(function* (id, body, { apiKey, expected }) {
    if (apiKey === null) return yield* store.replace(id, body, expected, columnsOf(undefined))
    if (apiKey !== undefined) {
      const tenant = yield* Tenant.Current
      const seal = yield* keys.sealer
      return yield* store.replace(id, body, expected, columnsOf(seal(apiKey, binding(tenant, id, body))))
    }
    // Should the host change between the two statements, the key does not open for it: it is bound to its own.
    const known = yield* store.get(id)
    const isCurrent = expected === undefined || expected === known.version
    if (isCurrent && hasApiKey(known) && originOf(known.body) !== originOf(body)) {
      return yield* new OtherHost({ host: originOf(known.body) })
    }
    return yield* store.replace(id, body, expected)
  })

  const apiKeyOf: ProviderStore["Service"]["apiKeyOf"] = Effect.fnUntraced(function* ({ id, body, extra }) {
    const sealed = sealedIn(extra)
    if (sealed === undefined) return undefined
    const tenant = yield* Tenant.Current
    const key = yield* keys.open(sealed, binding(tenant, id, body))
    // The key is known: a call does not fail because it could not be encrypted anew.
    if (keys.current !== undefined && sealed.masterKey !== keys.current) {
      yield* Effect.ignore(reseal(tenant, id, body, sealed, key))
    }
    return key
  })

  /** The rows of every tenant: a master key is the server's own affair. */
  const rotate: Effect.Effect<void, SqlError> = Effect.gen(function* () {
    const rows = yield* sql<{
      readonly tenant: string
      readonly id: string
      readonly name: string
      readonly body: string
      readonly api_key: string
      readonly api_key_master: string
    }>`select tenant, id, name, body, api_key, api_key_master from crewline_llm_provider
      where api_key_master is not null and api_key_master <> ${keys.current ?? ""}`
    let count = 0
    for (const { tenant, id, name, body: text, api_key: ciphertext, api_key_master: masterKey } of rows) {
      const sealed = { ciphertext, masterKey }
      // Written by this store alone, from a body that was parsed at the edge.
      const body: ProviderBody = JSON.parse(text)
      yield* keys.open(sealed, binding(tenant, id, body)).pipe(
        Effect.flatMap((key) => reseal(tenant, id, body, sealed, key)),
        Effect.tap(() => Effect.sync(() => count++)),
        // Where there is no current key, what opens under a previous one stays as it is.
        Effect.catchTag("MasterKeyMissing", () => Effect.void),
        Effect.catchTag(["UnknownMasterKey", "BrokenSeal"], (error) =>
          Effect.logWarning(`The stored key of the provider "${name}" cannot be used. ${error.message}`)
        )
      )
    }
    if (count > 0) yield* Effect.logInfo(`Keys of providers encrypted under the current master key: ${count}`)
  })

  yield* rotate
  const { changing, find } = yield* remembering(store.find)
  return ProviderStore.of({
    find,
    get: store.get,
    list: store.list,
    remove: (id, expected) => changing(store.remove(id, expected)),
    create: (body, apiKey) => changing(create(body, apiKey)),
    replace: (id, body, options) => changing(replace(id, body, options)),
    apiKeyOf
  })
})

/** Encrypts what is under a previous master key anew when it is built. */
export const layer: Layer.Layer<ProviderStore, SqlError, SqlClient.SqlClient | MasterKeys.MasterKeys> = Layer.effect(
  ProviderStore,
  make
)
