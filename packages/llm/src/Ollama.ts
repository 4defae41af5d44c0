/**
 * Models of an Ollama server, through the official SDK.
 *
 * One call is one request: nothing is retried here. Interrupting it destroys the connection, which
 * stops the model. Every failure is an `LlmError`. Output of a schema is asked for by `format`,
 * once no tool can be called any more. What a model answers with "required" tools is up to the
 * model: Ollama has no tool choice. Calls cost nothing, except for models in Ollama's cloud, whose
 * cost is unknown without a price.
 *
 * Ollama silently truncates prompts that exceed the context window: set `contextTokens` to what
 * your crews need.
 */
import * as Effect from "effect/Effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Redacted from "effect/Redacted"
import * as Sdk from "./Ollama/Sdk.ts"
import * as SdkProvider from "./Provider/SdkProvider.ts"
import type { Provider } from "./Provider.ts"

export interface Options extends SdkProvider.Settings {
  /**
   * Where the server is: a URL, or a host with or without a port. Default:
   * `http://127.0.0.1:11434`.
   */
  readonly host?: string
  /** For a server behind a key, as `https://ollama.com` is. */
  readonly apiKey?: Redacted.Redacted
  /**
   * How long the server may stay silent, loading the model included; an answer that nobody follows
   * as it comes is all silence until it is whole. Default: 10 minutes.
   */
  readonly timeoutMillis?: number
  /** The size of the context window, in tokens. Default: the server's, often 4096. */
  readonly contextTokens?: number
  /**
   * How long the server keeps a model loaded after a call: seconds, or text like `5m`. Default: the
   * server's.
   */
  readonly keepAlive?: string | number
}

/** Where Ollama listens when nothing else is said. */
export const defaultHost = "http://127.0.0.1:11434"

/**
 * The address of a host as Ollama's own variable `OLLAMA_HOST` writes it: `:8080`, `machine`,
 * `0.0.0.0:11434`, a URL.
 */
export const addressOf = (host: string): string => {
  const trimmed = host.trim().replace(/(?<!\/)\/+$/, "")
  if (trimmed === "") return defaultHost
  if (/^https?:\/\//.test(trimmed)) return trimmed
  const named = trimmed.startsWith(":") ? `127.0.0.1${trimmed}` : trimmed
  // A server that listens everywhere is asked here.
  const reachable = named.replace(/^0\.0\.0\.0(?=:|$)/, "127.0.0.1")
  return `http://${/:\d+$/.test(reachable) ? reachable : `${reachable}:11434`}`
}

/**
 * The provider. Connections are made when they are needed and closed when they idle; there is
 * nothing to release. The SDK is loaded at the first call.
 */
export const make = (options: Options = {}): Provider => {
  const { name = "ollama", prices } = options
  const host = addressOf(options.host ?? "")
  const connection = SdkProvider.connection(host, options)
  return SdkProvider.make({
    ...connection,
    name,
    load: async () => {
      const [sdk, Engine] = await Promise.all([Sdk.load(), import("./Ollama/Engine.ts")])
      return Engine.make(sdk, {
        ...connection,
        host,
        name,
        prices,
        contextTokens: options.contextTokens,
        keepAlive: options.keepAlive
      })
    }
  })
}

/** An `effect/ai` language model over the same calls. */
export const languageModel = (options: Options, id: string): Effect.Effect<LanguageModel.LanguageModel> =>
  SdkProvider.languageModel(make(options).model(id))
