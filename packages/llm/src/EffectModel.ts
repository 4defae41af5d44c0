/**
 * Both ways between our models and `effect/ai` language models: any `LanguageModel` serves as a model of a crew, and any model of
 * ours serves code that is written against `LanguageModel`.
 */
import * as Llm from "@crewline/core/Llm"
import type { Usage } from "@crewline/core/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as Stream from "effect/Stream"
import * as EffectFailure from "./internal/EffectFailure.ts"

/**
 * A model of a crew that is an `effect/ai` language model. Tools are not run by it. Where the request asks for output of a schema and
 * the schema can be said in Effect's terms, the model is asked for an object; what it answers is handed on, valid or not.
 */
export const fromLanguageModel = (languageModel: LanguageModel.LanguageModel, reference: string): Llm.Model => ({
  reference,
  generate: (request) => {
    const { onDelta, output } = request
    const options = {
      prompt: Prompt.make(request.messages),
      toolkit: toolkitOf(request.tools),
      toolChoice: request.toolChoice,
      disableToolCallResolution: true,
      toolCallValidation: "deferred"
    } as const
    const schema = output === undefined ? undefined : schemaOf(output.schema)
    const parts: Effect.Effect<ReadonlyArray<AnyPart>, AiError.AiError> = output !== undefined && schema !== undefined
      ? handOver(
          Effect.map(
            languageModel.generateObject({ ...options, schema, objectName: output.name }),
            (response): ReadonlyArray<AnyPart> => response.content
          ),
          onDelta
        )
      : onDelta === undefined
        ? Effect.map(languageModel.generateText(options), (response) => response.content)
        : streamParts(languageModel.streamText(options), onDelta)
    return parts.pipe(
      Effect.map((content) => answerOf(reference, content)),
      Effect.mapError((error) => new Llm.LlmError({ model: reference, reason: reasonOf(error) }))
    )
  }
})

/** An `effect/ai` language model over a model of ours. */
export const toLanguageModel = (model: Llm.Model): Effect.Effect<LanguageModel.LanguageModel> =>
  LanguageModel.make({
    generateText: (options) =>
      Effect.flatMap(requestOf(options), (request) =>
        model.generate(request).pipe(Effect.map(partsOf), Effect.mapError(EffectFailure.toAiError("generateText")))
      ),
    streamText: (options) =>
      Stream.callback<Response.StreamPartEncoded, AiError.AiError>((queue) =>
        Effect.gen(function* () {
          let text = false
          const onDelta = (delta: string): void => {
            if (!text) Queue.offerUnsafe(queue, { type: "text-start", id: "text" })
            text = true
            Queue.offerUnsafe(queue, { type: "text-delta", id: "text", delta })
          }
          const request = yield* requestOf(options)
          const answer = yield* model
            .generate({ ...request, onDelta })
            .pipe(Effect.mapError(EffectFailure.toAiError("streamText")))
          if (text) Queue.offerUnsafe(queue, { type: "text-end", id: "text" })
          for (const part of streamEnd(answer)) Queue.offerUnsafe(queue, part)
          yield* Queue.end(queue)
        })
      )
  })

// --- from a language model --------------------------------------------------------------------------------------------------------

const toolOf = ({ name, description, parameters }: Llm.ToolDefinition) =>
  Tool.dynamic(name, { description, parameters })

type AnyTools = Record<string, ReturnType<typeof toolOf>>
type AnyPart = Response.Part<AnyTools, "deferred"> | Response.StreamPart<AnyTools, "deferred">

const toolkitOf = (tools: ReadonlyArray<Llm.ToolDefinition>): Toolkit.WithHandler<AnyTools> => ({
  tools: Object.fromEntries(tools.map((tool) => [tool.name, toolOf(tool)])),
  handle: () => Effect.die(new Error("The language model ran a tool although it was told not to."))
})

type ObjectSchema = Schema.Codec<{ [key: string]: unknown }, { [key: string]: unknown }>

const schemaOf = (schema: JsonSchema.JsonSchema): ObjectSchema | undefined => {
  if (schema["type"] !== "object") return undefined
  try {
    const document = JsonSchema.fromSchemaDraft2020_12(schema)
    // Made from plain JSON Schema, it needs no services and describes an object.
    return SchemaRepresentation.fromJsonSchemaDocument(document) as ObjectSchema
  } catch {
    // Keywords that Effect's schemas cannot say: the prompt has to.
    return undefined
  }
}

/** Hands the text of a whole answer over. Output that is not valid is the caller's to send back: it is an answer all the same. */
const handOver = (
  parts: Effect.Effect<ReadonlyArray<AnyPart>, AiError.AiError>,
  onDelta: Llm.Request["onDelta"]
): Effect.Effect<ReadonlyArray<AnyPart>, AiError.AiError> =>
  parts.pipe(
    Effect.catchReason("AiError", "StructuredOutputError", (reason) =>
      Effect.succeed<ReadonlyArray<AnyPart>>([Response.makePart("text", { text: reason.responseText })])
    ),
    Effect.tap((content) =>
      Effect.sync(() => {
        if (onDelta !== undefined) for (const part of content) if (part.type === "text") onDelta(part.text)
      })
    )
  )

