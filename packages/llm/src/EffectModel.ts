/**
 * Both ways between our models and `effect/ai` language models: any `LanguageModel` serves as a
 * model of a crew, and any model of ours serves code that is written against `LanguageModel`. What
 * providers want back with texts, thoughts and calls (signatures, ids) goes along both ways, as
 * metadata of answers and options of prompts.
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
import * as Predicate from "effect/Predicate"
import * as JsonSchema from "effect/JsonSchema"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import * as Stream from "effect/Stream"
import * as EffectFailure from "./EffectModel/Failure.ts"
import * as Thoughts from "./Thoughts.ts"

/**
 * A model of a crew that is an `effect/ai` language model. Tools are not run by it. Where the
 * request asks for output of a schema and the schema can be said in Effect's terms, the model is
 * asked for an object; what it answers is handed on, valid or not.
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
          for (const part of streamEnd(answer, text)) Queue.offerUnsafe(queue, part)
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
  handle: () =>
    Effect.die(new Error("The language model ran a tool itself although tool calls must be returned to Crewline."))
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

/**
 * Hands the text of a whole answer over. Output that is not valid is the caller's to send back: it
 * is an answer all the same.
 */
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
): Effect.Effect<ReadonlyArray<AnyPart>, AiError.AiError> => {
  const gate = new Thoughts.Gate()
  const say = (text: string): void => {
    if (text !== "") onDelta(text)
  }
  return Stream.runFold(
    stream,
    (): Array<AnyPart> => [],
    (parts, part) => {
      if (part.type === "text-delta") say(gate.take(part.delta))
      parts.push(part)
      return parts
    }
  ).pipe(Effect.tap(() => Effect.sync(() => say(gate.end()))))
}

/**
 * A text or reasoning that is put together, with what its provider wants back with it: signatures,
 * ids.
 */
interface Growing {
  readonly type: "text" | "reasoning"
  text: string
  metadata: ProviderMetadata
}

const answerOf = (reference: string, content: ReadonlyArray<AnyPart>): Llm.Answer => {
  const parts: Array<Growing | Response.ToolCallPartEncoded> = []
  const growing = new Map<string, Growing>()
  let model = reference
  let finishReason: Response.FinishReason | undefined
  let usage: Usage | undefined
  /** Streamed parts have ids, and stand where they began. */
  const grow = (type: Growing["type"], text: string, metadata: ProviderMetadata, id?: string): void => {
    const key = `${type} ${id}`
    let part = id === undefined ? undefined : growing.get(key)
    if (part === undefined) {
      part = { type, text: "", metadata: {} }
      parts.push(part)
      if (id !== undefined) growing.set(key, part)
    }
    part.text += text
    part.metadata = merged(part.metadata, metadata)
  }
  for (const part of content) {
    switch (part.type) {
      case "text":
      case "reasoning":
        grow(part.type, part.text, part.metadata)
        break
      case "text-start":
      case "text-end":
        grow("text", "", part.metadata, part.id)
        break
      case "text-delta":
        grow("text", part.delta, part.metadata, part.id)
        break
      case "reasoning-start":
      case "reasoning-end":
        grow("reasoning", "", part.metadata, part.id)
        break
      case "reasoning-delta":
        grow("reasoning", part.delta, part.metadata, part.id)
        break
      case "tool-call": {
        const { id, metadata, name, params } = part
        parts.push({ type: "tool-call", id, name, params, ...metadataOf(metadata) })
        break
      }
      case "response-metadata":
        model = part.modelId ?? model
        break
      case "finish":
        finishReason = part.reason
        usage = usageOf(part.usage)
    }
  }
  return {
    parts: Thoughts.inParts(
      parts.flatMap((part): ReadonlyArray<Response.PartEncoded> => {
        if (part.type === "tool-call") return [part]
        const metadata = metadataOf(part.metadata)
        return part.text === "" && !("metadata" in metadata) ? [] : [{ type: part.type, text: part.text, ...metadata }]
      })
    ),
    // A stream that ended without its last part was interrupted.
    finishReason: finishReason ?? (growing.size > 0 ? "other" : "unknown"),
    model,
    usage: usage ?? usageOf({ inputTokens: {}, outputTokens: {} })
  }
}

type ProviderMetadata = NonNullable<Response.TextPartEncoded["metadata"]>

