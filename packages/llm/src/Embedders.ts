/**
 * The embedder of a reference: `openai/text-embedding-3-small`, `ollama/nomic-embed-text`,
 * `builtin/words`; none for `builtin/lexical`, with which memory recalls by words only.
 *
 * Accounts and addresses are those of `Providers.config`. Nothing is requested until the first text
 * is embedded, except by a model whose vector length is unknown: it embeds one word immediately.
 */
import * as CoreEmbedder from "@crewline/core/Embedder"
import * as Suggestion from "@crewline/core/Suggestion"
import type * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Embedder from "./Embedder.ts"
import * as OllamaSdk from "./Ollama/Sdk.ts"
import * as OpenAiSdk from "./OpenAi/Sdk.ts"
import * as OptionalSdk from "./Provider/OptionalSdk.ts"

/** Memory recalls by words only. */
const lexical = "builtin/lexical"
const words = "builtin/words"

/** The embedder cannot be used: the message says what to change. */
export class EmbedderUnavailable extends Schema.TaggedError<EmbedderUnavailable>()("EmbedderUnavailable", {
  reference: Schema.String,
  description: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `Embedder "${this.reference}": ${this.description}`
  }
}

/** The vector lengths documented by the providers. */
const knownDimensions: { readonly [reference: string]: number } = {
  "openai/text-embedding-3-small": 1536,
  "openai/text-embedding-3-large": 3072,
  "openai/text-embedding-ada-002": 1536,
  "ollama/nomic-embed-text": 768,
  "ollama/mxbai-embed-large": 1024,
  "ollama/bge-m3": 1024,
  "ollama/all-minilm": 384
}

type Model = Effect.Effect<EmbeddingModel.EmbeddingModel, EmbedderUnavailable>

const examples = [lexical, words, "openai/text-embedding-3-small", "ollama/nomic-embed-text"] as const

/** A setting that cannot be read counts as unset: `Providers.config` reports it. */
const read = (name: string): Effect.Effect<string> =>
  Config.withDefault(Config.String(name), "").pipe(
    Effect.orElseSucceed(() => ""),
    Effect.map((value) => value.trim())
  )

const unavailable = (reference: string, description: string) =>
  Effect.fail(new EmbedderUnavailable({ reference, description }))

/** The SDK of OpenAI requires a key, even for servers that do not need one. */
const unused = "none"

const keyOf = (key: string) => (key === "" ? {} : { apiKey: Redacted.make(key) })

/**
 * Loads a package. A missing package is reported at startup, not when the first text is embedded.
 */
const loaded = <A>(reference: string, load: () => Promise<A>) =>
  Effect.tryPromise({
    try: load,
    catch: (cause) =>
      new EmbedderUnavailable({
        reference,
        description: cause instanceof Error ? cause.message : String(cause),
        cause
      })
  })

const openAi = (reference: string, model: string): Model =>
  Effect.gen(function* () {
    const [key, baseURL] = yield* Effect.all([read("OPENAI_API_KEY"), read("OPENAI_BASE_URL")])
    if (key === "" && baseURL === "")
      return yield* unavailable(reference, "set OPENAI_API_KEY or, for a compatible server, OPENAI_BASE_URL.")
    yield* loaded(reference, OpenAiSdk.load)
    return yield* Embedder.openAi({ model, apiKey: Redacted.make(key || unused), ...(baseURL !== "" && { baseURL }) })
  })

const ollama = (reference: string, model: string): Model =>
  Effect.gen(function* () {
    const [key, host] = yield* Effect.all([read("OLLAMA_API_KEY"), read("OLLAMA_HOST")])
    if (host === "")
      return yield* unavailable(
        reference,
        "set OLLAMA_HOST to the address of the server, such as http://127.0.0.1:11434."
      )
    yield* loaded(reference, OllamaSdk.load)
    return yield* Embedder.ollama({ model, host, ...keyOf(key) })
  })

/** Determines the vector length of an unknown model by embedding one text. */
const probed = (reference: string, model: EmbeddingModel.EmbeddingModel) =>
  Effect.matchEffect(model.embed("dimensions"), {
    onSuccess: ({ vector }) => Effect.succeed(vector.length),
    onFailure: (cause) =>
      Effect.fail(
        new EmbedderUnavailable({
          reference,
          description: `the length of its vectors could not be determined: ${cause.message}`,
          cause
        })
      )
  })

const modelled = (reference: string, made: Model) =>
  Effect.gen(function* () {
    const model = yield* made
    const known = knownDimensions[reference.replace(/:latest$/, "")]
    const dimensions = known ?? (yield* probed(reference, model))
    return CoreEmbedder.fromModel(model, { name: reference, dimensions })
  })

const builtinWords = Effect.gen(function* () {
  const { Words } = yield* loaded(words, () =>
    import("@crewline/words").catch(OptionalSdk.neededBy("@crewline/words", "Vectors of words need"))
  )
  return yield* Words.make()
})

/** The embedder of this name; `undefined`: memory recalls by words only. */
export const named = Effect.fn("Embedders.named")(function* (
  reference: string
): Effect.fn.Return<CoreEmbedder.Embedder["Service"] | undefined, EmbedderUnavailable> {
  const slash = reference.indexOf("/")
  const model = reference.slice(slash + 1)
  if (reference === lexical) return undefined
  if (reference === words) return yield* builtinWords
  if (model !== "" && slash > 0) {
    const provider = reference.slice(0, slash)
    if (provider === "openai") return yield* modelled(reference, openAi(reference, model))
    if (provider === "ollama") return yield* modelled(reference, ollama(reference, model))
  }
  const meant = Suggestion.make().closest(reference, examples)
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`
  return yield* unavailable(
    reference,
    `unknown name. Expected ${lexical}, ${words}, openai/<model> or ollama/<model>.${hint}`
  )
})
