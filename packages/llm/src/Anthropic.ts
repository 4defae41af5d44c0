/**
 * Models of Anthropic, and of every server that speaks its messages, through the official SDK.
 *
 * One call is one request: nothing is retried here. Interrupting it destroys the connection, also
 * in the middle of a stream. Every failure is an `LlmError`; none of its texts contains the key.
 *
 * The system prompt, the tools and the conversation so far are marked for the provider's cache.
 * Reasoning is sent back with its signature to the same model only. Output with a schema uses
 * structured output, or a required tool if the model or the schema does not support it. There is no
 * `seed`; a temperature above 1 becomes 1.
 */
import * as Effect from "effect/Effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Redacted from "effect/Redacted"
import * as Sdk from "./Anthropic/Sdk.ts"
import * as SdkProvider from "./Provider/SdkProvider.ts"
import type { Capabilities } from "./Provider/Capabilities.ts"
import * as Prices from "./Prices.ts"
import type { Provider } from "./Provider.ts"

export interface Options extends SdkProvider.Settings {
  readonly apiKey: Redacted.Redacted
  /** Where the API is, without its version. Default: `https://api.anthropic.com`. */
  readonly baseURL?: string
  /**
   * The most tokens of an answer where an agent says nothing; the API wants a number. Default:
   * 8192.
   */
  readonly maxOutputTokens?: number
  /**
   * Tokens a model may think before it answers, on top of those of the answer. Default: the model's
   * own way.
   */
  readonly thinkingTokens?: number
  /**
   * How long what is marked stays in the provider's cache; `false`: nothing is marked. Default:
   * `5m`.
   */
  readonly promptCache?: "5m" | "1h" | false
  /**
   * The request features that the server supports: with `{ json_schema: false }`, structured output
   * is requested by a tool. Default: the features of Anthropic, except those that this server has
   * rejected for the model.
   */
  readonly capabilities?: Capabilities
}

/** Where Anthropic itself answers. */
export const defaultBaseURL = "https://api.anthropic.com"

const defaultMaxOutputTokens = 8_192

/**
 * The provider. Connections are made when they are needed and closed when they idle; there is
 * nothing to release. The SDK is loaded at the first call.
 */
export const make = (options: Options): Provider => {
  const { name = "anthropic", promptCache = "5m" } = options
  const prices = options.prices === undefined ? undefined : Prices.withCacheWrites(options.prices)
  // Some write the version into the address: the SDK does that itself.
  const baseURL = (options.baseURL?.trim() || defaultBaseURL).replace(/\/v1\/?$/, "")
  const connection = SdkProvider.connection(baseURL, options)
  return SdkProvider.make({
    ...connection,
    name,
    load: async () => {
      const [sdk, Engine] = await Promise.all([Sdk.load(), import("./Anthropic/Engine.ts")])
      return Engine.make(sdk, {
        ...connection,
        name,
        baseURL,
        capabilities: options.capabilities,
        prices,
        maxOutputTokens: options.maxOutputTokens ?? defaultMaxOutputTokens,
        thinkingTokens: options.thinkingTokens,
        cache: promptCache === false ? undefined : promptCache
      })
    }
  })
}

/** An `effect/ai` language model over the same calls. */
export const languageModel = (options: Options, id: string): Effect.Effect<LanguageModel.LanguageModel> =>
  SdkProvider.languageModel(make(options).model(id))
