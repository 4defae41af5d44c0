/**
 * A tool: data for the model plus an effect, and the two ways in which a call fails.
 */
import type * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"

/** The call was wrong in a way that the model can mend; the message tells it how. */
export class ToolRetry extends Schema.TaggedError<ToolRetry>()("ToolRetry", { message: Schema.String }) {}

/** The call cannot succeed; the message is shown to the model. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

export type ToolError = ToolRetry | ToolFailed

/** Who calls, and under which key: the same call delivered again after a crash carries the same `idempotencyKey`. */
export interface ToolContext {
  readonly executionId: string
  readonly taskId: string
  readonly agent: string
  readonly callId: string
  readonly idempotencyKey: string
}

export interface Tool {
  readonly name: string
  readonly description: string
  /** JSON Schema (2020-12) of the arguments object. */
  readonly parameters: JsonSchema.JsonSchema
  /** True when running the same call twice does no harm (reading, computing): then a crash in the middle simply runs it again. */
  readonly idempotent: boolean
  /** `arguments` have passed `parameters`. Interrupting stops the work. */
  readonly execute: (args: Schema.JsonObject, context: ToolContext) => Effect.Effect<Schema.Json, ToolError>
}
