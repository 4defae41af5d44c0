/**
 * The tool `file_write`: writes a text file atomically. A file with different content is replaced
 * only when the call requests it; repeating a call changes nothing.
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
  overwrite: Schema.optionalKey(Schema.Boolean)
})

export const make = (): Toolbox.Tool =>
  BuiltIn.make({
    name: "file_write",
    description: "Writes a text file. To replace a file, set overwrite.",
    parameters: Parameters,
    paths: ["path"],
    aliases: {
      filename: "path",
      file_path: "path",
      filePath: "path",
      file: "path",
      text: "content",
      // CrewAI passes the directory separately.
      directory: { parentOf: "path" }
    },
    kind: "write",
    idempotent: true,
    origin: "agent",
    execute: (call, context) => write(call, context)
  })

const write = Effect.fnUntraced(function* (
  { content, overwrite = false, path }: typeof Parameters.Type,
  context: ToolContext
): Effect.fn.Return<string, ToolError> {
  if (!content.isWellFormed()) {
    return yield* new ToolRetry({ message: "The content is not valid Unicode: it contains an unpaired surrogate." })
  }
  if (!overwrite) {
    const names = yield* FileAccess.parse(path)
    const present = yield* Effect.option(context.workspace.read(names.join("/")))
    if (present._tag === "Some" && FileAccess.decode(present.value) !== content) {
      return yield* new ToolRetry({
        message: `"${path}" already exists with different content. Set overwrite to true to replace it, or choose another name.`
      })
    }
  }
  const written = yield* FileAccess.write(context, path, content)
  return `Wrote ${Buffer.byteLength(content)} bytes to ${written}.`
})
