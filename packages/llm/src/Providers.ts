/**
 * The `Llm` service: model references (`openai/gpt-5.2`) resolved among the providers that are configured. Resolving asks nobody.
 */
import * as Llm from "@crewline/core/Llm"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Demo from "./Demo.ts"
import * as Fallback from "./Fallback.ts"
import * as OpenAi from "./OpenAi.ts"
import type { Provider } from "./Provider.ts"

export interface Options {
  /** Of two providers of one name the later counts. */
  readonly providers: ReadonlyArray<Provider>
  /** The reference of the model that answers where none is named. */
  readonly defaultModel: string
  /** Put around every single model, within a chain of several: budgets, limits, retry (`Resilience.make`). */
  readonly wrap?: (model: Llm.Model) => Llm.Model
}

/** The default model where an OpenAI key is configured and `CREWLINE_MODEL` is not. */
export const defaultOpenAiModel = "openai/gpt-5.2-mini"

/** How known providers are configured, for those who name one that is not. */
const howTo: { readonly [provider: string]: string } = {
  openai: "set OPENAI_API_KEY (and OPENAI_BASE_URL for a compatible server)"
}

/** References that stay known; more (an application that makes them up) are resolved anew each time. */
const remembered = 1_000

/** The service. */
export const make = (options: Options): Llm.Llm["Service"] => {
  const { defaultModel } = options
  const providers = new Map(options.providers.map((provider) => [provider.name, provider]))
  const models = new Map<string, Llm.Model>()
  const one = (reference = defaultModel): Effect.Effect<Llm.Model, Llm.LlmError> => {
    const known = models.get(reference)
    if (known !== undefined) return Effect.succeed(known)
    const slash = reference.indexOf("/")
    const provider = slash > 0 ? providers.get(reference.slice(0, slash)) : undefined
    const id = reference.slice(slash + 1)
    if (provider === undefined || id === "" || provider.models?.includes(id) === false) {
      return Effect.fail(unknown(reference, providers))
    }
    const model = options.wrap?.(provider.model(id)) ?? provider.model(id)
    if (models.size < remembered) models.set(reference, model)
    return Effect.succeed(model)
  }
  return { resolve: Fallback.resolving(one) }
}

const unknown = (reference: string, providers: ReadonlyMap<string, Provider>): Llm.LlmError => {
  const [name = ""] = reference.split("/")
  const provider = providers.get(name)
  const configured = [...providers.values()].map(
    ({ name: each, models }) => `${each}/${models?.join(`, ${each}/`) ?? "…"}`
  )
  const missing = Object.entries(howTo).filter(([each]) => !providers.has(each))
  const what = !/^[^/]+\/./.test(reference)
    ? `"${reference}" is no model reference: write provider/model, for example ${defaultOpenAiModel}.`
    : provider !== undefined
      ? `The provider "${name}" has no model "${reference.slice(name.length + 1)}".`
      : `There is no provider "${name}".`
  const hint = missing.map(([each, how]) => `To use ${each}/…, ${how}.`)
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

/**
 * What the environment configures:
 *
 * - `OPENAI_API_KEY`: the provider `openai`.
 * - `OPENAI_BASE_URL`: another server that speaks its API. Given without a key, none is needed there.
 * - `CREWLINE_MODEL`: the default model. Default: `openai/gpt-5.2-mini` with a key, else `scripted/demo`.
 *
 * The provider `scripted` is always there.
 */
export const config: Config.Config<Options> = Config.all({
  apiKey: Config.option(Config.Redacted("OPENAI_API_KEY")),
  baseURL: text("OPENAI_BASE_URL"),
  defaultModel: text("CREWLINE_MODEL")
}).pipe(
  Config.map(({ apiKey, baseURL, defaultModel }): Options => {
    const key = Option.filter(apiKey, (value) => Redacted.value(value).trim() !== "")
    const openAi =
      Option.isSome(key) || Option.isSome(baseURL)
        ? [
            OpenAi.make({
              apiKey: Option.getOrElse(key, () => Redacted.make("none")),
              ...(Option.isSome(baseURL) && { baseURL: baseURL.value })
            })
          ]
        : []
    return {
      providers: [...openAi, Demo.make()],
      defaultModel: Option.getOrElse(defaultModel, () => (Option.isSome(key) ? defaultOpenAiModel : Demo.reference))
    }
  })
)

/** The models that the environment configures, within the limits that it configures (`Resilience.config`). */
export const layerConfig: Layer.Layer<Llm.Llm, Config.ConfigError> = Layer.effect(
  Llm.Llm,
  Effect.gen(function* () {
    const options = yield* config
    const Resilience = yield* Effect.promise(() => import("./Resilience.ts"))
    return make({ ...options, wrap: yield* Resilience.make(yield* Resilience.config) })
  })
)
