/**
 * Messages through the `@anthropic-ai/sdk`. Streams are read by our own decoder.
 */
import type * as Llm from "@crewline/core/Llm"
import type { Prices } from "../Prices.ts"
import * as AnthropicClient from "./Client.ts"
import { reasonOf } from "./Failure.ts"
import * as EventStream from "../Provider/EventStream.ts"
import * as MessagesAnswer from "./Answer.ts"
import * as MessagesRequest from "./Request.ts"
import * as RateLimitHeaders from "../RateLimit/Headers.ts"
import type { Call, Engine } from "../Provider/SdkProvider.ts"
import * as ServerSentEvents from "../Provider/ServerSentEvents.ts"

export interface Options extends AnthropicClient.Options, Omit<MessagesRequest.Options, "model"> {
  readonly prices: Prices | undefined
}

export const make = (options: Options): Engine => {
  const client = new AnthropicClient.CrewlineAnthropic(options)

  const run = async (model: string, call: Call): Promise<Llm.Answer> => {
    const { request } = call
    const { onDelta } = request
    const { body, outputTool } = MessagesRequest.make({ ...options, model }, request)
    const context = { model, prices: options.prices, outputTool }
    const response = await client.complete(body, call.signal).catch((error: unknown) => {
      RateLimitHeaders.tellOf(request, error)
      throw error
    })
    RateLimitHeaders.tell(request, response.headers)
    call.requestId = response.headers.get("request-id") ?? response.headers.get("x-request-id") ?? undefined
    if (onDelta !== undefined && EventStream.isStream(response, "text/event-stream")) {
      const accumulator = new MessagesAnswer.Accumulator(context)
      return EventStream.read(response.body, new ServerSentEvents.Decoder(accumulator.add), accumulator, onDelta)
    }
    const answer = MessagesAnswer.fromText(context, await response.text())
    EventStream.handOver(answer.parts, onDelta)
    return answer
  }

  return { run, reasonOf }
}
