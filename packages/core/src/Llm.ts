/**
 * Resolves a model reference (`openai/gpt-5.2`, `scripted/demo`) to something that answers.
 * Messages and parts are the plain, encoded forms of `effect/ai` `Prompt` and `Response`: they go
 * to the log and back unchanged.
 *
 * One call is one request to the provider: no retry hides inside. Interrupting the effect aborts
 * the request.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import type { Notice } from "./ExecutionEvent.ts"
import * as Limits from "./Limits.ts"
import type { ModelOptions } from "./Agent.ts"
import type { Usage } from "./Usage.ts"

const details = {
  /** For people; never holds a key. */
  description: Schema.String,
  /** The provider's id of the request, to quote in a support case. */
  requestId: Schema.optionalKey(Schema.String)
}

/** Too many requests or tokens in a while. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...details,
  /** Milliseconds to wait, as the provider said. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly isRetryable = true
}
/** The provider has a bad moment (5xx, overloaded). */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {
  ...details,
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly isRetryable = true
}
export class ContextTooLong extends Schema.TaggedError<ContextTooLong>()("ContextTooLong", details) {
  readonly isRetryable = false
}
export class ContentRefused extends Schema.TaggedError<ContentRefused>()("ContentRefused", details) {
  readonly isRetryable = false
}
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", details) {
  readonly isRetryable = false
}
export class Authentication extends Schema.TaggedError<Authentication>()("Authentication", details) {
  readonly isRetryable = false
}
/** The account has no credit left; waiting does not help. */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>()("QuotaExhausted", details) {
  readonly isRetryable = false
}
export class Network extends Schema.TaggedError<Network>()("Network", details) {
  readonly isRetryable = true
}
export class Timeout extends Schema.TaggedError<Timeout>()("Timeout", details) {
  readonly isRetryable = true
}
/** The provider answered something that is no answer (no choice, broken JSON, a cut stream). */
export class MalformedAnswer extends Schema.TaggedError<MalformedAnswer>()("MalformedAnswer", details) {
  readonly isRetryable = true
}
/**
 * The call was not made: together with what is spent and reserved it could have gone over a limit.
 */
export class BudgetExceeded extends Schema.TaggedError<BudgetExceeded>()("BudgetExceeded", {
  ...details,
  /**
   * The limit that refused it; absent where it is not known what is spent, or what the call would
   * cost.
   */
  exceeded: Schema.optionalKey(Limits.Exceeded)
}) {
  readonly isRetryable = false
}
/** The circuit breaker of the model is open: it failed too often a moment ago. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", {
  ...details,
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly isRetryable = true
}
/** No configured provider knows this reference. */
export class UnknownModel extends Schema.TaggedError<UnknownModel>()("UnknownModel", details) {
  readonly isRetryable = false
}
/** The provider is known, but its SDK is not installed. The description has the command. */
export class MissingPackage extends Schema.TaggedError<MissingPackage>()("MissingPackage", details) {
  readonly isRetryable = false
}

export const Reason = Schema.Union([
  RateLimited,
  Overloaded,
  ContextTooLong,
  ContentRefused,
  InvalidRequest,
  Authentication,
  QuotaExhausted,
  Network,
  Timeout,
  MalformedAnswer,
  BudgetExceeded,
  CircuitOpen,
  UnknownModel,
  MissingPackage
])
export type Reason = typeof Reason.Type

/**
 * The one error of model calls. Retry reads only `reason.isRetryable` and
 * `reason.retryAfterMillis`.
 */
export class LlmError extends Schema.TaggedError<LlmError>()("LlmError", {
  /** The model reference that was called. */
  model: Schema.String,
  reason: Reason
}) {
  override get message() {
    return `${this.model}: ${this.reason.description}`
  }
}

/** A tool as a model sees it. */
export interface ToolDefinition {
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments object. */
  readonly parameters: JsonSchema.JsonSchema
}

/** How much of one of its rate limits a provider says is left. */
export interface RateLimitState {
  readonly of: "requests" | "tokens" | "input-tokens" | "output-tokens"
  /** What the limit is when nothing of it is used. */
  readonly limit: number
  readonly remaining: number
  /** Milliseconds until the limit is whole again, if nothing more is used. */
  readonly resetMillis: number
}

export interface Request {
  readonly messages: ReadonlyArray<Prompt.MessageEncoded>
  readonly tools: ReadonlyArray<ToolDefinition>
  readonly toolChoice: "auto" | "none" | "required"
  /**
   * Ask the provider for JSON of this schema, where it can (the answer is validated by the caller
   * all the same).
   */
  readonly output?: { readonly name: string; readonly schema: JsonSchema.JsonSchema }
  readonly options?: ModelOptions
  /** The call must not be made when it could go over one of these. */
  readonly limits?: ReadonlyArray<Limits.Scoped>
  /**
   * The same question may be answered from the cache of answers, and this answer is kept there: at
   * once, or when the caller has found it good (`Answer.accept`).
   */
  readonly cache?: boolean | "when-accepted"
  /**
   * Given: the answer is streamed, and every piece of its text is handed over as it comes. Must not
   * throw.
   */
  readonly onDelta?: (delta: string) => void
  /**
   * Is told of what happens around the call (waiting, falling back, the cache, a refusal). Must not
   * throw.
   */
  readonly onNotice?: (notice: Notice) => void
  /**
   * Is told what is left of the provider's rate limits, where it says so: when its answer begins (a
   * streamed one, too), and with its refusals. Must not throw.
   */
  readonly onRateLimits?: (states: ReadonlyArray<RateLimitState>) => void
  /** Who calls, for scripted models and telemetry. */
  readonly caller?: { readonly executionId: string; readonly taskId: string; readonly agent: string }
}

export interface Answer {
  /**
   * `text`, `reasoning` and `tool-call` parts, in order. Arguments of tool calls are parsed JSON;
   * unparsable ones are a string.
   */
  readonly parts: ReadonlyArray<Response.PartEncoded>
  readonly finishReason: Response.FinishReason
  readonly usage: Usage
  /** The model that answered, as the provider names it. */
  readonly model: string
  /** Keeps the answer for whoever asks the same again; absent: there is nothing to keep. */
  readonly accept?: Effect.Effect<void>
}

export interface Model {
  /** The full reference, `provider/model`. */
  readonly reference: string
  readonly generate: (request: Request) => Effect.Effect<Answer, LlmError>
}

export class Llm extends Context.Service<
  Llm,
  {
    /**
     * `undefined`: the application's default model. Of several the first is asked, and the next
     * where it cannot answer.
     */
    readonly resolve: (reference: string | ReadonlyArray<string> | undefined) => Effect.Effect<Model, LlmError>
    /**
     * True: models never exceed the `limits` of a request. Otherwise crews with limits are refused.
     * Default: false.
     */
    readonly enforcesLimits?: boolean
  }
>()("@crewline/core/Llm") {}
