/**
 * A span and metrics for every call, by OpenTelemetry's semantic conventions for generative AI
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/): spans `chat {model}` of kind client with `gen_ai.*` attributes, and the
 * histograms `gen_ai.client.operation.duration` (seconds) and `gen_ai.client.token.usage`. They go to Effect's tracer and metrics,
 * and from there wherever the application sends them. What was said is in them only with `captureContent`.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type * as Tracer from "effect/Tracer"

export interface Options {
  /** Puts messages and answers into spans: they may hold what is private. Default: false. */
  readonly captureContent?: boolean
}

/** Seconds of a call; the conventions' boundaries. */
export const operationDuration = Metric.histogram("gen_ai.client.operation.duration", {
  description: "GenAI operation duration, in seconds",
  boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
})

/** Tokens of a call, by `gen_ai.token.type`; the conventions' boundaries. */
export const tokenUsage = Metric.histogram("gen_ai.client.token.usage", {
  description: "Number of input and output tokens used",
  boundaries: [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864]
})

export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { captureContent = false } = options
  return (model) => {
    const { reference } = model
    const slash = reference.indexOf("/")
    const id = reference.slice(slash + 1)
    const common = {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": reference.slice(0, slash),
      "gen_ai.request.model": id
    }
    const durations = new Map<string, Metric.Metric<number, unknown>>()
    const durationOf = (error: string) => {
      let known = durations.get(error)
      if (known === undefined) {
        known = Metric.withAttributes(operationDuration, { ...common, ...(error !== "" && { "error.type": error }) })
        durations.set(error, known)
      }
      return known
    }
    const input = Metric.withAttributes(tokenUsage, { ...common, "gen_ai.token.type": "input" })
    const output = Metric.withAttributes(tokenUsage, { ...common, "gen_ai.token.type": "output" })

    const observed = Effect.fnUntraced(function* (request: Llm.Request, span: Tracer.Span) {
      describeRequest(span, request)
      if (captureContent) span.attribute("gen_ai.input.messages", JSON.stringify(request.messages))
      const began = yield* Clock.currentTimeMillis
      return yield* Effect.onExit(model.generate(request), (exit) =>
        Effect.gen(function* () {
          const seconds = ((yield* Clock.currentTimeMillis) - began) / 1_000
          const error = errorOf(exit)
          yield* Metric.update(durationOf(error), seconds)
          if (error !== "") span.attribute("error.type", error)
          if (!Exit.isSuccess(exit)) return
          const { usage } = exit.value
          describeAnswer(span, exit.value)
          if (captureContent) span.attribute("gen_ai.output.messages", JSON.stringify(exit.value.parts))
          yield* Metric.update(input, usage.inputTokens)
          yield* Metric.update(output, usage.outputTokens)
        })
      )
    })

    return {
      reference,
      generate: (request) =>
        Effect.useSpan(`chat ${id}`, { kind: "client", attributes: common }, (span) => observed(request, span))
    }
  }
}

const errorOf = (exit: Exit.Exit<Llm.Answer, Llm.LlmError>): string => {
  if (Exit.isSuccess(exit)) return ""
  const error = Exit.findErrorOption(exit)
  if (error._tag === "Some") return error.value.reason._tag
  return Exit.hasInterrupts(exit) ? "interrupted" : "defect"
}

const describeRequest = (span: Tracer.Span, { caller, options = {}, output }: Llm.Request): void => {
  const { maxOutputTokens, seed, stop, temperature, topP } = options
  const attributes = {
    "gen_ai.request.max_tokens": maxOutputTokens,
    "gen_ai.request.seed": seed,
    "gen_ai.request.stop_sequences": stop,
    "gen_ai.request.temperature": temperature,
    "gen_ai.request.top_p": topP,
    "gen_ai.output.type": output === undefined ? undefined : "json",
    "gen_ai.conversation.id": caller?.executionId,
    "gen_ai.agent.name": caller?.agent,
    "crewline.task.id": caller?.taskId
  }
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(name, value)
}

const describeAnswer = (span: Tracer.Span, { finishReason, model, usage }: Llm.Answer): void => {
  span.attribute("gen_ai.response.model", model)
  span.attribute("gen_ai.response.finish_reasons", [finishReason])
  span.attribute("gen_ai.usage.input_tokens", usage.inputTokens)
  span.attribute("gen_ai.usage.output_tokens", usage.outputTokens)
  if (usage.cachedInputTokens > 0) span.attribute("gen_ai.usage.cache_read.input_tokens", usage.cachedInputTokens)
}
