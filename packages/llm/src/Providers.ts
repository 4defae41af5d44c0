/**
 * The `Llm` service: resolves model references (`openai/gpt-5.2`) among the configured providers.
 * Resolving makes no request.
 */
import * as Llm from "@crewline/core/Llm"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Account from "./Account.ts"
import * as Anthropic from "./Anthropic.ts"
import * as Budget from "./Budget.ts"
import * as Demo from "./Demo.ts"
import * as Fallback from "./Fallback.ts"
import * as Ollama from "./Ollama.ts"
import * as OpenAi from "./OpenAi.ts"
import * as Prices from "./Prices.ts"
import type { Provider } from "./Provider.ts"

export interface Options {
  /** Of two providers of one name the later counts. */
  readonly providers: ReadonlyArray<Provider>
  /** The reference of the model that answers where none is named. */
  readonly defaultModel: string
  /**
   * Put around every single model, within a chain of several: budgets, limits, retry
   * (`Resilience.make`).
   */
  readonly wrap?: (model: Llm.Model) => Llm.Model
  /**
   * Enforces the limits of crews where no budget of `wrap` does. Default: the prices of
   * `Prices.known`, and sums in this process. `false`: crews with limits are refused.
   */
  readonly budget?: Budget.Options | false
}

/** The default model where an OpenAI key is configured and `CREWLINE_MODEL` is not. */
export const defaultOpenAiModel = "openai/gpt-5.6-luna"

/** The default model where of the keys only one of Anthropic is configured. */
export const defaultAnthropicModel = "anthropic/claude-haiku-4-5"

/** The default model where there is no key but an Ollama server. */
export const defaultOllamaModel = "ollama/llama3.2"

/** How known providers are configured, for error messages. */
const howTo: { readonly [provider: string]: string } = {
  openai: "set OPENAI_API_KEY (and OPENAI_BASE_URL for a compatible server)",
  anthropic: "set ANTHROPIC_API_KEY",
  ollama: `set OLLAMA_HOST (${Ollama.defaultHost} on this machine)`
}

/** Maximum number of cached references; further ones are resolved each time. */
const remembered = 1_000

/** The service. */
export const make = (options: Options): Llm.Llm["Service"] => {
  const { defaultModel } = options
  const providers = new Map(options.providers.map((provider) => [provider.name, provider]))
  const models = new Map<string, Llm.Model>()
  const { budget, wrap } = options
  const limited = budget === false ? undefined : Budget.make(budget)
  const one = (reference = defaultModel): Effect.Effect<Llm.Model, Llm.LlmError> => {
    const known = models.get(reference)
    if (known !== undefined) return Effect.succeed(known)
    const slash = reference.indexOf("/")
    const provider = slash > 0 ? providers.get(reference.slice(0, slash)) : undefined
    const id = reference.slice(slash + 1)
    if (provider === undefined || id === "" || provider.models?.includes(id) === false) {
      return Effect.fail(unknown(reference, providers))
    }
    const bare = provider.model(id)
    // Innermost: a budget of `wrap` passes calls on without the limits that it enforces.
    const within = limited?.(bare) ?? bare
    const model = wrap?.(within) ?? within
    if (models.size < remembered) models.set(reference, model)
    return Effect.succeed(model)
  }
  return { resolve: Fallback.resolving(one), enforcesLimits: limited !== undefined }
}

