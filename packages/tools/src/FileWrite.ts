/**
 * The tool `file_write`: writes a text file, whole or not at all. A file that has another content
 * is replaced only when the call says so; the same call again changes nothing.
 */
import { type ToolContext, type ToolError, ToolRetry } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as FileAccess from "./FileAccess.ts"

const Parameters = Schema.Struct({
  path: Schema.NonEmptyString,
  content: Schema.String,
  overwrite: Schema.optionalKey(Schema.Boolean),
  // CrewAI names the directory apart.
  directory: Schema.optionalKey(Schema.String)
})

export const make = (): Toolbox.Tool => {
  const tool = BuiltIn.make({
    name: "file_write",
    description: "Writes a text file. To replace a file, set overwrite.",
    parameters: Parameters,
    aliases: { filename: "path", file_path: "path", filePath: "path", file: "path", text: "content" },
    kind: "write",
    idempotent: true,
    origin: "agent",
    execute: (call, context) => write(call, context)
  })
  return { ...tool, parameters: withoutDirectory(tool.parameters) }
}

/** It is accepted and not advertised. */
const withoutDirectory = (parameters: Toolbox.Tool["parameters"]): Toolbox.Tool["parameters"] => {
  const { directory: _, ...properties } = parameters["properties"] as { readonly [name: string]: unknown }
  return { ...parameters, properties }
}

const write = Effect.fnUntraced(function* (
  { content, directory, overwrite = false, path: name }: typeof Parameters.Type,
  context: ToolContext
): Effect.fn.Return<string, ToolError> {
  const path = directory === undefined || /^\.?[/\\]?$/.test(directory) ? name : `${directory}/${name}`
  if (!content.isWellFormed()) {
    return yield* new ToolRetry({ message: "The content is not valid Unicode: it has half of a surrogate pair." })
  }
  if (!overwrite) {
    const names = yield* FileAccess.parse(path)
    const present = yield* Effect.option(context.workspace.read(names.join("/")))
    if (present._tag === "Some" && FileAccess.decode(present.value) !== content) {
      return yield* new ToolRetry({
        message: `"${path}" exists and has another content. Set overwrite to true to replace it, or choose another name.`
      })
    }
  }
  const written = yield* FileAccess.write(context, path, content)
  return `Wrote ${Buffer.byteLength(content)} bytes to ${written}.`
})
