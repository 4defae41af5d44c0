/**
 * The official client, without what every call of ours would pay for again: requests are prepared
 * once (`PreparedRequests`), and time limits are the transport's, so that no timer is set per
 * request. Both are methods that the SDK lets subclasses override; everything else of the request
 * and its failures is the SDK's.
 */
import type { OpenAI } from "openai"
import type { ChatCompletionCreateParams } from "openai/resources/chat/completions"
import type { EmbeddingCreateParams } from "openai/resources/embeddings"
import type { ResponseCreateParams } from "openai/resources/responses/responses"
import * as EnvironmentHeaders from "../Provider/EnvironmentHeaders.ts"
import { PreparedRequests } from "../Provider/PreparedRequests.ts"
import type { Connection } from "../Provider/SdkProvider.ts"
import * as UndiciFetch from "../UndiciFetch.ts"
import type { Sdk } from "./Sdk.ts"

type RequestOptions = Parameters<OpenAI["buildRequest"]>[0]
type BuiltRequest = Awaited<ReturnType<OpenAI["buildRequest"]>>

export interface Options extends Connection {
  readonly baseURL: string
  readonly organization: string | null
  readonly project: string | null
}

/**
 * Requests to each API; they fail as the SDK does when the status says so. The body of the response
 * is still to be read.
 */
export interface Client {
  readonly complete: (body: ChatCompletionCreateParams, signal: AbortSignal) => Promise<Response>
  readonly respond: (body: ResponseCreateParams, signal: AbortSignal) => Promise<Response>
  readonly embed: (body: EmbeddingCreateParams, signal: AbortSignal) => Promise<Response>
}

export const make = (sdk: Sdk, options: Options): Client => {
  // The SDK sends the name of the class as its user agent.
  class CrewlineOpenAI extends sdk.OpenAI implements Client {
    readonly #fetch: UndiciFetch.Fetch
    readonly #prepared = new PreparedRequests()

    constructor() {
      const fetch = UndiciFetch.make({ silenceMillis: options.silenceMillis, addressGuard: options.addressGuard })
      super({
        apiKey: options.apiKey,
        adminAPIKey: null,
        webhookSecret: null,
        organization: options.organization,
        project: options.project,
        baseURL: options.baseURL,
        timeout: options.silenceMillis,
        // Retrying is ours: it has a budget, it is recorded, and it can be interrupted.
        maxRetries: 0,
        // What the SDK would print may quote prompts.
        logLevel: "off",
        fetch
      })
      EnvironmentHeaders.remove(this)
      this.#fetch = fetch
    }

    complete(body: ChatCompletionCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/chat/completions", { body, signal }).asResponse()
    }

    respond(body: ResponseCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/responses", { body, signal }).asResponse()
    }

    embed(body: EmbeddingCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/embeddings", { body, signal }).asResponse()
    }

    override async buildRequest(options: RequestOptions, retry?: { retryCount?: number }): Promise<BuiltRequest> {
      return (
        this.#prepared.again(options) ?? this.#prepared.keep(options.path, await super.buildRequest(options, retry))
      )
    }

    override fetchWithTimeout(url: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
      return this.#fetch(url, init)
    }
  }
  return new CrewlineOpenAI()
}
