/**
 * A span and metrics for every call, by OpenTelemetry's semantic conventions for generative AI, as
 * published with version 1.42 of the conventions
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/): spans `chat {model}` and `embeddings
 * {model}` of kind client with `gen_ai.*` attributes, and the histograms
 * `gen_ai.client.operation.duration` (seconds) and `gen_ai.client.token.usage`. They go to Effect's
 * tracer and metrics, and from there wherever the application sends them. What was said is in them
 * only with `captureContent`.
 *
 * `error.type` is the tag of an `LlmError`'s reason, `interrupted` or `defect`. Tokens that a
 * provider did not count are not reported.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type * as Tracer from "effect/Tracer"
import * as TelemetryContent from "./Telemetry/Content.ts"

export interface Options {
  /** Puts messages and answers into spans: they may hold what is private. Default: false. */
  readonly captureContent?: boolean
}

/** What is asked to make vectors of texts. */
export interface Embedding {
  /** `openai`, `ollama`: the name of the provider. */
  readonly provider: string
  readonly model: string
  /** Length of the vectors, where it was chosen. */
  readonly dimensions?: number | undefined
}

export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { captureContent = false } = options
  return (model) => {
    const { reference } = model
    const slash = reference.indexOf("/")
    const id = reference.slice(slash + 1)
    const common = commonOf("chat", reference.slice(0, slash), id)
    const histograms = histogramsOf(common)

    const observed = Effect.fnUntraced(function* (request: Llm.Request, span: Tracer.Span) {
      describeRequest(span, request)
      if (captureContent) span.attribute("gen_ai.input.messages", TelemetryContent.input(request.messages))
      const clock = yield* Clock.Clock
      const began = clock.currentTimeMillisUnsafe()
      const { onDelta } = request
      let first = true
      const asked: Llm.Request =
        onDelta === undefined
          ? request
          : {
              ...request,
              onDelta: (delta) => {
                if (first) {
                  const seconds = (clock.currentTimeMillisUnsafe() - began) / 1_000
                  span.attribute("gen_ai.response.time_to_first_chunk", seconds)
                }
                first = false
                onDelta(delta)
              }
            }
      return yield* measured(model.generate(asked), { span, histograms }, (answer, seconds, update) => {
        const { model: answered, usage } = answer
        describeAnswer(span, answer)
        if (captureContent) span.attribute("gen_ai.output.messages", TelemetryContent.output(answer))
        update(histograms.duration({ answered }), seconds)
        if (usage.inputTokens + usage.outputTokens === 0) return
        update(histograms.tokens("input", answered), usage.inputTokens)
        update(histograms.tokens("output", answered), usage.outputTokens)
      })
    })

    return {
      reference,
      generate: (request) =>
        Effect.useSpan(`chat ${id}`, { kind: "client", attributes: common }, (span) => observed(request, span))
    }
  }
}

/**
 * Observes requests for vectors; `inputTokens` of an answer is `undefined` where the provider did
 * not count.
 */
export const embedding = (
  to: Embedding
): (<A extends { readonly inputTokens: number | undefined }>(
  request: Effect.Effect<A, Llm.LlmError>
) => Effect.Effect<A, Llm.LlmError>) => {
  const common = commonOf("embeddings", to.provider, to.model)
  const histograms = histogramsOf(common)
  const attributes = {
    ...common,
    ...(to.dimensions !== undefined && { "gen_ai.embeddings.dimension.count": to.dimensions })
  }
  return (request) =>
    Effect.useSpan(`embeddings ${to.model}`, { kind: "client", attributes }, (span) =>
      measured(request, { span, histograms }, ({ inputTokens }, seconds, update) => {
        update(histograms.duration({}), seconds)
        if (inputTokens === undefined) return
        span.attribute("gen_ai.usage.input_tokens", inputTokens)
        update(histograms.tokens("input"), inputTokens)
      })
    )
}

type Update = (histogram: Metric.Histogram<number>, value: number) => void

/** Measures a call and records its failure; `succeeded` records an answer. */
const measured = <A>(
  call: Effect.Effect<A, Llm.LlmError>,
  { histograms, span }: { readonly histograms: ReturnType<typeof histogramsOf>; readonly span: Tracer.Span },
  succeeded: (answer: A, seconds: number, update: Update) => void
): Effect.Effect<A, Llm.LlmError> =>
  Effect.clockWith((clock) => {
    const began = clock.currentTimeMillisUnsafe()
    return Effect.onExit(call, (exit) =>
      Effect.contextWith((context: Context.Context<never>) => {
        const update: Update = (histogram, value) => histogram.updateUnsafe(value, context)
        const seconds = (clock.currentTimeMillisUnsafe() - began) / 1_000
        if (Exit.isSuccess(exit)) succeeded(exit.value, seconds, update)
        else {
          const error = errorOf(exit)
          span.attribute("error.type", error)
          update(histograms.duration({ error }), seconds)
        }
        return Effect.void
      })
    )
  })

