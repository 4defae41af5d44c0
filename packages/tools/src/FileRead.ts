/**
 * The tool `file_read`: text files of the workspace. Long files are read in parts, and the result
 * states how to continue.
 */
import { type ToolContext, type ToolError, ToolRetry } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as FileAccess from "./FileAccess.ts"

export interface Options {
  /** Characters of one answer. Default: 24,000 (about 6,000 tokens). */
  readonly maxCharacters?: number
}

const Line = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const Parameters = Schema.Struct({
  path: Schema.NonEmptyString,
  startLine: Schema.optionalKey(Line),
  lineCount: Schema.optionalKey(Line)
})

export const make = ({ maxCharacters = 24_000 }: Options = {}): Toolbox.Tool =>
  BuiltIn.make({
    name: "file_read",
    description: "Reads a text file; long files are returned in parts.",
    parameters: Parameters,
    paths: ["path"],
    aliases: {
      file_path: "path",
      filePath: "path",
      filename: "path",
      file: "path",
      start_line: "startLine",
      line_count: "lineCount"
    },
    kind: "read",
    idempotent: true,
    origin: "document",
    // This tool limits its answers itself.
    maxResult: maxCharacters * 2,
    execute: (call, context) => read(call, context, maxCharacters)
  })

const read = (
  call: typeof Parameters.Type,
  context: ToolContext,
  maxCharacters: number
): Effect.Effect<string, ToolError> =>
  Effect.matchEffect(FileAccess.text(context, call.path), {
    onSuccess: (text) => part(call, text, maxCharacters),
    onFailure: (error) =>
      Effect.flatMap(directoryAt(call.path, context), (directory) =>
        directory === undefined ? Effect.fail(error) : Effect.succeed(directory)
      )
  })

/** The contents of the directory, if the path refers to one. */
const directoryAt = Effect.fnUntraced(function* (
  path: string,
  { workspace }: ToolContext
): Effect.fn.Return<string | undefined, ToolError> {
  const directory = (yield* FileAccess.parse(path)).join("/")
  const files = yield* Effect.orElseSucceed(workspace.list(directory), () => [])
  const names = FileAccess.entriesOf(files, directory)
  const where = directory || "The workspace"
  if (names.length > 0) return `${where} is a directory. It contains: ${FileAccess.listed(names)}`
  return directory === "" ? "The workspace has no files." : undefined
})

const part = (
  { lineCount = Infinity, path, startLine = 1 }: typeof Parameters.Type,
  text: string,
  maxCharacters: number
): Effect.Effect<string, ToolRetry> => {
  const lines = text.split(/\r\n|\n/)
  // A last line break ends the last line; it does not begin another.
  if (lines.at(-1) === "") lines.pop()
  if (lines.length === 0) return Effect.succeed("(The file is empty.)")
  if (startLine > lines.length) {
    const message = `"${path}" has ${lines.length} ${lines.length === 1 ? "line" : "lines"}; line ${startLine} is past the end.`
    return Effect.fail(new ToolRetry({ message }))
  }
  const taken: Array<string> = []
  let size = 0
  for (let at = startLine - 1; at < lines.length && taken.length < lineCount; at++) {
    const line = lines[at] ?? ""
    if (size + line.length > maxCharacters) {
      if (taken.length > 0) break
      const rest = line.length - maxCharacters
      taken.push(`${line.slice(0, maxCharacters)}… (${rest} more characters of this line omitted)`)
      break
    }
    taken.push(line)
    size += line.length + 1
  }
  const end = startLine - 1 + taken.length
  const content = taken.join("\n")
  if (startLine === 1 && end === lines.length) return Effect.succeed(content)
  const more = end < lines.length ? ` To continue, set startLine to ${end + 1}.` : ""
  return Effect.succeed(`${content}\n\n[Lines ${startLine} to ${end} of ${lines.length}.${more}]`)
}
