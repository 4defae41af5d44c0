/**
 * Messages through the `@anthropic-ai/sdk`. Streams are read by our own decoder.
 */
import type * as Llm from "@crewline/core/Llm"
import type { Prices } from "../Prices.ts"
import * as Client from "./Client.ts"
import * as Failure from "./Failure.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as AnswerReader from "../Provider/AnswerReader.ts"
import * as Answer from "./Answer.ts"
import * as Request from "./Request.ts"
import * as Negotiation from "../Provider/Negotiation.ts"
import type { Call, Engine } from "../Provider/SdkProvider.ts"
import type { Sdk } from "./Sdk.ts"

export interface Options
  extends
    Client.Options,
    Omit<Request.Options, "model" | "origin" | "transform" | "lacking">,
    Omit<Negotiation.Options, "apiError"> {
  readonly prices: Prices | undefined
}

export const make = (sdk: Sdk, options: Options): Engine => {
  const client = Client.make(sdk, options)
  const origin = CallIdentity.originOf(options.baseURL)
  const fixed = { ...options, origin, transform: sdk.transformJsonSchema }
  const ask = Negotiation.make({ ...options, apiError: sdk.anthropic.APIError })

  const run = (model: string, call: Call): Promise<Llm.Answer> =>
    ask(model, call, (lacking) => {
      const { body, outputTool, sent } = Request.make({ ...fixed, model, lacking }, call.request)
      const context = { model, prices: options.prices, origin, outputTool }
      const send = () =>
        AnswerReader.read(call, client.complete(body, call.signal), {
          accumulator: () => new Answer.Accumulator(context),
          whole: (text) => Answer.fromText(context, text)
        })
      return { sent, send }
    })

  return { run, reasonOf: Failure.reasonOf(sdk) }
}
