/** Tools as clients see them. */
import * as CoreTool from "@crewline/core/Tool"
import type { Tool } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Api from "./Api/Tools.ts"

/** A JSON Schema is JSON; its type in Effect only does not say so. */
const asJson = (schema: object) => JSON.parse(JSON.stringify(schema)) as Schema.JsonObject

/** `api`: the name that a registered tool was registered by. */
export const of = (tool: Tool, api?: string): Effect.Effect<Api.Tool> =>
  Effect.map(CoreTool.hashOf(tool), (hash) => ({
    name: tool.name,
    description: tool.description,
    parameters: asJson(tool.parameters),
    ...(tool.output === undefined ? {} : { output: asJson(tool.output) }),
    kind: tool.kind ?? CoreTool.defaultKind,
    source: tool.source ?? "code",
    ...(api === undefined ? {} : { api }),
    idempotent: tool.idempotent,
    hash
  }))
