/**
 * The tools an agent may use, by name. A tool is data for the model plus an effect; its arguments are validated before it runs.
 *
 * Failures are of two kinds: `ToolRetry` (the model may correct its call) and `ToolFailed` (final for this call). Both are shown to
 * the model as the call's result; neither ends the task.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** The call was wrong in a way that the model can mend; the message tells it how. */
export class ToolRetry extends Schema.TaggedError<ToolRetry>()("ToolRetry", { message: Schema.String }) {}

/** The call cannot succeed; the message is shown to the model. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

export type ToolError = ToolRetry | ToolFailed

/** There is no tool of this name. */
export class UnknownTool extends Schema.TaggedError<UnknownTool>()("UnknownTool", {
  tool: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `There is no tool "${this.tool}"; there are: ${this.known.join(", ") || "none"}.`
  }
}

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

export class Toolbox extends Context.Service<
  Toolbox,
  {
    readonly list: Effect.Effect<ReadonlyArray<Tool>>
    readonly get: (name: string) => Effect.Effect<Tool, UnknownTool>
  }
>()("@crewline/core/Toolbox") {}

/** A toolbox of these tools, in this order. Two tools of one name are a mistake that throws a `TypeError`. */
export const make = (tools: ReadonlyArray<Tool>): Toolbox["Service"] => {
  const byName = new Map<string, Tool>()
  for (const tool of tools) {
    if (byName.has(tool.name)) throw new TypeError(`There are two tools of the name "${tool.name}": rename one.`)
    byName.set(tool.name, tool)
  }
  const list = [...tools]
  const known = list.map((tool) => tool.name)
  return {
    list: Effect.succeed(list),
    get: (name) => {
      const tool = byName.get(name)
      return tool === undefined ? Effect.fail(new UnknownTool({ tool: name, known })) : Effect.succeed(tool)
    }
  }
}

/** The tools that are given, and no others. */
export const layer = (tools: ReadonlyArray<Tool>): Layer.Layer<Toolbox> => Layer.sync(Toolbox, () => make(tools))

/** No tools at all. */
export const layerLocal: Layer.Layer<Toolbox> = layer([])
