/**
 * Vectors of texts, at OpenAI (`/v1/embeddings`) and at Ollama (`/api/embed`).
 */

interface Request {
  readonly model: string
  readonly input: string | ReadonlyArray<string>
}

export interface EmbeddingDialect {
  readonly matches: (path: string) => boolean
  readonly whole: (model: string, vectors: ReadonlyArray<ReadonlyArray<number>>, tokens: number) => string
}

export const inputsOf = (body: unknown): ReadonlyArray<string> => {
  const { input } = body as Request
  return typeof input === "string" ? [input] : input
}

export const all: ReadonlyArray<EmbeddingDialect> = [
  {
    matches: (path) => path.includes("/v1/embeddings"),
    whole: (model, vectors, tokens) => {
      const data = vectors.map((embedding, index) => ({ object: "embedding", index, embedding }))
      // Out of order: the index counts.
      const usage = { prompt_tokens: tokens, total_tokens: tokens }
      return JSON.stringify({ object: "list", data: data.toReversed(), model, usage })
    }
  },
  {
    matches: (path) => path.includes("/api/embed"),
    whole: (model, vectors, tokens) =>
      JSON.stringify({ model, embeddings: vectors, total_duration: 1, load_duration: 1, prompt_eval_count: tokens })
  }
]
