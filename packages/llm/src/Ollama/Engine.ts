/**
 * Chats through the `ollama` SDK. The SDK forms the request; the response is read here: the SDK can
 * abort streams only, prints what it cannot read, and drops lines that are broken.
 */
import { randomUUID } from "node:crypto"
import type * as Llm from "@crewline/core/Llm"
import type { Prices } from "../Prices.ts"
import * as CutPrompt from "../Provider/CutPrompt.ts"
import * as EventStream from "../Provider/EventStream.ts"
import * as NewlineJson from "./NewlineJson.ts"
import * as Client from "./Client.ts"
import * as Answer from "./Answer.ts"
import * as Request from "./Request.ts"
import * as Failure from "./Failure.ts"
import type { Call, Engine } from "../Provider/SdkProvider.ts"
import type { Sdk } from "./Sdk.ts"

export interface Options extends Client.Options, Omit<Request.Options, "model"> {
  readonly prices: Prices | undefined
  /** The first half of references. */
  readonly name: string
}

const hint = "Give it a larger context window: contextTokens, or OLLAMA_CONTEXT_LENGTH in the environment."

export const make = (sdk: Sdk, options: Options): Engine => {
  const exchangeOf = Client.make(sdk, options)

  const run = async (model: string, call: Call): Promise<Llm.Answer> => {
    const { request } = call
    const { onDelta } = request
    const context = { model, prices: options.prices, isFree: !isHosted(options.host, model), newId }
    const body = Request.make({ ...options, model }, request)
    const checked = (answer: Llm.Answer): Promise<Llm.Answer> =>
      CutPrompt.notice(
        request,
        { model: `${options.name}/${model}`, hint, contextTokens: options.contextTokens },
        answer
      )
    const accumulator = new Answer.Accumulator(context)
    const exchange = exchangeOf(call, onDelta === undefined)
    if (onDelta === undefined) {
      // Not streamed where nobody listens: an answer of 500 tokens would come in 500 lines, each to
      // be received and parsed.
      await exchange.client.chat({ ...body, stream: false })
      for (const line of (await exchange.received().text()).split("\n")) if (line.trim() !== "") accumulator.add(line)
      return checked(accumulator.finish())
    }
    // The iterator that the SDK makes of the response begins to read when it is asked: it never is.
    await exchange.client.chat({ ...body, stream: true })
    const { body: stream } = exchange.received()
    return checked(await EventStream.read(stream, new NewlineJson.Decoder(accumulator.add), accumulator, onDelta))
  }

  return { run, reasonOf: Failure.reasonOf }
}

const newId = (): string => `call_${randomUUID()}`

/** Models that run in Ollama's cloud cost money, also when a local server passes the calls on. */
const isHosted = (host: string, model: string): boolean =>
  /^https:\/\/([a-z0-9-]+\.)*ollama\.com(:|\/|$)/.test(host) || /[-:]cloud$/.test(model)