const unknown = (reference: string, providers: ReadonlyMap<string, Provider>): Llm.LlmError => {
  const [name = ""] = reference.split("/")
  const provider = providers.get(name)
  const configured = [...providers.values()].map(
    ({ name: each, models }) => `${each}/${models?.join(`, ${each}/`) ?? "…"}`
  )
  const missing = Object.entries(howTo).filter(([each]) => !providers.has(each))
  // Who named one of them wants to know of that one only.
  const asked = missing.filter(([each]) => each === name)
  const what = !/^[^/]+\/./.test(reference)
    ? `Invalid model reference "${reference}": expected provider/model, for example ${defaultOpenAiModel}.`
    : provider !== undefined
      ? `The provider "${name}" has no model "${reference.slice(name.length + 1)}".`
      : `There is no provider "${name}".`
  const hint = (asked.length > 0 ? asked : missing).map(([each, how]) => `To use ${each}/…, ${how}.`)
  const description = [what, `Configured: ${configured.join(", ") || "none"}.`, ...hint].join(" ")
  return new Llm.LlmError({ model: reference, reason: new Llm.UnknownModel({ description }) })
}

/** The models of these providers. */
export const layer = (options: Options): Layer.Layer<Llm.Llm> => Layer.sync(Llm.Llm, () => make(options))

const text = (name: string): Config.Config<Option.Option<string>> =>
  Config.String(name).pipe(
    Config.option,
    // An environment file often names a variable without giving it a value.
    Config.map(Option.filter((value) => value.trim() !== "")),
    Config.map(Option.map((value) => value.trim()))
  )

const secret = (name: string): Config.Config<Option.Option<Redacted.Redacted>> =>
  Config.Redacted(name).pipe(Config.option, Config.map(Option.filter((value) => Redacted.value(value).trim() !== "")))

const apiOf = (name: string): Config.Config<Option.Option<OpenAi.Api>> =>
  Config.mapEffect(text(name), (given) => {
    if (Option.isNone(given)) return Effect.succeed(Option.none())
    const api = OpenAi.apis.find((each) => each === given.value)
    if (api !== undefined) return Effect.succeed(Option.some(api))
    const message = `${name}: unknown API "${given.value}", expected ${OpenAi.apis.join(" or ")}.`
    return Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
  })

const capabilitiesOf = (name: string): Config.Config<Option.Option<OpenAi.Capabilities>> =>
  Config.mapEffect(text(name), (given) => {
    if (Option.isNone(given)) return Effect.succeed(Option.none())
    const capabilities = OpenAi.parseCapabilities(given.value)
    if (typeof capabilities !== "string") return Effect.succeed(Option.some(capabilities))
    const message = `Invalid ${name} "${capabilities}": expected feature=true or feature=false, several with commas, of ${OpenAi.features.join(", ")}`
    return Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
  })

const countOf = (name: string): Config.Config<Option.Option<number>> =>
  Config.mapEffect(text(name), (given) => {
    if (Option.isNone(given)) return Effect.succeed(Option.none())
    const count = Number(given.value)
    if (Number.isInteger(count) && count > 0) return Effect.succeed(Option.some(count))
    const message = `Invalid ${name} "${given.value}": expected a number of tokens, for example 32768`
    return Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
  })

/** What a server that needs no key is sent: the SDKs insist on some. */
const noKey = (): Redacted.Redacted => Redacted.make("none")

/**
 * What the environment configures:
 *
 * - `OPENAI_API_KEY`: the provider `openai`.
 * - `OPENAI_BASE_URL`: another server that speaks its API. Given without a key, none is needed
 *   there.
 * - `CREWLINE_OPENAI_API`: which of its APIs is asked, `responses` or `chat` (`OpenAi.Options.api`
 *   says what holds without it).
 * - `ANTHROPIC_API_KEY`: the provider `anthropic`.
 * - `ANTHROPIC_BASE_URL`: another server that speaks its API. Given without a key, none is needed
 *   there.
 * - `OLLAMA_HOST`: the provider `ollama`, at this address. `OLLAMA_API_KEY`: a key, where the
 *   server wants one.
 * - `OLLAMA_CONTEXT_LENGTH`: the size of its context window in tokens, as Ollama's own server is
 *   told.
 * - `CREWLINE_OPENAI_CAPABILITIES`: what the server at `OPENAI_BASE_URL` takes
 *   (`json_schema=false,stream_options=false`).
 * - `CREWLINE_MODEL`: the default model.
 *
 * Without `CREWLINE_MODEL` the default model is that of the first of these that is there: OpenAI's
 * key (`openai/gpt-5.6-luna`), Anthropic's key (`anthropic/claude-haiku-4-5`), `OLLAMA_HOST`
 * (`ollama/llama3.2`), and `scripted/demo`, which is always there.
 */
