/**
 * What the AI SDK specifies of language models, as far as it is used here. Each type is wide enough
 * for the specifications V2, V3 and V4.
 */

export type SpecificationVersion = "v2" | "v3" | "v4"

/**
 * A language model of the AI SDK, as far as it is used here: `LanguageModelV2`, `V3` and `V4` of
 * `@ai-sdk/provider` are some.
 */
export interface LanguageModel {
  readonly specificationVersion: SpecificationVersion
  readonly provider: string
  readonly modelId: string
  doGenerate(options: CallOptions): PromiseLike<GenerateResult>
  doStream(options: CallOptions): PromiseLike<{ readonly stream: ReadableStream<StreamPart> }>
}

/**
 * What a model is asked. Wider than what is sent, so that the call options of all three
 * specifications are some of these.
 */
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

export type FinishReason = string | { readonly unified: string; readonly raw?: string | undefined }

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
