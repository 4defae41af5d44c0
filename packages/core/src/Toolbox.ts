/**
 * The tools an agent may use, by name. A tool is data for the model plus an effect; its arguments
 * are validated before it runs.
 *
 * Failures are of two kinds: `ToolRetry` (the model may correct its call) and `ToolFailed` (final
 * for this call). Both are shown to the model as the call's result; neither ends the task.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Policy } from "./Policy.ts"
import * as Suggestion from "./Suggestion.ts"
import type { Tool } from "./Tool/Definition.ts"

export { type Tool, type ToolContext, type ToolError, ToolFailed, ToolRetry } from "./Tool/Definition.ts"

/** The maximum number of names in a message. */
const maxListed = 30

const listed = (names: ReadonlyArray<string>): string =>
  names.length > maxListed
    ? `${names.slice(0, maxListed).join(", ")} and ${names.length - maxListed} more`
    : names.join(", ") || "none"

/** There is no tool of this name. */
export class UnknownTool extends Schema.TaggedError<UnknownTool>()("UnknownTool", {
  tool: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    const meant = Suggestion.make().closest(this.tool, this.known)
    const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`
    return `There is no tool "${this.tool}".${hint} Available tools: ${listed(this.known)}.`
  }
}

/** The tools of the tenant cannot be read; no call is made until they can. */
export class ToolsUnavailable extends Schema.TaggedError<ToolsUnavailable>()("ToolsUnavailable", {
  description: Schema.String
}) {
  override get message() {
    return `The tools of the tenant cannot be read: ${this.description}`
  }
}

/** The policy of the tenant cannot be read; no call is made until it can. */
export class PolicyUnavailable extends Schema.TaggedError<PolicyUnavailable>()("PolicyUnavailable", {
  description: Schema.String
}) {
  override get message() {
    return `The tool policy of the tenant cannot be read: ${this.description}`
  }
}

export class Toolbox extends Context.Service<
  Toolbox,
  {
    /** The tools of the current tenant. */
    readonly list: Effect.Effect<ReadonlyArray<Tool>, ToolsUnavailable>
    readonly get: (name: string) => Effect.Effect<Tool, UnknownTool | ToolsUnavailable>
    /**
     * The policies of the current tenant, which all apply regardless of what its crews declare.
     * Absent: none.
     */
    readonly policy?: Effect.Effect<Policy | ReadonlyArray<Policy> | undefined, PolicyUnavailable>
  }
>()("@crewline/core/Toolbox") {}

/** The same tools for every tenant. */
export interface FixedToolbox {
  readonly list: Effect.Effect<ReadonlyArray<Tool>>
  readonly get: (name: string) => Effect.Effect<Tool, UnknownTool>
}

/** The policies of the current tenant. */
export const policies = ({ policy }: Toolbox["Service"]): Effect.Effect<ReadonlyArray<Policy>, PolicyUnavailable> =>
  policy === undefined
    ? Effect.succeed([])
    : Effect.map(policy, (found) => (found === undefined ? [] : "length" in found ? found : [found]))

/**
 * A toolbox of these tools, in this order. Two tools of one name are a mistake that throws a
 * `TypeError`.
 */
export const make = (tools: ReadonlyArray<Tool>): FixedToolbox => {
  const byName = new Map<string, Tool>()
  for (const tool of tools) {
    if (byName.has(tool.name)) throw new TypeError(`There are two tools with the name "${tool.name}": rename one.`)
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