export const config: Config.Config<Options> = Config.all({
  openAiKey: secret("OPENAI_API_KEY"),
  openAiURL: text("OPENAI_BASE_URL"),
  openAiApi: apiOf("CREWLINE_OPENAI_API"),
  anthropicKey: secret("ANTHROPIC_API_KEY"),
  anthropicURL: text("ANTHROPIC_BASE_URL"),
  ollamaHost: text("OLLAMA_HOST"),
  ollamaKey: secret("OLLAMA_API_KEY"),
  ollamaContext: countOf("OLLAMA_CONTEXT_LENGTH"),
  capabilities: capabilitiesOf("CREWLINE_OPENAI_CAPABILITIES"),
  defaultModel: text("CREWLINE_MODEL")
}).pipe(
  Config.map(
    ({
      anthropicKey,
      anthropicURL,
      capabilities,
      defaultModel,
      ollamaContext,
      ollamaHost,
      ollamaKey,
      openAiApi,
      openAiKey,
      openAiURL
    }): Options => {
      const providers: Array<Provider> = []
      if (Option.isSome(openAiKey) || Option.isSome(openAiURL)) {
        // Another server has prices of its own.
        const place = Option.isSome(openAiURL) ? { baseURL: openAiURL.value } : { prices: Prices.of("openai") }
        const api = Option.isSome(openAiApi) ? { api: openAiApi.value } : {}
        const lacking = Option.isSome(capabilities) ? { capabilities: capabilities.value } : {}
        providers.push(OpenAi.make({ apiKey: Option.getOrElse(openAiKey, noKey), ...place, ...api, ...lacking }))
      }
      if (Option.isSome(anthropicKey) || Option.isSome(anthropicURL)) {
        const place = Option.isSome(anthropicURL) ? { baseURL: anthropicURL.value } : { prices: Prices.of("anthropic") }
        providers.push(Anthropic.make({ apiKey: Option.getOrElse(anthropicKey, noKey), ...place }))
      }
      if (Option.isSome(ollamaHost)) {
        const apiKey = Option.isSome(ollamaKey) ? { apiKey: ollamaKey.value } : {}
        const window = Option.isSome(ollamaContext) ? { contextTokens: ollamaContext.value } : {}
        providers.push(Ollama.make({ host: ollamaHost.value, ...apiKey, ...window }))
      }
      providers.push(Demo.make())
      const first = Option.isSome(openAiKey)
        ? defaultOpenAiModel
        : Option.isSome(anthropicKey)
          ? defaultAnthropicModel
          : Option.isSome(ollamaHost)
            ? defaultOllamaModel
            : Demo.reference
      return { providers, defaultModel: Option.getOrElse(defaultModel, () => first) }
    }
  )
)

/**
 * The models that the environment configures, within the `Resilience.Wrappers` of the application;
 * where it has none, within the limits that the environment configures (`Resilience.config`).
 */
export const layerConfig: Layer.Layer<Llm.Llm, Config.ConfigError> = Layer.effectContext(
  Effect.gen(function* () {
    const options = yield* config
    const Resilience = yield* Effect.promise(() => import("./Resilience.ts"))
    const given = yield* Effect.serviceOption(Resilience.Wrappers)
    const { account, wrap } = Option.isSome(given)
      ? given.value
      : yield* Effect.flatMap(Resilience.config, Resilience.makeWrappers)
    return Context.make(Llm.Llm, make({ ...options, wrap })).pipe(Context.add(Account.Current, account))
  })
)