const streamParts = (
  stream: Stream.Stream<AnyPart, AiError.AiError>,
  onDelta: (delta: string) => void
): Effect.Effect<ReadonlyArray<AnyPart>, AiError.AiError> =>
  Stream.runFold(
    stream,
    (): Array<AnyPart> => [],
    (parts, part) => {
      if (part.type === "text-delta") onDelta(part.delta)
      parts.push(part)
      return parts
    }
  )

const answerOf = (reference: string, content: ReadonlyArray<AnyPart>): Llm.Answer => {
  const parts: Array<Response.PartEncoded> = []
  let model = reference
  let text = ""
  let reasoning = ""
  let finishReason: Response.FinishReason = "unknown"
  let usage: Usage | undefined
  for (const part of content) {
    switch (part.type) {
      case "text":
        text += part.text
        break
      case "text-delta":
        text += part.delta
        break
      case "reasoning":
        reasoning += part.text
        break
      case "reasoning-delta":
        reasoning += part.delta
        break
      case "tool-call":
        parts.push({ type: "tool-call", id: part.id, name: part.name, params: part.params })
        break
      case "response-metadata":
        model = part.modelId ?? model
        break
      case "finish":
        finishReason = part.reason
        usage = usageOf(part.usage)
    }
  }
  if (text !== "") parts.unshift({ type: "text", text })
  if (reasoning !== "") parts.unshift({ type: "reasoning", text: reasoning })
  return { parts, finishReason, model, usage: usage ?? usageOf({ inputTokens: {}, outputTokens: {} }) }
}

const usageOf = (usage: typeof Response.Usage.Encoded): Usage => ({
  requests: 1,
  inputTokens: usage.inputTokens.total ?? 0,
  cachedInputTokens: usage.inputTokens.cacheRead ?? 0,
  outputTokens: usage.outputTokens.total ?? 0,
  reasoningTokens: usage.outputTokens.reasoning ?? 0,
  costUsd: null
})

const reasonOf = ({ reason }: AiError.AiError): Llm.Reason => {
  const details = { description: reason.message }
  switch (reason._tag) {
    case "RateLimitError":
      return new Llm.RateLimited(
        reason.retryAfter === undefined
          ? details
          : { ...details, retryAfterMillis: Duration.toMillis(reason.retryAfter) }
      )
    case "QuotaExhaustedError":
      return new Llm.QuotaExhausted(details)
    case "AuthenticationError":
      return new Llm.Authentication(details)
    case "ContentPolicyError":
      return new Llm.ContentRefused(details)
    case "InternalProviderError":
      return new Llm.Overloaded(details)
    case "NetworkError":
      return new Llm.Network(details)
    case "InvalidOutputError":
    case "InvalidResponseError":
    case "StructuredOutputError":
      return new Llm.MalformedAnswer(details)
    case "UnknownError":
      return new Llm.Network(details)
    default:
      return new Llm.InvalidRequest(details)
  }
}

// --- to a language model ----------------------------------------------------------------------------------------------------------

const encodePrompt = Schema.encodeEffect(Prompt.Prompt)

const requestOf = (options: LanguageModel.ProviderOptions): Effect.Effect<Llm.Request> =>
  Effect.map(Effect.orDie(encodePrompt(options.prompt)), ({ content }) => {
    const { names, toolChoice } = choiceOf(options.toolChoice)
    const tools = options.tools
      .filter((tool) => names === undefined || names.includes(tool.name))
      .map((tool) => ({
        name: tool.name,
        description: Tool.getDescription(tool) ?? "",
        parameters: Tool.getJsonSchema(tool)
      }))
    const request = { messages: content, tools, toolChoice }
    if (options.responseFormat.type === "text") return request
    const { objectName, schema } = options.responseFormat
    return { ...request, output: { name: objectName, schema: Tool.getJsonSchemaFromSchema(schema) } }
  })

const choiceOf = (
  choice: LanguageModel.ToolChoice<string>
): { readonly names?: ReadonlyArray<string>; readonly toolChoice: Llm.Request["toolChoice"] } => {
  if (typeof choice === "string") return { toolChoice: choice }
  if ("tool" in choice) return { names: [choice.tool], toolChoice: "required" }
  return { names: choice.oneOf, toolChoice: choice.mode ?? "auto" }
}

const partsOf = (answer: Llm.Answer): Array<Response.PartEncoded> => [...answer.parts, ...lastParts(answer)]

const streamEnd = (answer: Llm.Answer): Array<Response.StreamPartEncoded> => {
  const out: Array<Response.StreamPartEncoded> = []
  for (const part of answer.parts) {
    if (part.type === "tool-call") out.push(part)
    else if (part.type === "reasoning") {
      out.push(
        { type: "reasoning-start", id: "reasoning" },
        { type: "reasoning-delta", id: "reasoning", delta: part.text },
        { type: "reasoning-end", id: "reasoning" }
      )
    }
  }
  return [...out, ...lastParts(answer)]
}

const lastParts = (answer: Llm.Answer) => {
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = answer.usage
  return [
    { type: "response-metadata", modelId: answer.model },
    {
      type: "finish",
      reason: answer.finishReason,
      usage: {
        inputTokens: {
          total: inputTokens,
          uncached: inputTokens - cachedInputTokens,
          cacheRead: cachedInputTokens,
          cacheWrite: undefined
        },
        outputTokens: { total: outputTokens, text: outputTokens - reasoningTokens, reasoning: reasoningTokens }
      }
    }
  ] as const
}