const metadataOf = (metadata: ProviderMetadata | undefined): { readonly metadata?: ProviderMetadata } =>
  metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata }

/** What each provider said at the beginning, with what it said later. */
const merged = (before: ProviderMetadata, after: ProviderMetadata | undefined): ProviderMetadata => {
  if (after === undefined || Object.keys(after).length === 0) return before
  const all: Record<string, ProviderMetadata[string]> = { ...before }
  for (const [provider, said] of Object.entries(after)) {
    const known = all[provider]
    all[provider] = isJsonObject(known) && isJsonObject(said) ? { ...known, ...said } : said
  }
  return all
}

const isJsonObject = (value: Schema.Json | undefined): value is Schema.JsonObject => Predicate.isReadonlyObject(value)

const usageOf = (usage: typeof Response.Usage.Encoded): Usage => ({
  requests: 1,
  inputTokens: usage.inputTokens.total ?? 0,
  cachedInputTokens: usage.inputTokens.cacheRead ?? 0,
  ...(usage.inputTokens.cacheWrite !== undefined && { cacheWriteInputTokens: usage.inputTokens.cacheWrite }),
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
  Effect.map(Effect.orDie(encodePrompt(options.prompt)), (prompt) => {
    const content = prompt.content.map(inPlace)
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

/**
 * The end of a stream: all but the text that was streamed. What the model thought is known only
 * now, behind the text that it led to; so the parts say where they stood, and `inPlace` puts them
 * there when the conversation goes on: providers insist on it.
 */
const streamEnd = (answer: Llm.Answer, streamed: boolean): Array<Response.StreamPartEncoded> => {
  const out: Array<Response.StreamPartEncoded> = []
  const thought = streamed && answer.parts.some(({ type }) => type === "reasoning")
  const said = (metadata: ProviderMetadata | undefined, place: number) =>
    thought ? { metadata: { ...metadata, crewline: { place } } } : metadataOf(metadata)
  if (streamed) {
    const texts = answer.parts.flatMap((part) => (part.type === "text" ? [part.metadata] : []))
    const metadata = texts.reduce<ProviderMetadata>(merged, {})
    const place = answer.parts.findIndex(({ type }) => type === "text")
    out.push({ type: "text-end", id: "text", ...said(metadata, place) })
  }
  answer.parts.forEach((part, index) => {
    const id = String(index)
    if (part.type === "tool-call") out.push({ ...part, ...said(part.metadata, index) })
    else if (part.type === "reasoning") {
      out.push(
        { type: "reasoning-start", id, ...said(part.metadata, index) },
        { type: "reasoning-delta", id, delta: part.text },
        { type: "reasoning-end", id }
      )
    } else if (part.type === "text" && !streamed) {
      out.push(
        { type: "text-start", id, ...metadataOf(part.metadata) },
        { type: "text-delta", id, delta: part.text },
        { type: "text-end", id }
      )
    }
  })
  return [...out, ...lastParts(answer)]
}

const inPlace = (message: Prompt.MessageEncoded): Prompt.MessageEncoded => {
  if (message.role !== "assistant" || typeof message.content === "string") return message
  const places = message.content.map(({ options }) => {
    const place = Predicate.isReadonlyObject(options?.["crewline"]) ? options["crewline"]["place"] : undefined
    return typeof place === "number" ? place : Infinity
  })
  if (places.every((place) => place === Infinity)) return message
  const content = message.content
    .map((part, index) => ({ part, place: places[index]! }))
    .toSorted((a, b) => (a.place === b.place ? 0 : a.place - b.place))
    .map(({ part }) => {
      const { crewline: _, ...options } = part.options ?? {}
      return { ...part, options }
    })
  return { ...message, content }
}

const lastParts = (answer: Llm.Answer) => {
  const { cacheWriteInputTokens, cachedInputTokens, inputTokens, outputTokens, reasoningTokens } = answer.usage
  return [
    { type: "response-metadata", modelId: answer.model },
    {
      type: "finish",
      reason: answer.finishReason,
      usage: {
        inputTokens: {
          total: inputTokens,
          uncached: inputTokens - cachedInputTokens - (cacheWriteInputTokens ?? 0),
          cacheRead: cachedInputTokens,
          cacheWrite: cacheWriteInputTokens
        },
        outputTokens: { total: outputTokens, text: outputTokens - reasoningTokens, reasoning: reasoningTokens }
      }
    }
  ] as const
}
