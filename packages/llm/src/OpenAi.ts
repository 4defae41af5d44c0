/**
 * Models of OpenAI, and of every server that speaks its chat completions, through the official SDK.
 *
 * One call is one request: nothing is retried here. Interrupting it destroys the connection, also in the middle of a stream. Every
 * failure is an `LlmError`; none of its texts holds the key. Streams are read by our own decoder and handed on once per network
 * chunk: with the SDK's a streamed call of 20 chunks costs 517 µs, with ours 259 µs. A call costs about a third of what the bare SDK
 * with Node's fetch does, whole or streamed (`npm run bench -- model-call`).
 */
import * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Redacted from "effect/Redacted"
import * as ChatAnswer from "./internal/ChatAnswer.ts"
import * as ChatRequest from "./internal/ChatRequest.ts"
import { CrewlineOpenAI } from "./internal/OpenAiClient.ts"
import * as OpenAiFailure from "./internal/OpenAiFailure.ts"
import * as ServerSentEvents from "./internal/ServerSentEvents.ts"
import type { Prices } from "./Prices.ts"
import type { Provider } from "./Provider.ts"

export interface Options {
  readonly apiKey: Redacted.Redacted
  /** Where the API is, up to and including its version. Default: `https://api.openai.com/v1`. */
  readonly baseURL?: string
  /** The first half of references to these models. Default: `openai`. */
  readonly name?: string
  /** What models cost; the cost of others is unknown. */
  readonly prices?: Prices
  /** How long the provider may stay silent, before the answer and within a streamed one. Default: 10 minutes. */
  readonly timeoutMillis?: number
  readonly organization?: string
  readonly project?: string
}

/** Where OpenAI itself answers. */
export const defaultBaseURL = "https://api.openai.com/v1"

const defaultTimeoutMillis = 600_000

/** The provider. Connections are made when they are needed and closed when they idle; there is nothing to release. */
export const make = (options: Options): Provider => {
  const { name = "openai", prices } = options
  const baseURL = options.baseURL?.trim() || defaultBaseURL
  // A key read from a file often ends in a line break, which no header may hold.
  const apiKey = Redacted.value(options.apiKey).trim()
  const client = new CrewlineOpenAI({
    apiKey,
    baseURL,
    organization: options.organization ?? null,
    project: options.project ?? null,
    silenceMillis: options.timeoutMillis ?? defaultTimeoutMillis
  })
  const address = originOf(baseURL)
  const redact = redactor(apiKey)
  const maxTokensField = isOpenAi(baseURL) ? "max_completion_tokens" : "max_tokens"

  const model = (id: string): Llm.Model => {
    const reference = `${name}/${id}`
    const chat = { model: id, maxTokensField } as const
    const context = { model: id, prices }
    const generate = (request: Llm.Request): Effect.Effect<Llm.Answer, Llm.LlmError> =>
      Effect.callback((resume) => {
        const call = new Call(client, context, request)
        call
          .run(() => ChatRequest.make(chat, request))
          .then(
            (answer) => resume(Effect.succeed(answer)),
            (error: unknown) =>
              resume(
                Effect.flatMap(Clock.currentTimeMillis, (now) =>
                  Effect.fail(
                    OpenAiFailure.toLlmError({ reference, address, redact, requestId: call.requestId, now }, error)
                  )
                )
              )
          )
        return Effect.sync(() => call.abort())
      })
    return { reference, generate }
  }

  return { name, model }
}

/** An `effect/ai` language model over the same calls. */
export const languageModel = (options: Options, id: string): Effect.Effect<LanguageModel.LanguageModel> =>
  // Loaded here and not above: `effect/ai` costs every start that does without it.
  Effect.flatMap(
    Effect.promise(() => import("./EffectModel.ts")),
    (EffectModel) => EffectModel.toLanguageModel(make(options).model(id))
  )

// --- one call ---------------------------------------------------------------------------------------------------------------------

class Call {
  readonly #client: CrewlineOpenAI
  readonly #context: ChatAnswer.Context
  readonly #onDelta: Llm.Request["onDelta"]
  readonly #controller = new AbortController()
  requestId: string | undefined

  constructor(client: CrewlineOpenAI, context: ChatAnswer.Context, request: Llm.Request) {
    this.#client = client
    this.#context = context
    this.#onDelta = request.onDelta
  }

  async run(body: () => ReturnType<typeof ChatRequest.make>): Promise<Llm.Answer> {
    const response = await this.#client.complete(body(), this.#controller.signal)
    const { headers } = response
    this.requestId = headers.get("x-request-id") ?? headers.get("request-id") ?? undefined
    const type = headers.get("content-type")
    if (this.#onDelta !== undefined && type !== null && type.startsWith("text/event-stream")) {
      return this.#stream(response, this.#onDelta)
    }
    const answer = ChatAnswer.fromText(this.#context, await response.text())
    // A server that does not stream: all of it comes at once.
    if (this.#onDelta !== undefined) for (const part of answer.parts) if (part.type === "text") this.#onDelta(part.text)
    return answer
  }

  async #stream(response: Response, onDelta: (delta: string) => void): Promise<Llm.Answer> {
    const accumulator = new ChatAnswer.Accumulator(this.#context)
    const decoder = new ServerSentEvents.Decoder(accumulator.add)
    if (response.body === null) throw new ChatAnswer.NotAnAnswer("The provider's stream was empty.")
    for await (const chunk of response.body) {
      decoder.push(chunk)
      const delta = accumulator.takeDelta()
      if (delta !== "") onDelta(delta)
      if (accumulator.done) break
    }
    decoder.end()
    const delta = accumulator.takeDelta()
    if (delta !== "") onDelta(delta)
    return accumulator.finish()
  }

  abort(): void {
    this.#controller.abort()
  }
}

// --- addresses and keys -----------------------------------------------------------------------------------------------------------

/** For messages: where the requests go, without credentials that a URL may hold. */
const originOf = (baseURL: string): string => {
  const url = URL.parse(baseURL)
  if (url?.protocol === "http:" || url?.protocol === "https:") return url.origin
  return `the base URL "${baseURL}" (it has to begin with https:// or http://)`
}

const isOpenAi = (baseURL: string): boolean =>
  /^https:\/\/([a-z0-9-]+\.)*(openai\.com|openai\.azure\.com)(:|\/|$)/.test(baseURL)

const redactor = (apiKey: string): ((text: string) => string) => {
  if (apiKey === "") return (text) => text
  const forms = [apiKey, JSON.stringify(apiKey).slice(1, -1), encodeURIComponent(apiKey)]
  return (text) => forms.reduce((safe, form) => safe.replaceAll(form, "[key]"), text)
}
