/**
 * Models of stored providers, and behind them those of the environment. Every call looks its
 * provider up, so that a change applies from the next call on without a restart, and in other
 * processes within two seconds; a stored provider takes precedence over one of the environment.
 *
 * Every wrapper of the application applies to them, with a separate account for each provider of
 * each tenant: tenants share no circuit breaker, no quota and no cached answer, whatever they call
 * their providers.
 */
import * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import * as Account from "@crewline/llm/Account"
import * as AddressGuard from "@crewline/llm/AddressGuard"
import * as Anthropic from "@crewline/llm/Anthropic"
import * as Fallback from "@crewline/llm/Fallback"
import * as Ollama from "@crewline/llm/Ollama"
import * as OpenAi from "@crewline/llm/OpenAi"
import type { Provider } from "@crewline/llm/Provider"
import * as Resilience from "@crewline/llm/Resilience"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as SqlClient from "effect/sql/SqlClient"
import * as EnvironmentKeys from "./EnvironmentKeys.ts"
import * as ProviderAddresses from "./ProviderAddresses.ts"
import * as KeyRedaction from "./ProviderModels/KeyRedaction.ts"
import type { ProviderBody } from "./Api/ProviderBody.ts"
import * as ProviderStore from "./ResourceStore/Providers.ts"
import * as TenantBudgets from "./TenantBudgets.ts"

export interface Options {
  /**
   * Whether stored providers may have private and reserved addresses (`AddressGuard`). Default:
   * they may not.
   */
  readonly allowsAnyAddress?: boolean | undefined
}

/** Sent to servers that need no key, because the SDKs require one. */
const noKey = Redacted.make("none")

const make = (
  { api, baseUrl, capabilities, contextTokens, kind, name }: ProviderBody,
  apiKey: Redacted.Redacted,
  addressGuard: AddressGuard.AddressGuard
): Provider => {
  switch (kind) {
    case "openai":
    case "openai-compatible":
      return OpenAi.make({
        name,
        apiKey,
        addressGuard,
        ...(api !== undefined && { api }),
        ...(capabilities !== undefined && { capabilities }),
        ...(baseUrl !== undefined && { baseURL: baseUrl })
      })
    case "anthropic":
      return Anthropic.make({
        name,
        apiKey,
        addressGuard,
        ...(capabilities !== undefined && { capabilities }),
        ...(baseUrl !== undefined && { baseURL: baseUrl })
      })
    case "ollama":
      return Ollama.make({
        name,
        addressGuard,
        ...(apiKey !== noKey && { apiKey }),
        ...(contextTokens !== undefined && { contextTokens }),
        ...(baseUrl !== undefined && { host: baseUrl })
      })
  }
}

const guarded = (provider: Provider, apiKey: Redacted.Redacted): Provider =>
  apiKey === noKey ? provider : { ...provider, model: (id) => KeyRedaction.guard(provider.model(id), apiKey) }

/** The keys for models of the environment. */
const environmentKeys = Config.all(
  ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY"].map((name) => Config.option(Config.Redacted(name)))
).pipe(Config.map((keys) => keys.flatMap(Option.toArray)))

const withoutKeys = (keys: ReadonlyArray<Redacted.Redacted>) => (model: Llm.Model) =>
  keys.reduce(KeyRedaction.guard, model)

/**
 * Removes keys of the environment from the answers of its models, before caches and spans receive
 * them.
 */
const redacting = Layer.effect(
  Resilience.Innermost,
  Effect.map(
    Effect.orElseSucceed(environmentKeys, () => []),
    withoutKeys
  )
)

