/** The tool `directory_list`: the files and directories of a directory, with their sizes. */
import type { ToolContext, ToolError } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import type { File } from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as FileAccess from "./FileAccess.ts"

const Parameters = Schema.Struct({
  path: Schema.optionalKey(Schema.String),
  recursive: Schema.optionalKey(Schema.Boolean)
})

export const make = (): Toolbox.Tool =>
  BuiltIn.make({
    name: "directory_list",
    description: "Lists a directory. Default: the workspace.",
    parameters: Parameters,
    paths: ["path"],
    aliases: { directory: "path", dir: "path", folder: "path", directory_path: "path" },
    kind: "read",
    idempotent: true,
    origin: "document",
    execute: (call, context) => list(call, context)
  })

const maxEntries = 500

const list = Effect.fnUntraced(function* (
  { path = "", recursive = false }: typeof Parameters.Type,
  context: ToolContext
): Effect.fn.Return<string, ToolError> {
  const directory = (yield* FileAccess.parse(path)).join("/")
  const files = yield* FileAccess.list(context, path)
  if (files.length === 0) return "The workspace has no files."
  const lines = recursive ? files.map((file) => line(file, directory)) : entries(files, directory)
  if (lines.length <= maxEntries) return lines.join("\n")
  const rest = lines.length - maxEntries
  return `${lines.slice(0, maxEntries).join("\n")}\n\n[${rest} more are not shown: list a subdirectory, or use file_search.]`
})

const line = (file: File, directory: string): string =>
  `${directory === "" ? file.path : file.path.slice(directory.length + 1)}  ${size(file.size)}`

const entries = (files: ReadonlyArray<File>, directory: string): ReadonlyArray<string> => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const prefix = directory === "" ? "" : `${directory}/`
  return FileAccess.entriesOf(files, directory).map((name) => {
    const file = byPath.get(`${prefix}${name}`)
    if (file !== undefined) return line(file, directory)
    const count = files.filter((each) => each.path.startsWith(`${prefix}${name}`)).length
    return `${name}  ${count === 1 ? "1 file" : `${count} files`}`
  })
}

const size = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
