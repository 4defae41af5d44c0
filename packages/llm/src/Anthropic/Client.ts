/**
 * The official client of Anthropic, without what every call of ours would pay for again, as that of
 * OpenAI (`OpenAi/Client`). It uses the given key only: no profile, no token and no headers of the
 * environment.
 */
import type { Anthropic } from "@anthropic-ai/sdk"
import type { MessageCreateParams } from "@anthropic-ai/sdk/resources/messages"
import * as EnvironmentHeaders from "../Provider/EnvironmentHeaders.ts"
import { PreparedRequests } from "../Provider/PreparedRequests.ts"
import type { Connection } from "../Provider/SdkProvider.ts"
import * as UndiciFetch from "../UndiciFetch.ts"
import type { Sdk } from "./Sdk.ts"

type RequestOptions = Parameters<Anthropic["buildRequest"]>[0]
type BuiltRequest = Awaited<ReturnType<Anthropic["buildRequest"]>>

export interface Options extends Connection {
  readonly baseURL: string
}

export interface Client {
  /**
   * Sends one request; fails as the SDK does when the status says so. The body of the response is
   * still to be read.
   */
  readonly complete: (body: MessageCreateParams, signal: AbortSignal) => Promise<Response>
}

export const make = (sdk: Sdk, options: Options): Client => {
  // The SDK sends the name of the class as its user agent.
  class CrewlineAnthropic extends sdk.anthropic.Anthropic implements Client {
    readonly #fetch: UndiciFetch.Fetch
    readonly #prepared = new PreparedRequests()

    constructor() {
      const fetch = UndiciFetch.make({ silenceMillis: options.silenceMillis, addressGuard: options.addressGuard })
      super({
        apiKey: options.apiKey,
        authToken: null,
        webhookKey: null,
        baseURL: options.baseURL,
        timeout: options.silenceMillis,
        // Retrying is ours: it has a budget, it is recorded, and it can be interrupted.
        maxRetries: 0,
        // What the SDK would print may quote prompts.
        logLevel: "off",
        // Spans are ours.
        openTelemetry: false,
        fetch
      })
      EnvironmentHeaders.remove(this)
      this.#fetch = fetch
    }

    complete(body: MessageCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/v1/messages", { body, signal }).asResponse()
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
  return new CrewlineAnthropic()
}