const service = Effect.fnUntraced(function* ({ allowsAnyAddress = false }: Options) {
  const addressGuard = allowsAnyAddress ? AddressGuard.unrestricted : yield* ProviderAddresses.guard
  const llm = yield* Llm.Llm
  const fail = (model: string, reason: Llm.Reason) => Effect.fail(new Llm.LlmError({ model, reason }))
  const keys = yield* Effect.orElseSucceed(environmentKeys, () => [])
  /**
   * A model of the environment, where its keys serve the tenant; the demonstration model has no key
   * and serves every tenant.
   */
  const configured = Effect.fnUntraced(function* (reference: string | undefined) {
    const shared = (model = "none") =>
      Effect.catch(EnvironmentKeys.checkTenant, ({ message: description }) =>
        fail(model, new Llm.UnknownModel({ description }))
      )
    // Tenants that the environment does not serve must not learn what it contains, or could
    // contain.
    const model = yield* Effect.tapError(llm.resolve(reference), () => shared(reference))
    if (!model.reference.startsWith("scripted/")) yield* shared(model.reference)
    // For answers that an earlier version cached, and for models without the wrappers.
    return withoutKeys(keys)(model)
  })
  const store = yield* ProviderStore.ProviderStore
  const wrapperOf = yield* Account.Current
  /**
   * Clients keep connections: one for each provider, of the version that was last seen, and its
   * models within their wrappers.
   */
  const clients = new Map<string, { readonly version: number; readonly model: (id: string) => Llm.Model }>()

  const find = (reference: string, name: string) =>
    Effect.catch(store.find(name), ({ reason }) =>
      fail(
        reference,
        new Llm.Network({
          description:
            reason._tag === "Unavailable" && !reason.isRetryable
              ? "The stored providers cannot be read; see the server log."
              : "The stored providers cannot be read now."
        })
      )
    )

  const keyOf = Effect.fnUntraced(function* (reference: string, stored: ProviderStore.Stored) {
    const { apiKeyVariable, name } = stored.body
    const own = yield* Effect.catch(store.apiKeyOf(stored), (error) =>
      fail(
        reference,
        new Llm.Authentication({
          description: `The stored key of the provider "${name}" cannot be used. ${error.message} Alternatively, store the provider's key again.`
        })
      )
    )
    if (own !== undefined) return own
    if (apiKeyVariable === undefined) return noKey
    // Checked when it was stored as well; the environment may have changed since.
    const key = yield* Effect.catch(
      EnvironmentKeys.keyFor(apiKeyVariable, ProviderStore.originOf(stored.body)),
      ({ message }) => fail(reference, new Llm.Authentication({ description: message }))
    )
    if (key !== undefined) return key
    return yield* fail(
      reference,
      new Llm.Authentication({
        description: `The provider "${name}" needs its key in the environment variable ${apiKeyVariable}, which is not set on the server.`
      })
    )
  })

  const clientOf = Effect.fnUntraced(function* (reference: string, stored: ProviderStore.Stored) {
    const { id, version, body } = stored
    const account = JSON.stringify([yield* Tenant.Current, id])
    const known = clients.get(account)
    if (known?.version === version) return known
    const apiKey = yield* keyOf(reference, stored)
    const { quota } = body
    const wrap = wrapperOf({ id: account, version, ...(quota !== undefined && { quota }) })
    const provider = guarded(make(body, apiKey, addressGuard), apiKey)
    const models = new Map<string, Llm.Model>()
    const client = {
      version,
      model: (name: string) => {
        const model = models.get(name) ?? wrap(provider.model(name))
        // An application may use arbitrary names.
        if (models.size < 100) models.set(name, model)
        return model
      }
    }
    clients.set(account, client)
    return client
  })

  return Llm.Llm.of({
    ...(llm.enforcesLimits !== undefined && { enforcesLimits: llm.enforcesLimits }),
    resolve: Fallback.resolving(
      Effect.fnUntraced(function* (reference) {
        const slash = reference?.indexOf("/") ?? -1
        if (reference === undefined || slash <= 0) return yield* configured(reference)
        const stored = yield* find(reference, reference.slice(0, slash))
        if (stored === undefined) return yield* configured(reference)
        const model = reference.slice(slash + 1)
        const { models, name } = stored.body
        if (models !== undefined && !models.includes(model)) {
          return yield* fail(
            reference,
            new Llm.UnknownModel({
              description: `The provider "${name}" does not offer the model ${model}, only ${models.join(", ") || "none"}.`
            })
          )
        }
        return (yield* clientOf(reference, stored)).model(model)
      })
    )
  })
})

/** Over the models of the environment; all of them are kept to the budgets of tenants. */
export const layer = <E, R>(
  environment: Layer.Layer<Llm.Llm, E, R>,
  options: Options = {}
): Layer.Layer<
  Llm.Llm | TenantBudgets.TenantBudgets,
  E | Config.ConfigError,
  R | ProviderStore.ProviderStore | SqlClient.SqlClient
> =>
  Layer.effect(Llm.Llm, service(options)).pipe(
    Layer.provide(Layer.provide(environment, redacting)),
    Layer.provideMerge(TenantBudgets.layerConfig)
  )
