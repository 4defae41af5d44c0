/**
 * The official client of Anthropic, without work that the SDK repeats for every call
 * (`LeanClient`). It uses the given key only: no profile, no token and no headers of the
 * environment.
 */
import type { MessageCreateParams } from "@anthropic-ai/sdk/resources/messages"
import * as LeanClient from "../Provider/LeanClient.ts"
import type { Connection } from "../Provider/SdkProvider.ts"
import type { Sdk } from "./Sdk.ts"

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
    complete(body: MessageCreateParams, signal: AbortSignal): Promise<Response> {
      return this.post("/v1/messages", { body, signal }).asResponse()
    }
  }
  const settings = LeanClient.settingsOf(options)
  return LeanClient.lean(
    new CrewlineAnthropic({
      ...settings,
      baseURL: options.baseURL,
      authToken: null,
      webhookKey: null,
      // Crewline records the spans.
      openTelemetry: false
    }),
    settings.fetch
  )
}
