/**
 * The best way to request structured output that a server supports: a response format with the
 * schema, a required tool call, or any JSON; otherwise, only the prompt requests it.
 */
import type { Request } from "@crewline/core/Llm"
import type * as Capabilities from "../Provider/Capabilities.ts"
import * as SchemaFormat from "./SchemaFormat.ts"

export interface Means {
  readonly format?: { readonly type: "json_object" } | ({ readonly type: "json_schema" } & SchemaFormat.SchemaFormat)
  readonly tool?: { readonly name: string; readonly parameters: SchemaFormat.SchemaFormat["schema"] }
}

/** Of the tool. */
export const description = "Gives the answer."

interface Options {
  readonly isOpenAi: boolean
  readonly lacking: ReadonlySet<Capabilities.Feature>
}

export const of = ({ isOpenAi, lacking }: Options, request: Request): Means => {
  const format = SchemaFormat.ofRequest(request, isOpenAi)
  if (format === undefined) return {}
  if (!lacking.has("json_schema")) return { format: { type: "json_schema", ...format } }
  const callable = request.tools.length > 0 && request.toolChoice !== "none"
  if (!callable && !lacking.has("tools")) {
    const isTaken = request.tools.some(({ name }) => name === format.name)
    return {
      tool: { name: isTaken ? `${format.name.slice(0, 57)}_answer` : format.name, parameters: format.schema }
    }
  }
  return lacking.has("json_object") ? {} : { format: { type: "json_object" } }
}
