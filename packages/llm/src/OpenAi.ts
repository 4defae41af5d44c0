/**
 * Models of OpenAI, and of every server that speaks its APIs, through the official SDK: by its
 * responses API or by chat completions. The responses API is requested not to store anything;
 * reasoning is sent back, encrypted, with the next turn.
 *
 * One call is one request: nothing is retried here. Interrupting it destroys the connection, also
 * in the middle of a stream. Every failure is an `LlmError`; none of its texts contains the key.
 * Streams are read by our own decoder and handed on once per network chunk: with the SDK's a
 * streamed call of 20 chunks costs 517 µs, with ours 259 µs. A call costs about a third of what the
 * bare SDK with Node's fetch does, whole or streamed (`npm run bench -- model-call`).
 */
import * as Effect from "effect/Effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Redacted from "effect/Redacted"
import type { Api } from "./OpenAi/Api.ts"
import type { Capabilities } from "./Provider/Capabilities.ts"
import type { ReasoningEffort, ReasoningSummary } from "./OpenAi/Reasoning.ts"
import * as Sdk from "./OpenAi/Sdk.ts"
import * as SdkProvider from "./Provider/SdkProvider.ts"
import type { Provider } from "./Provider.ts"

export { type Api, apis } from "./OpenAi/Api.ts"
export { type Capabilities, type Feature, features, parse as parseCapabilities } from "./Provider/Capabilities.ts"
export type { ReasoningEffort, ReasoningSummary } from "./OpenAi/Reasoning.ts"

export interface Options extends SdkProvider.Settings {
  readonly apiKey: Redacted.Redacted
  /** Where the API is, up to and including its version. Default: `https://api.openai.com/v1`. */
  readonly baseURL?: string
  /**
   * Which API is asked. Default: at OpenAI itself the responses API, and chat completions for what
   * only these have (`seed`, `stop`, audio, answers of fewer than 16 tokens); anywhere else chat
   * completions, which every compatible server speaks.
   */
  readonly api?: Api
  /**
   * The request features that the server supports: with `{ json_schema: false }`, no such format is
   * sent. Default: the features of OpenAI, except those that this server has rejected for the
   * model.
   */
  readonly capabilities?: Capabilities
  /** How much models think before they answer. Default: what the model does by itself. */
  readonly reasoningEffort?: ReasoningEffort
  /** Whether the responses API tells in short what a model thought. Default: it does not. */
  readonly reasoningSummary?: ReasoningSummary
  readonly organization?: string
  readonly project?: string
}

/** Where OpenAI itself answers. */
export const defaultBaseURL = "https://api.openai.com/v1"

/**
 * The provider. Connections are made when they are needed and closed when they idle; there is
 * nothing to release. The SDK is loaded at the first call.
 */
export const make = (options: Options): Provider => {
  const { name = "openai", prices } = options
  const baseURL = options.baseURL?.trim() || defaultBaseURL
  const connection = SdkProvider.connection(baseURL, options)
  return SdkProvider.make({
    ...connection,
    name,
    load: async () => {
      const [sdk, Engine] = await Promise.all([Sdk.load(), import("./OpenAi/Engine.ts")])
      return Engine.make(sdk, {
        ...connection,
        name,
        baseURL,
        prices,
        api: options.api,
        capabilities: options.capabilities,
        reasoningEffort: options.reasoningEffort,
        reasoningSummary: options.reasoningSummary,
        organization: options.organization ?? null,
        project: options.project ?? null
      })
    }
  })
}

/** An `effect/ai` language model over the same calls. */
export const languageModel = (options: Options, id: string): Effect.Effect<LanguageModel.LanguageModel> =>
  SdkProvider.languageModel(make(options).model(id))
