/**
 * The official client of OpenAI, without work that the SDK repeats for every call (`LeanClient`).
 */
import type { ChatCompletionCreateParams } from "openai/resources/chat/completions"
import type { EmbeddingCreateParams } from "openai/resources/embeddings"
import type { ResponseCreateParams } from "openai/resources/responses/responses"
import * as LeanClient from "../Provider/LeanClient.ts"
import type { Connection } from "../Provider/SdkProvider.ts"
import type { Sdk } from "./Sdk.ts"

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
    complete(body: ChatCompletionCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/chat/completions", { body, signal }).asResponse()
    }

    respond(body: ResponseCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/responses", { body, signal }).asResponse()
    }

    embed(body: EmbeddingCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/embeddings", { body, signal }).asResponse()
    }
  }
  const settings = LeanClient.settingsOf(options)
  const { baseURL, organization, project } = options
  return LeanClient.lean(
    new CrewlineOpenAI({ ...settings, baseURL, organization, project, adminAPIKey: null, webhookSecret: null }),
    settings.fetch
  )
}
