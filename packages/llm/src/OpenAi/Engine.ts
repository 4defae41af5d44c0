/**
 * Responses and chat completions through the `openai` SDK. Streams are read by our own decoder:
 * with the SDK's a streamed call of 20 chunks costs 517 µs, with ours 259 µs.
 */
import { randomUUID } from "node:crypto"
import type * as Llm from "@crewline/core/Llm"
import type { ReasoningEffort, ReasoningSummary } from "./Reasoning.ts"
import type { Prices } from "../Prices.ts"
import * as ChatAnswer from "./ChatAnswer.ts"
import * as ChatRequest from "./ChatRequest.ts"
import * as CallIdentity from "../Provider/CallIdentity.ts"
import * as AnswerReader from "../Provider/AnswerReader.ts"
import * as Api from "./Api.ts"
import * as Capabilities from "./Capabilities.ts"
import * as Client from "./Client.ts"
import * as Failure from "./Failure.ts"
import * as Refusal from "./Refusal.ts"
import * as ResponsesAnswer from "./ResponsesAnswer.ts"
import * as ResponsesRequest from "./ResponsesRequest.ts"
import type { Call, Engine } from "../Provider/SdkProvider.ts"
import type { Sdk } from "./Sdk.ts"

export interface Options extends Client.Options {
  readonly prices: Prices | undefined
  /** Absent: the one that is best at this address, for each request. */
  readonly api: Api.Api | undefined
  readonly capabilities: Capabilities.Capabilities | undefined
  readonly reasoningEffort: ReasoningEffort | undefined
  readonly reasoningSummary: ReasoningSummary | undefined
}

export const make = (sdk: Sdk, options: Options): Engine => {
  const { api, baseURL, prices } = options
  const client = Client.make(sdk, options)
  const isOpenAi = Api.isOpenAi(baseURL)
  const choose = Api.chooser(baseURL, api)
  const capabilities = Capabilities.make(baseURL, options.capabilities)
  const origin = CallIdentity.originOf(baseURL)
  // Whether another client has the same account, nobody can say: a key can be changed at any time.
  const id = randomUUID()

  /** Asks once more without what the server refuses, and remembers it where that was the answer. */
  const complete = async (model: string, call: Call): Promise<Llm.Answer> => {
    const before = capabilities.lacking(model)
    let lacking = before
    let unexplained: unknown
    for (;;) {
      const { body, outputTool, sent } = ChatRequest.make(
        { ...options, model, isOpenAi, origin, lacking },
        call.request
      )
      const { tools } = call.request
      const isTool = (name: string) => name === outputTool || tools.some((tool) => tool.name === name)
      const context = { model, prices, origin, isTool, outputTool }
      try {
        const answer = await AnswerReader.read(call, client.complete(body, call.signal), {
          accumulator: () => new ChatAnswer.Accumulator(context),
          whole: (text) => ChatAnswer.fromText(context, text)
        })
        if (lacking !== before) capabilities.learn(model, lacking)
        return answer
      } catch (error) {
        const refused = Refusal.of(sdk, sent, error)
        if (refused === undefined || lacking.has(refused.feature) || !capabilities.isOpen(refused.feature)) {
          throw unexplained ?? error
        }
        if (!refused.isSaid) unexplained = error
        lacking = new Set([...lacking, refused.feature])
      }
    }
  }

  const respond = async (model: string, call: Call): Promise<Llm.Answer> => {
    const context = { model, prices, origin: `${id}/${model}` }
    const body = ResponsesRequest.make({ ...options, ...context, isOpenAi }, call.request)
    return AnswerReader.read(call, client.respond(body, call.signal), {
      accumulator: () => new ResponsesAnswer.Accumulator(context),
      whole: (text) => ResponsesAnswer.fromText(context, text)
    })
  }

  const run = (model: string, call: Call): Promise<Llm.Answer> =>
    choose(call.request) === "responses" ? respond(model, call) : complete(model, call)

  return { run, reasonOf: Failure.reasonOf(sdk) }
}
