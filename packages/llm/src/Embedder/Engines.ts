/**
 * Vectors of texts through the SDKs of OpenAI and Ollama.
 */
import * as Fault from "../Provider/Fault.ts"
import * as OllamaClient from "../Ollama/Client.ts"
import * as OllamaFailure from "../Ollama/Failure.ts"
import type * as OllamaSdk from "../Ollama/Sdk.ts"
import * as OpenAiClient from "../OpenAi/Client.ts"
import * as OpenAiFailure from "../OpenAi/Failure.ts"
import type * as OpenAiSdk from "../OpenAi/Sdk.ts"
import * as ProviderJson from "../Provider/Json.ts"
import type { Engine } from "../Provider/SdkProvider.ts"

export interface Embedded {
  readonly vectors: Array<Array<number>>
  readonly inputTokens: number | undefined
}

export type EmbeddingEngine = Engine<ReadonlyArray<string>, Embedded>

/** Length of the vectors, where the model can choose. */
export interface Dimensions {
  readonly dimensions: number | undefined
}

export const openAi = (sdk: OpenAiSdk.Sdk, options: OpenAiClient.Options & Dimensions): EmbeddingEngine => {
  const client = OpenAiClient.make(sdk, options)
  const { dimensions } = options
  return {
    reasonOf: OpenAiFailure.reasonOf(sdk),
    run: async (model, call) => {
      const input = [...call.request]
      const body = { model, input, encoding_format: "float" as const, ...(dimensions !== undefined && { dimensions }) }
      const response = await client.embed(body, call.signal)
      call.requestId = response.headers.get("x-request-id") ?? undefined
      const answer: OpenAiAnswer = ProviderJson.parseObject(await response.text())
      const { data } = answer
      if (!Array.isArray(data)) throw new Fault.NotAnAnswer("The provider's answer has no vectors.")
      const vectors: Array<Array<number>> = []
      data.forEach((entry: NonNullable<OpenAiAnswer["data"]>[number], position) => {
        vectors[entry.index ?? position] = vectorOf(entry.embedding)
      })
      return { vectors: complete(vectors, input.length), inputTokens: answer.usage?.prompt_tokens }
    }
  }
}

interface OpenAiAnswer {
  readonly data?: ReadonlyArray<{ readonly index?: number; readonly embedding?: unknown }>
  readonly usage?: { readonly prompt_tokens?: number }
}

export const ollama = (sdk: OllamaSdk.Sdk, options: OllamaClient.Options & Dimensions): EmbeddingEngine => {
  const exchangeOf = OllamaClient.make(sdk, options)
  const { dimensions } = options
  return {
    reasonOf: OllamaFailure.reasonOf,
    run: async (model, call) => {
      const input = [...call.request]
      const { client } = exchangeOf(call)
      // Without `truncate: false` the server cuts texts that are too long, and says nothing.
      const asked = { model, input, truncate: false, ...(dimensions !== undefined && { dimensions }) }
      const answer = await client.embed(asked).catch((error: unknown) => {
        throw error instanceof SyntaxError ? new Fault.NotAnAnswer("The provider's answer is not JSON.") : error
      })
      if (!Array.isArray(answer?.embeddings)) throw new Fault.NotAnAnswer("The provider's answer has no vectors.")
      const vectors = answer.embeddings.map(vectorOf)
      return { vectors: complete(vectors, input.length), inputTokens: answer.prompt_eval_count }
    }
  }
}

const vectorOf = (value: unknown): Array<number> => {
  if (Array.isArray(value) && value.every((entry) => typeof entry === "number")) return value
  throw new Fault.NotAnAnswer("The provider's answer has an invalid vector.")
}

const complete = (vectors: Array<Array<number>>, expected: number): Array<Array<number>> => {
  const count = vectors.filter((vector) => vector !== undefined).length
  if (count === expected) return vectors
  throw new Fault.NotAnAnswer(`The provider's answer has ${count} vectors for ${expected} texts.`)
}
