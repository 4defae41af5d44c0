/**
 * Chats through the `ollama` SDK. The SDK forms the request; the response is read here: the SDK can abort streams only, prints what
 * it cannot read, and drops lines that are broken.
 */
import { randomUUID } from "node:crypto"
import type * as Llm from "@crewline/core/Llm"
import { Ollama } from "ollama/browser"
import type { Prices } from "../Prices.ts"
import * as UndiciFetch from "../UndiciFetch.ts"
import * as EventStream from "./EventStream.ts"
import * as NewlineJson from "./NewlineJson.ts"
import * as OllamaChatAnswer from "./OllamaChatAnswer.ts"
import * as OllamaChatRequest from "./OllamaChatRequest.ts"
import * as OllamaFailure from "./OllamaFailure.ts"
import type { Call, Engine } from "./SdkProvider.ts"

export interface Options extends Omit<OllamaChatRequest.Options, "model"> {
  readonly host: string
  readonly apiKey: string
  readonly silenceMillis: number
  readonly prices: Prices | undefined
}

export const make = (options: Options): Engine => {
  const fetch = UndiciFetch.make({ silenceMillis: options.silenceMillis })
  const headers: Record<string, string> = options.apiKey === "" ? {} : { Authorization: `Bearer ${options.apiKey}` }

  const run = async (model: string, call: Call): Promise<Llm.Answer> => {
    const { request } = call
    const { onDelta = () => {} } = request
    const context = { model, prices: options.prices, isFree: !isHosted(options.host, model), newId }
    const body = OllamaChatRequest.make({ ...options, model }, request)
    let received: Response | undefined
    // A client for each call: its fetch knows the call's signal, which the SDK has no way to pass.
    const client = new Ollama({
      host: options.host,
      headers,
      fetch: async (input, init) => {
        const response = await fetch(input, { ...init, signal: call.signal })
        call.requestId = response.headers.get("x-request-id") ?? undefined
        if (!response.ok) {
          throw new OllamaFailure.Refusal(response.status, await response.text(), response.headers)
        }
        received = response
        return response
      }
    })
    // Always as a stream: a model on a small machine takes minutes for an answer, and is not silent meanwhile. The iterator that the
    // SDK makes of it begins to read when it is asked: it never is.
    await client.chat({ ...body, stream: true })
    if (received === undefined) throw new TypeError("The SDK of Ollama sent no request.")
    const accumulator = new OllamaChatAnswer.Accumulator(context)
    return EventStream.read(received.body, new NewlineJson.Decoder(accumulator.add), accumulator, onDelta)
  }

  return { run, reasonOf: OllamaFailure.reasonOf }
}

const newId = (): string => `call_${randomUUID()}`

/** Models that run in Ollama's cloud cost money, also when a local server passes the calls on. */
const isHosted = (host: string, model: string): boolean =>
  /^https:\/\/([a-z0-9-]+\.)*ollama\.com(:|\/|$)/.test(host) || /[-:]cloud$/.test(model)
