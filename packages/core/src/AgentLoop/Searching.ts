/**
 * The tool with which an agent searches the toolbox. The agent can call the tools found from the
 * next turn on. The logged result contains their names, so a resumed run has the same tools.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { searchTool } from "../Agent.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import * as Policy from "../Policy.ts"
import * as Tool from "../Tool.ts"
import {
  type Tool as AnyTool,
  type Toolbox,
  type ToolError,
  ToolFailed,
  ToolRetry,
  type ToolsUnavailable
} from "../Toolbox.ts"
import * as ToolSearch from "../ToolSearch.ts"

/** The maximum number of tools that one search returns. */
const maxFound = 5

/** Tools by name, each with the turn whose search found it first. */
export type Found = Map<string, { readonly tool: AnyTool; readonly turn: number }>

/** The names that a recorded search found; empty for any other call. */
export const namesIn = ({ isFailure, result, tool }: ExecutionEvent.ToolCalled): ReadonlyArray<string> => {
  if (tool !== searchTool || isFailure || !Predicate.isReadonlyObject(result) || !Array.isArray(result["tools"]))
    return []
  return result["tools"].filter(Predicate.isString)
}

export interface Options {
  readonly toolbox: Toolbox["Service"]
  readonly policies: ReadonlyArray<Policy.Scoped>
  /** Tools that are found are added here. */
  readonly found: Found
}

/** Tools of which every call would be refused are omitted. */
export const tool = ({ found, policies, toolbox }: Options): AnyTool =>
  Tool.make({
    name: searchTool,
    description: `Finds up to ${maxFound} tools by what they do. You can call them from your next turn on.`,
    parameters: {
      type: "object",
      properties: { query: { type: "string", minLength: 1 } },
      required: ["query"],
      additionalProperties: false
    },
    idempotent: true,
    kind: "read",
    source: "built-in",
    origin: "agent",
    execute: ({ query }, { turn }): Effect.Effect<Schema.Json, ToolError> =>
      Effect.flatMap(Effect.mapError(toolbox.list, notListed), (all) => {
        const callable = all.filter(
          ({ kind = Policy.defaultKind, name }) => !Policy.refusesAll({ tool: name, kind }, policies)
        )
        const tools = ToolSearch.find(callable, typeof query === "string" ? query : "").slice(0, maxFound)
        for (const each of tools) if (!found.has(each.name)) found.set(each.name, { tool: each, turn })
        return tools.length === 0
          ? Effect.fail(new ToolRetry({ message: "No tool matches. Describe in other words what the tool must do." }))
          : Effect.succeed({ tools: tools.map(({ name }) => name) })
      })
  })

const notListed = ({ message }: ToolsUnavailable): ToolFailed => new ToolFailed({ message, code: "tools-unavailable" })

/** Tools that earlier runs have found and that are still in the toolbox. */
export const again = (
  toolbox: Toolbox["Service"],
  known: ReadonlyMap<string, number>
): Effect.Effect<Found, ToolsUnavailable> =>
  Effect.map(
    Effect.forEach(known, ([name, turn]) =>
      toolbox.get(name).pipe(
        Effect.map((each) => [[name, { tool: each, turn }] as const]),
        Effect.catchTag("UnknownTool", () => Effect.succeed([]))
      )
    ),
    (entries) => new Map(entries.flat())
  )
