/** The models of a client: those of the environment, the given ones, or a script. */
import * as Llm from "@crewline/core/Llm"
import * as Account from "@crewline/llm/Account"
import * as Anthropic from "@crewline/llm/Anthropic"
import * as Ollama from "@crewline/llm/Ollama"
import * as OpenAi from "@crewline/llm/OpenAi"
import * as Prices from "@crewline/llm/Prices"
import type { Provider } from "@crewline/llm/Provider"
import * as Providers from "@crewline/llm/Providers"
import * as Resilience from "@crewline/llm/Resilience"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Models, Options } from "../Client.ts"

/**
 * Within the limits that the environment configures, which all processes share if Effect's `Redis`
 * service is present.
 */
export const layer = (given: Options["models"]): Layer.Layer<Llm.Llm, Config.ConfigError> => {
  if (given === undefined) return Providers.layerConfig
  if (typeof given === "object" && "llm" in given) return Layer.succeed(Llm.Llm, given.llm)
  return Layer.effectContext(
    Effect.gen(function* () {
      const environment = yield* Providers.config
      const models = typeof given === "string" ? { default: given } : given
      const { account, wrap } = yield* Effect.flatMap(Resilience.config, Resilience.makeWrappers)
      const llm = Providers.make({
        providers: [...environment.providers, ...providersOf(models)],
        defaultModel: models.default ?? defaultOf(models) ?? environment.defaultModel,
        wrap
      })
      return Context.make(Llm.Llm, llm).pipe(Context.add(Account.Current, account))
    })
  )
}

/** The key sent to a server that needs none, because the SDKs require one. */
const noKey = "none"

const providersOf = ({ anthropic, ollama, openai, providers = [] }: Models): ReadonlyArray<Provider> => {
  const made: Array<Provider> = []
  if (openai !== undefined) {
    // Another server has different prices.
    const place = openai.baseURL === undefined ? { prices: Prices.of("openai") } : { baseURL: openai.baseURL }
    made.push(OpenAi.make({ apiKey: Redacted.make(openai.apiKey ?? noKey), ...place }))
  }
  if (anthropic !== undefined) {
    const place = anthropic.baseURL === undefined ? { prices: Prices.of("anthropic") } : { baseURL: anthropic.baseURL }
    made.push(Anthropic.make({ apiKey: Redacted.make(anthropic.apiKey ?? noKey), ...place }))
  }
  if (ollama !== undefined) {
    const { apiKey, baseURL } = ollama
    const key = apiKey === undefined ? {} : { apiKey: Redacted.make(apiKey) }
    made.push(Ollama.make({ ...key, ...(baseURL !== undefined && { host: baseURL }) }))
  }
  return [...made, ...providers]
}

const defaultOf = ({ anthropic, ollama, openai }: Models): string | undefined =>
  openai !== undefined
    ? Providers.defaultOpenAiModel
    : anthropic !== undefined
      ? Providers.defaultAnthropicModel
      : ollama !== undefined
        ? Providers.defaultOllamaModel
        : undefined
