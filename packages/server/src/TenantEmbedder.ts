/**
 * Selects the embedder of a tenant. The account in the environment serves the tenants that may use
 * its keys (`EnvironmentKeys`). Other tenants use their stored provider with the name of the
 * embedder's provider: `openai` for `openai/text-embedding-3-small`. Without one, they recall by
 * words, and one warning per tenant is logged: their texts are not sent anywhere, and cause no cost
 * for the operator.
 *
 * Built-in embedders (`builtin/…`) have no account and serve every tenant.
 */
import * as Embedder from "@crewline/core/Embedder"
import type * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as AddressGuard from "@crewline/llm/AddressGuard"
import * as Models from "@crewline/llm/Embedder"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Blanking from "./Blanking.ts"
import * as EnvironmentKeys from "./EnvironmentKeys.ts"
import * as ProviderAddresses from "./ProviderAddresses.ts"
import * as ProviderStore from "./ResourceStore/Providers.ts"

type Service = Embedder.Embedder["Service"]

export interface Options {
  /** Whether stored providers may have private and reserved addresses. Default: they may not. */
  readonly allowsAnyAddress?: boolean | undefined
}

/** Why a tenant has no embedder. */
interface Unserved {
  readonly why: string
}

const isUnserved = (found: Service | Unserved): found is Unserved => "why" in found

/** Sent to servers that need no key, because the SDK requires one. */
const unused = Redacted.make("none")

/** Failures do not contain the key. */
const withoutKey = (embedder: Service, key: Redacted.Redacted): Service => {
  const clean = Blanking.of(key, "[key]")
  return clean === undefined
    ? embedder
    : {
        ...embedder,
        embed: (texts) =>
          Effect.mapError(
            embedder.embed(texts),
            ({ description, isRetryable, space }) =>
              new Embedder.EmbedderError({ space, isRetryable, description: clean(description) })
          )
      }
}

/** The embedder that serves the current tenant. */
export const make = Effect.fnUntraced(function* (
  embedder: Service,
  { allowsAnyAddress = false }: Options = {}
): Effect.fn.Return<
  NonNullable<PgMemory.VectorOptions["embedderOf"]>,
  Config.ConfigError,
  ProviderStore.ProviderStore
> {
  const { space } = embedder
  const slash = space.name.indexOf("/")
  const name = space.name.slice(0, slash)
  const model = space.name.slice(slash + 1)
  if (name === "builtin") return Effect.succeed(embedder)
  const addressGuard = allowsAnyAddress ? AddressGuard.unrestricted : yield* ProviderAddresses.guard
  const store = yield* ProviderStore.ProviderStore
  /** Of the versions last seen: clients keep connections. */
  const known = new Map<string, { readonly version: number; readonly embedder: Service }>()
  const told = new Set<string>()

  const failed = (description: string, isRetryable: boolean) =>
    new Embedder.EmbedderError({ space: space.name, description, isRetryable })

  const modelOf = (
    { apiKeyVariable, baseUrl, kind }: ProviderStore.Stored["body"],
    apiKey: Redacted.Redacted | undefined
  ) => {
    const common = { model, name, addressGuard }
    if (kind === "ollama")
      return Models.ollama({
        ...common,
        ...(apiKey !== undefined && { apiKey }),
        ...(baseUrl !== undefined && { host: baseUrl })
      })
    if (kind === "anthropic") return undefined
    if (apiKey !== undefined)
      return Models.openAi({ ...common, apiKey, ...(baseUrl !== undefined && { baseURL: baseUrl }) })
    // Keys in variables are the operator's; a server of the tenant may need none.
    return baseUrl === undefined || apiKeyVariable !== undefined
      ? undefined
      : Models.openAi({ ...common, apiKey: unused, baseURL: baseUrl })
  }

  /** The embedder of the tenant's own provider. */
  const own = Effect.fnUntraced(function* (tenant: string) {
    const stored = yield* Effect.mapError(store.find(name), ({ reason }) =>
      failed("The stored providers cannot be read.", reason._tag === "Unavailable" && reason.isRetryable)
    )
    if (stored === undefined) return { why: `it has no stored provider named ${name}` }
    const { body, id, version } = stored
    const account = JSON.stringify([tenant, id])
    const made = known.get(account)
    if (made?.version === version) return made.embedder
    if (body.models !== undefined && !body.models.includes(model))
      return { why: `its provider ${name} does not offer the model ${model}` }
    const apiKey = yield* Effect.mapError(store.apiKeyOf(stored), ({ message }) => failed(message, false))
    const making = modelOf(body, apiKey)
    if (making === undefined) return { why: `its provider ${name} has no own key, or does not support embeddings` }
    const { alpha, dimensions, floor } = space
    const bare = Embedder.fromModel(yield* making, { name: space.name, dimensions, alpha, floor })
    const guarded = apiKey === undefined ? bare : withoutKey(bare, apiKey)
    known.set(account, { version, embedder: guarded })
    return guarded
  })

  return Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const found = yield* Effect.matchEffect(EnvironmentKeys.checkTenant, {
      onSuccess: () => Effect.succeed<Service | Unserved>(embedder),
      onFailure: () => own(tenant)
    })
    if (!isUnserved(found)) {
      told.delete(tenant)
      return found
    }
    if (!told.has(tenant)) {
      told.add(tenant)
      yield* Effect.logWarning(
        `Memories of tenant ${tenant} are recalled by words only, because the keys in the environment are not available to it ` +
          `(CREWLINE_SHARED_PROVIDERS), and ${found.why}.`
      )
    }
    return undefined
  })
})

/** The memory of the database, by meaning where there is an embedder. */
export const memoryLayer = (
  embedder: Service | undefined,
  options: Options = {}
): Layer.Layer<Memory.Memory, Memory.MemoryError | Config.ConfigError, SqlClient | ProviderStore.ProviderStore> =>
  embedder === undefined
    ? PgMemory.layer
    : Layer.unwrap(Effect.map(make(embedder, options), (embedderOf) => PgMemory.layerWith(embedder, { embedderOf })))
