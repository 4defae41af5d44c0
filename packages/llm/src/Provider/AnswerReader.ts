/**
 * Reads the answer of a provider from the response that its SDK gave, whole or in events, and
 * passes on what the headers say.
 */
import type * as Llm from "@crewline/core/Llm"
import * as RateLimitHeaders from "../RateLimit/Headers.ts"
import type { Accumulator } from "./Accumulator.ts"
import * as EventStream from "./EventStream.ts"
import type { Call } from "./SdkProvider.ts"
import * as ServerSentEvents from "./ServerSentEvents.ts"

/** How answers of one API are read. */
export interface AnswerReader {
  readonly accumulator: () => Accumulator<object>
  /** Reads an answer that came in one piece. */
  readonly whole: (text: string) => Llm.Answer
}

/** Fails as the SDK does, which tells of rate limits too. */
export const read = async (call: Call, asked: Promise<Response>, reader: AnswerReader): Promise<Llm.Answer> => {
  const { request } = call
  const { onDelta } = request
  const response = await asked.catch((error: unknown) => {
    RateLimitHeaders.tellOf(request, error)
    throw error
  })
  const { headers } = response
  // Proxies put ids of their own into `x-request-id`.
  call.requestId = headers.get("request-id") ?? headers.get("x-request-id") ?? undefined
  RateLimitHeaders.tell(request, headers)
  if (onDelta !== undefined && EventStream.isStream(response, "text/event-stream")) {
    const accumulator = reader.accumulator()
    return EventStream.read(response.body, new ServerSentEvents.Decoder(accumulator.add), accumulator, onDelta)
  }
  const text = await response.text()
  // A stream under another type, or where none was asked for.
  if (/^\s*(?:data|event|id|retry)?:/.test(text)) {
    const accumulator = reader.accumulator()
    const decoder = new ServerSentEvents.Decoder(accumulator.add)
    decoder.push(Buffer.from(text.trimStart()))
    decoder.end()
    accumulator.end()
    onDelta?.(accumulator.takeDelta())
    return accumulator.finish()
  }
  const answer = reader.whole(text)
  EventStream.handOver(answer.parts, onDelta)
  return answer
}
