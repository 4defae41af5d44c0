/**
 * Embedding models of OpenAI (and compatible servers) and of Ollama, as `effect/ai` embedding
 * models. Vectors come in the order of the texts. Many texts go in requests of `batchSize`, one
 * after the other; nothing is repeated. A text that is too long is a failure: none is cut. Each
 * request is a span and counts in the metrics of `Telemetry`.
 */
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Embedded, EmbeddingEngine } from "./Embedder/Engines.ts"
import * as EffectFailure from "./EffectModel/Failure.ts"
import * as EmbeddingInterruption from "./Embedder/Interruption.ts"
import * as OllamaSdk from "./Ollama/Sdk.ts"
import * as OpenAiSdk from "./OpenAi/Sdk.ts"
import * as SdkProvider from "./Provider/SdkProvider.ts"
import * as Ollama from "./Ollama.ts"
import * as OpenAi from "./OpenAi.ts"
import * as Telemetry from "./Telemetry.ts"

export interface Options {
  /** The provider's id of the model: `text-embedding-3-small`, `nomic-embed-text`. */
  readonly model: string
  /** Length of the vectors, for models that let one choose. Default: the model's own. */
  readonly dimensions?: number
  /** Texts in one request. Default: 256. */
  readonly batchSize?: number
}

/** An embedding model of OpenAI, or of a server that speaks its API. */
export const openAi = (
  options: Options & Omit<OpenAi.Options, "prices" | "api" | "reasoningEffort" | "reasoningSummary">
): Effect.Effect<EmbeddingModel.EmbeddingModel> => {
  const baseURL = options.baseURL?.trim() || OpenAi.defaultBaseURL
  const connection = SdkProvider.connection(baseURL, options)
  const { dimensions, name = "openai", organization = null, project = null } = options
  return make(options, { ...connection, name }, async () => {
    const [sdk, Engines] = await Promise.all([OpenAiSdk.load(), import("./Embedder/Engines.ts")])
    return Engines.openAi(sdk, { ...connection, baseURL, organization, project, dimensions })
  })
}

/** An embedding model of an Ollama server. */
export const ollama = (
  options: Options & Omit<Ollama.Options, "prices" | "contextTokens" | "keepAlive">
): Effect.Effect<EmbeddingModel.EmbeddingModel> => {
  const host = Ollama.addressOf(options.host ?? "")
  const connection = SdkProvider.connection(host, options)
  const { dimensions, name = "ollama" } = options
  return make(options, { ...connection, name }, async () => {
    const [sdk, Engines] = await Promise.all([OllamaSdk.load(), import("./Embedder/Engines.ts")])
    return Engines.ollama(sdk, { ...connection, host, dimensions })
  })
}

export const layerOpenAi = (options: Parameters<typeof openAi>[0]): Layer.Layer<EmbeddingModel.EmbeddingModel> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, openAi(options))

export const layerOllama = (options: Parameters<typeof ollama>[0]): Layer.Layer<EmbeddingModel.EmbeddingModel> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, ollama(options))

const make = (
  { batchSize = 256, dimensions, model }: Options,
  provider: Omit<SdkProvider.Options, "load">,
  load: () => Promise<EmbeddingEngine>
): Effect.Effect<EmbeddingModel.EmbeddingModel> => {
  const embed = SdkProvider.caller({ ...provider, load })(model)
  const observed = Telemetry.embedding({ provider: provider.name, model, dimensions })
  const made = EmbeddingModel.make({
    embedMany: ({ inputs }) =>
      Effect.forEach(Arr.chunksOf(inputs, batchSize), (texts) => observed(embed(texts))).pipe(
        Effect.map((batches) => ({
          results: batches.flatMap(({ vectors }) => vectors),
          usage: { inputTokens: sum(batches) }
        })),
        Effect.mapError(EffectFailure.toAiError("embedMany"))
      )
  })
  return Effect.map(made, EmbeddingInterruption.make)
}

const sum = (batches: ReadonlyArray<Embedded>): number | undefined =>
  batches.reduce<number | undefined>(
    (total, { inputTokens }) => (total === undefined || inputTokens === undefined ? undefined : total + inputTokens),
    0
  )
