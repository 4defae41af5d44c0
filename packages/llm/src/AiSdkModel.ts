/**
 * Models of the AI SDK (`ai`, `@ai-sdk/…`; specifications V2, V3 and V4) as models of crews. The AI
 * SDK itself is not needed here: the model object is self-contained.
 *
 * One call is one call of the model, which itself repeats nothing. Interrupting it aborts the
 * model's signal. Every failure is an `LlmError`; of the model's errors the message, the status and
 * the request's id are kept, no header or body of the request.
 */
import type * as Llm from "@crewline/core/Llm"
import * as AiSdkAnswer from "./AiSdkModel/Answer.ts"
import { reasonOf } from "./AiSdkModel/Failure.ts"
import * as AiSdkRequest from "./AiSdkModel/Request.ts"
import type { LanguageModel } from "./AiSdkModel/Specification.ts"
import * as RateLimitHeaders from "./RateLimit/Headers.ts"
import * as SdkProvider from "./Provider/SdkProvider.ts"
import type { Prices } from "./Prices.ts"
import type { Provider } from "./Provider.ts"

export type {
  SpecificationVersion,
  LanguageModel,
  CallOptions,
  Metadata,
  Content,
  FinishReason,
  Usage,
  GenerateResult,
  StreamPart
} from "./AiSdkModel/Specification.ts"

export interface Options {
  /** What models cost, by their ids; the cost of others is unknown. */
  readonly prices?: Prices
}

/**
 * A provider whose models the function makes: `AiSdkModel.provider("google", (id) => google(id))`.
 */
export const provider = (name: string, modelOf: (id: string) => LanguageModel, options: Options = {}): Provider => ({
  name,
  model: (id) => adapt(name, id, modelOf(id), options)
})

/** One model; its reference is `provider/id`, as the model names these itself. */
export const make = (model: LanguageModel, options: Options = {}): Llm.Model =>
  adapt(model.provider, model.modelId, model, options)

const adapt = (name: string, id: string, model: LanguageModel, options: Options): Llm.Model => {
  const context = { model: id, prices: options.prices }
  const run = async ({ request, signal }: SdkProvider.Call): Promise<Llm.Answer> => {
    const call = AiSdkRequest.make(model.specificationVersion, request, signal)
    const { onDelta } = request
    if (onDelta === undefined) {
      const result = await model.doGenerate(call)
      RateLimitHeaders.tellOf(request, result)
      return AiSdkAnswer.fromResult(context, result)
    }
    const accumulator = new AiSdkAnswer.Accumulator(context, onDelta)
    const result = await model.doStream(call)
    RateLimitHeaders.tellOf(request, result)
    const reader = result.stream.getReader()
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (signal.aborted) break
        accumulator.add(next.value)
      }
    } finally {
      // Stop a model that ignores its signal or failed midway.
      await reader.cancel().catch(() => {})
    }
    return accumulator.finish()
  }
  return SdkProvider.make({
    name,
    address: `the model ${model.provider}/${model.modelId}`,
    apiKey: "",
    quotesBodies: true,
    load: async () => ({
      run: (_, call) =>
        run(call).catch((error: unknown) => {
          RateLimitHeaders.tellOf(call.request, error)
          throw error
        }),
      reasonOf
    })
  }).model(id)
}
