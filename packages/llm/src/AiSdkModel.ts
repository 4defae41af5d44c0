/**
 * Models of the AI SDK (`ai`, `@ai-sdk/…`; specifications V2, V3 and V4) as models of crews. Nothing of the AI SDK is needed here: the
 * model object brings all there is.
 *
 * One call is one call of the model, which itself repeats nothing. Interrupting it aborts the model's signal. Every failure is an
 * `LlmError`; of the model's errors the message, the status and the request's id are kept, no header or body of the request.
 */
import type * as Llm from "@crewline/core/Llm"
import * as AiSdkAnswer from "./AiSdkModel/Answer.ts"
import { reasonOf } from "./AiSdkModel/Failure.ts"
import * as AiSdkRequest from "./AiSdkModel/Request.ts"
import * as RateLimitHeaders from "./RateLimit/Headers.ts"
import * as SdkProvider from "./Provider/SdkProvider.ts"
import type { Prices } from "./Prices.ts"
import type { Provider } from "./Provider.ts"

export type SpecificationVersion = "v2" | "v3" | "v4"

/** A language model of the AI SDK, as far as it is used here: `LanguageModelV2`, `V3` and `V4` of `@ai-sdk/provider` are some. */
export interface LanguageModel {
  readonly specificationVersion: SpecificationVersion
  readonly provider: string
  readonly modelId: string
  doGenerate(options: CallOptions): PromiseLike<GenerateResult>
  doStream(options: CallOptions): PromiseLike<{ readonly stream: ReadableStream<StreamPart> }>
}

/** What a model is asked. Wider than what is sent, so that the call options of all three specifications are some of these. */
export interface CallOptions {
  readonly prompt: ReadonlyArray<{ readonly role: string; readonly content: unknown }>
  readonly tools?: ReadonlyArray<unknown>
  readonly toolChoice?: { readonly type: string }
  readonly responseFormat?: { readonly type: string; readonly schema?: unknown; readonly name?: string }
  readonly temperature?: number
  readonly topP?: number
  readonly maxOutputTokens?: number
  readonly seed?: number
  readonly stopSequences?: ReadonlyArray<string>
  readonly abortSignal?: AbortSignal
}

export interface Metadata {
  readonly [provider: string]: { readonly [key: string]: unknown }
}

export interface Content {
  readonly type: string
  readonly text?: string | undefined
  readonly toolCallId?: string | undefined
  readonly toolName?: string | undefined
  readonly input?: unknown
  readonly providerExecuted?: boolean | undefined
  readonly providerMetadata?: Metadata | null | undefined
}

export type FinishReason = string | { readonly unified: string }

export interface Usage {
  readonly inputTokens?:
    | number
    | {
        readonly total?: number | undefined
        readonly cacheRead?: number | undefined
        readonly cacheWrite?: number | undefined
      }
    | undefined
  readonly outputTokens?:
    | number
    | { readonly total?: number | undefined; readonly reasoning?: number | undefined }
    | undefined
  readonly cachedInputTokens?: number | undefined
  readonly reasoningTokens?: number | undefined
}

export interface GenerateResult {
  readonly content: ReadonlyArray<Content>
  readonly finishReason: FinishReason
  readonly usage: Usage
  readonly response?: { readonly modelId?: string | undefined } | undefined
}

export interface StreamPart extends Content {
  readonly id?: string | undefined
  readonly delta?: string | undefined
  readonly modelId?: string | undefined
  readonly finishReason?: FinishReason | undefined
  readonly usage?: Usage | undefined
  readonly error?: unknown
}

export interface Options {
  /** What models cost, by their ids; the cost of others is unknown. */
  readonly prices?: Prices
}

/** A provider whose models the function makes: `AiSdkModel.provider("google", (id) => google(id))`. */
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
      // A model that ignores its signal, or failed midway, must not go on for nobody.
      await reader.cancel().catch(() => {})
    }
    return accumulator.finish()
  }
  return SdkProvider.make({
    name,
    address: `the model ${model.provider}/${model.modelId}`,
    apiKey: "",
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
