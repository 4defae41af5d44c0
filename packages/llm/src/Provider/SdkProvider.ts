/**
 * A provider on an official SDK. The SDK is loaded at the first call and not before: a start that
 * calls no model, or only models of another provider, does not pay for it. Interrupting a call
 * aborts its request; a failure is an `LlmError`.
 */
import * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Redacted from "effect/Redacted"
import type { AddressGuard } from "../AddressGuard.ts"
import type { Prices } from "../Prices.ts"
import type { Provider } from "../Provider.ts"
import * as Failure from "./Failure.ts"
import * as OptionalSdk from "./OptionalSdk.ts"

/** What every provider on an SDK may be told. */
export interface Settings {
  readonly apiKey?: Redacted.Redacted
  /** The first half of references to its models. Default: `anthropic`, `ollama` or `openai`. */
  readonly name?: string
  /** What models cost; the cost of others is unknown. */
  readonly prices?: Prices
  /**
   * How long the provider may stay silent, before the answer and within a streamed one. Default: 10
   * minutes.
   */
  readonly timeoutMillis?: number
  /**
   * For an address that users of an application chose: which addresses may be called. The body of a
   * failure is then quoted only where it has the shape of the API's errors.
   */
  readonly addressGuard?: AddressGuard | undefined
}

/** How a provider is reached. */
export interface Connection {
  /** For messages: where requests go, without credentials that a URL may hold. */
  readonly address: string
  /** Empty: none. Is never told. */
  readonly apiKey: string
  /** Whether messages may quote bodies that have not the shape of the API's. */
  readonly quotesBodies: boolean
  /** How long the other side may stay silent. */
  readonly silenceMillis: number
  /** Which addresses may be called; absent: any. */
  readonly addressGuard: AddressGuard | undefined
}

export const connection = (baseURL: string, { addressGuard, apiKey, timeoutMillis }: Settings): Connection => ({
  address: originOf(baseURL),
  // One read from a file often ends in a line break, which no header can hold.
  apiKey: apiKey === undefined ? "" : Redacted.value(apiKey).trim(),
  quotesBodies: addressGuard === undefined,
  silenceMillis: timeoutMillis ?? 600_000,
  addressGuard
})

/** What is done with an SDK: one kind of calls. */
export interface Engine<Request = Llm.Request, Answer = Llm.Answer> {
  /** Sends one request for the model of this id. What it throws, `reasonOf` understands. */
  readonly run: (model: string, call: Call<Request>) => Promise<Answer>
  readonly reasonOf: (context: Failure.Context, error: unknown) => Llm.Reason
}

/** One call that is under way. */
export class Call<Request = Llm.Request> {
  readonly request: Request
  readonly #controller = new AbortController()
  /** The provider's id of the request, as soon as it is known. */
  requestId: string | undefined

  constructor(request: Request) {
    this.request = request
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(): void {
    this.#controller.abort()
  }
}

export interface Options<Request = Llm.Request, Answer = Llm.Answer> extends Pick<
  Connection,
  "address" | "apiKey" | "quotesBodies"
> {
  readonly name: string
  readonly load: () => Promise<Engine<Request, Answer>>
}

/** The provider of models that are called so. */
export const make = (options: Options): Provider => {
  const { name } = options
  const call = caller(options)
  return { name, model: (id) => ({ reference: `${name}/${id}`, generate: call(id) }) }
}

/** A call of each model, by its id. */
export const caller = <Request, Answer>(
  options: Options<Request, Answer>
): ((id: string) => (request: Request) => Effect.Effect<Answer, Llm.LlmError>) => {
  const { address, load, name, quotesBodies } = options
  const redact = redactor(options.apiKey)
  let engine: Engine<Request, Answer> | undefined
  let loading: Promise<Engine<Request, Answer>> | undefined
  const loaded = Effect.tryPromise({
    try: () => (loading ??= load().then((ready) => (engine = ready))),
    catch: (error) => error
  })

  return (id) => {
    const reference = `${name}/${id}`
    const prepared = Effect.catch(loaded, (error) =>
      error instanceof OptionalSdk.MissingSdk
        ? Effect.fail(
            new Llm.LlmError({ model: reference, reason: new Llm.MissingPackage({ description: error.message }) })
          )
        : Effect.die(error)
    )
    const ask = (sdk: Engine<Request, Answer>, request: Request): Effect.Effect<Answer, Llm.LlmError> =>
      Effect.callback((resume) => {
        const call = new Call(request)
        sdk.run(id, call).then(
          (answer) => resume(Effect.succeed(answer)),
          (error: unknown) =>
            resume(
              Effect.flatMap(Clock.currentTimeMillis, (now) => {
                const context = { reference, address, redact, quotesBodies, requestId: call.requestId, now }
                return Effect.fail(new Llm.LlmError({ model: reference, reason: sdk.reasonOf(context, error) }))
              })
            )
        )
        return Effect.sync(() => call.abort())
      })
    return (request) =>
      engine !== undefined ? ask(engine, request) : Effect.flatMap(prepared, (sdk) => ask(sdk, request))
  }
}

/** An `effect/ai` language model over the calls of a model. */
export const languageModel = (model: Llm.Model): Effect.Effect<LanguageModel.LanguageModel> =>
  // Loaded here and not above: `effect/ai` costs every start that does without it.
  Effect.flatMap(
    Effect.promise(() => import("../EffectModel.ts")),
    (EffectModel) => EffectModel.toLanguageModel(model)
  )

// --- addresses and keys -----------------------------------------------------------------------------------------------------------

const originOf = (baseURL: string): string => {
  const url = URL.parse(baseURL)
  if (url?.protocol === "http:" || url?.protocol === "https:") return url.origin
  return `the base URL "${baseURL}" (it must begin with https:// or http://)`
}

const redactor = (apiKey: string): ((text: string) => string) => {
  if (apiKey === "") return (text) => text
  const forms = [apiKey, JSON.stringify(apiKey).slice(1, -1), encodeURIComponent(apiKey)]
  return (text) => forms.reduce((safe, form) => safe.replaceAll(form, "[key]"), text)
}
