/**
 * Stored model providers. The key of a provider is either stored with it, encrypted, and never
 * given to anything but the models; or the provider names the environment variable that contains
 * it. Only variables whose names end in `_API_KEY` are ever read, and each is sent to its own host
 * only (`EnvironmentKeys`), so that clients cannot have secrets of the server sent to their own
 * addresses.
 *
 * A stored key is bound to its tenant, its provider and the host it was stored for: changing the
 * host requires sending the key again. Keys under a previous master key are encrypted under the
 * current one when the layer is built, and when they are used.
 *
 * `find`, which every model call uses, caches its results, including negative ones: changes made by
 * this process are seen at once, those of other processes within two seconds.
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
import type * as MasterKeys from "./MasterKeys.ts"
import * as Sealing from "./Sealing.ts"
import type { ProviderBody, ProviderSummary } from "../Api/ProviderBody.ts"
import * as ResourceStore from "../ResourceStore.ts"

/** A provider as it is stored. */
export type Stored = ResourceStore.Stored<ProviderBody>

/** Whether a key is stored with the provider. */
export const hasApiKey = ({ extra }: Pick<Stored, "extra">): boolean => extra["api_key"] != null

/** The stored key was given for another host, and is sent to no other. */
export class OtherHost extends Schema.TaggedError<OtherHost>()("OtherHost", {
  /** The host that the key was stored for. */
  host: Schema.String
}) {
  override get message() {
    return `The stored key is bound to ${this.host} and cannot be used for another host: send apiKey again, or null to remove it.`
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

/** The binding of a key. */
const binding = (tenant: string, id: string, body: ProviderBody): string => JSON.stringify([tenant, id, originOf(body)])

/** How long results are cached, in milliseconds, and how many. */
const freshMillis = 2_000
const maxFound = 1_000

/** Queries the store once for all concurrent lookups of a name. */
const remembering = Effect.fnUntraced(function* (find: ResourceStore.ResourceStore<ProviderBody, unknown>["find"]) {
  const found = yield* Cache.makeWith((key: string) => find((JSON.parse(key) as readonly [string, string])[1]), {
    capacity: maxFound,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? freshMillis : 0)
  })
  return {
    find: (name: string) =>
      Effect.flatMap(Tenant.Current, (tenant) => Cache.get(found, JSON.stringify([tenant, name]))),
    /**
     * A change is made: cached results may be wrong from now on, even if the change fails halfway.
     */
    changing: <A, E>(change: Effect.Effect<A, E>) => Effect.ensuring(change, Cache.invalidateAll(found))
  }
})

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const store = yield* ResourceStore.make<ProviderBody, ProviderSummary>({
    name: "ProviderStore",
    table: "crewline_llm_provider",
    prefix: "provider",
    nameOf: (provider) => provider.name,
    summarize: ({ kind, name }) => ({ name, kind }),
    extra: ["api_key", "api_key_master"]
  })

  const sealing = yield* Sealing.make<ProviderBody>({
    table: "crewline_llm_provider",
    columns: ["api_key", "api_key_master"],
    bindingOf: binding,
    describe: (name) => `The stored key of the provider "${name}"`,
    others: (masterKey) => sql<Sealing.Row>`select * from crewline_sealed_providers(${masterKey})`
  })

  const create: ProviderStore["Service"]["create"] = Effect.fnUntraced(function* (body, apiKey = null) {
    return yield* store.create(body, yield* sealing.sealing(apiKey, body))
  })

  const replace: ProviderStore["Service"]["replace"] = Effect.fnUntraced(function* (id, body, { apiKey, expected }) {
    if (apiKey !== undefined) {
      const extraOf = yield* sealing.sealing(apiKey, body)
      return yield* store.replace(id, body, expected, extraOf(id))
    }
    // Should the host change between the two statements, the key does not open for it: it is bound
    // to its own.
    const known = yield* store.get(id)
    const isCurrent = expected === undefined || expected === known.version
    if (isCurrent && hasApiKey(known) && originOf(known.body) !== originOf(body)) {
      return yield* new OtherHost({ host: originOf(known.body) })
    }
    return yield* store.replace(id, body, expected)
  })

  const rotated = yield* sealing.rotate
  if (rotated > 0) yield* Effect.logInfo(`Re-encrypted ${rotated} provider keys with the current master key`)
  const { changing, find } = yield* remembering(store.find)
  return ProviderStore.of({
    find,
    get: store.get,
    list: store.list,
    remove: (id, expected) => changing(store.remove(id, expected)),
    create: (body, apiKey) => changing(create(body, apiKey)),
    replace: (id, body, options) => changing(replace(id, body, options)),
    apiKeyOf: sealing.open
  })
})

/** Re-encrypts values under a previous master key when it is built. */
export const layer: Layer.Layer<ProviderStore, SqlError, SqlClient.SqlClient | MasterKeys.MasterKeys> = Layer.effect(
  ProviderStore,
  make
)