// --- metrics ----------------------------------------------------------------------------------------------------------------------

type Attributes = { readonly [name: string]: string }

const commonOf = (operation: "chat" | "embeddings", provider: string, model: string) => ({
  "gen_ai.operation.name": operation,
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": model
})

/** The boundaries are the conventions'. */
const operationDuration = (attributes: Attributes) =>
  Metric.histogram("gen_ai.client.operation.duration", {
    description: "GenAI operation duration.",
    boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    // Where Effect's exporters look for the unit.
    attributes: { ...attributes, unit: "s" }
  })

const tokenUsage = (attributes: Attributes) =>
  Metric.histogram("gen_ai.client.token.usage", {
    description: "Number of input and output tokens used.",
    boundaries: [
      1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864
    ],
    attributes: { ...attributes, unit: "{token}" }
  })

/**
 * Beyond so many names of answering models no more are told apart: a proxy may make one up for each
 * answer.
 */
const rememberedSeries = 100

/**
 * The histograms of one model, each made once with all of its attributes: Effect then knows its
 * series, where `Metric.withAttributes` builds a key of them for every value.
 */
const histogramsOf = (common: Attributes) => {
  const known = new Map<string, Metric.Histogram<number>>()
  const once = (key: string, attributes: Attributes, make: typeof tokenUsage): Metric.Histogram<number> => {
    let histogram = known.get(key)
    if (histogram === undefined) {
      histogram = make({ ...common, ...attributes })
      if (known.size < rememberedSeries) known.set(key, histogram)
    }
    return histogram
  }
  const by = (answered: string | undefined): Attributes =>
    answered === undefined || known.size >= rememberedSeries ? {} : { "gen_ai.response.model": answered }
  return {
    duration: ({ answered, error }: { readonly answered?: string; readonly error?: string }) =>
      error === undefined
        ? once(`duration ${answered}`, by(answered), operationDuration)
        : once(`failed ${error}`, { "error.type": error }, operationDuration),
    tokens: (type: "input" | "output", answered?: string) =>
      once(`${type} ${answered}`, { "gen_ai.token.type": type, ...by(answered) }, tokenUsage)
  }
}

// --- attributes -------------------------------------------------------------------------------------------------------------------

const errorOf = <A>(exit: Exit.Exit<A, Llm.LlmError>): string => {
  const error = Exit.findErrorOption(exit)
  if (error._tag === "Some") return error.value.reason._tag
  return Exit.hasInterrupts(exit) ? "interrupted" : "defect"
}

const describeRequest = (span: Tracer.Span, { caller, onDelta, options = {}, output }: Llm.Request): void => {
  const say = (name: string, value: unknown): void => {
    if (value !== undefined) span.attribute(name, value)
  }
  say("gen_ai.request.max_tokens", options.maxOutputTokens)
  say("gen_ai.request.seed", options.seed)
  say("gen_ai.request.stop_sequences", options.stop)
  say("gen_ai.request.temperature", options.temperature)
  say("gen_ai.request.top_p", options.topP)
  if (onDelta !== undefined) span.attribute("gen_ai.request.stream", true)
  if (output !== undefined) span.attribute("gen_ai.output.type", "json")
  say("gen_ai.conversation.id", caller?.executionId)
  say("gen_ai.agent.name", caller?.agent)
  say("crewline.task.id", caller?.taskId)
}

const describeAnswer = (span: Tracer.Span, { finishReason, model, usage }: Llm.Answer): void => {
  span.attribute("gen_ai.response.model", model)
  span.attribute("gen_ai.response.finish_reasons", [TelemetryContent.finishReason(finishReason)])
  if (usage.inputTokens + usage.outputTokens === 0) return
  span.attribute("gen_ai.usage.input_tokens", usage.inputTokens)
  span.attribute("gen_ai.usage.output_tokens", usage.outputTokens)
  const { cachedInputTokens, cacheWriteInputTokens = 0, reasoningTokens } = usage
  if (cachedInputTokens > 0) span.attribute("gen_ai.usage.cache_read.input_tokens", cachedInputTokens)
  if (cacheWriteInputTokens > 0) span.attribute("gen_ai.usage.cache_creation.input_tokens", cacheWriteInputTokens)
  if (reasoningTokens > 0) span.attribute("gen_ai.usage.reasoning.output_tokens", reasoningTokens)
}
