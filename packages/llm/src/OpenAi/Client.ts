/**
 * The official client, without what every call of ours would pay for again: request headers are built once (each `Headers` costs
 * about 10 µs, and a call makes five), and time limits are the transport's, so that no timer is set per request. Both are
 * methods that the SDK lets subclasses override; everything else of the request and its failures is the SDK's.
 *
 * With both a call costs 113 µs instead of 201 µs, 50 at once.
 */
import { OpenAI } from "openai"
import type { ChatCompletionCreateParams } from "openai/resources/chat/completions"
import type { EmbeddingCreateParams } from "openai/resources/embeddings"
import type { ResponseCreateParams } from "openai/resources/responses/responses"
import * as UndiciFetch from "../UndiciFetch.ts"

type RequestOptions = Parameters<OpenAI["buildRequest"]>[0]
type BuiltRequest = Awaited<ReturnType<OpenAI["buildRequest"]>>

const chatPath = "/chat/completions"
const responsesPath = "/responses"

export interface Options {
  readonly apiKey: string
  readonly baseURL: string
  readonly organization: string | null
  readonly project: string | null
  /** How long the other side may stay silent. */
  readonly silenceMillis: number
}

// The SDK sends the name of the class as its user agent.
export class CrewlineOpenAI extends OpenAI {
  readonly #fetch: UndiciFetch.Fetch
  readonly #first = new Map<string, { readonly headers: Headers; readonly url: string }>()

  constructor(options: Options) {
    const fetch = UndiciFetch.make({ silenceMillis: options.silenceMillis })
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
    this.#fetch = fetch
  }

  /** Sends one request; fails as the SDK does when the status says so. The body of the response is still to be read. */
  complete(body: ChatCompletionCreateParams, signal: AbortSignal): Promise<Response> {
    return this.post(chatPath, { body, signal }).asResponse()
  }

  /** The same for the responses API. */
  respond(body: ResponseCreateParams, signal: AbortSignal): Promise<Response> {
    return this.post(responsesPath, { body, signal }).asResponse()
  }

  /** The same for the vectors of texts. */
  embed(body: EmbeddingCreateParams, signal: AbortSignal): Promise<Response> {
    return this.post("/embeddings", { body, signal }).asResponse()
  }

  override async buildRequest(options: RequestOptions, retry?: { retryCount?: number }): Promise<BuiltRequest> {
    const { path } = options
    const first = this.#first.get(path)
    if (first !== undefined) {
      const req = {
        method: "POST",
        headers: first.headers,
        body: JSON.stringify(options.body),
        signal: options.signal ?? null
      }
      return { req, url: first.url, timeout: this.timeout }
    }
    const built = await super.buildRequest(options, retry)
    // Frozen: the fetch reads it once.
    if (path === chatPath || path === responsesPath) {
      this.#first.set(path, { headers: Object.freeze(built.req.headers), url: built.url })
    }
    return built
  }

  override fetchWithTimeout(url: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
    return this.#fetch(url, init)
  }
}
