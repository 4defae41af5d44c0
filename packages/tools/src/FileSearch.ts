/**
 * The tool `file_search`: lines that contain a text or match a pattern, in the text files below a
 * directory. Patterns are matched in linear time, so that none of them can block the process.
 */
import * as Pattern from "@crewline/core/Pattern"
import { type ToolContext, type ToolError, ToolRetry } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as FileAccess from "./FileAccess.ts"

const Parameters = Schema.Struct({
  query: Schema.NonEmptyString,
  path: Schema.optionalKey(Schema.String),
  regex: Schema.optionalKey(Schema.Boolean)
})

export const make = (): Toolbox.Tool =>
  BuiltIn.make({
    name: "file_search",
    description: "Finds lines with a text, or with regex a pattern, in files below path.",
    parameters: Parameters,
    paths: ["path"],
    aliases: { search_query: "query", pattern: "query", text: "query", directory: "path", txt: "path", csv: "path" },
    kind: "read",
    idempotent: true,
    origin: "document",
    execute: (call, context) => search(call, context)
  })

const maxMatches = 100
/** Larger files are skipped, and so are files after this many bytes in total. */
const maxFileBytes = 8 * 1024 * 1024
const maxTotalBytes = 64 * 1024 * 1024
const maxShown = 300

interface Found {
  readonly lines: Array<string>
  readonly passedOver: Array<string>
  bytes: number
}

const search = Effect.fnUntraced(function* (
  { path = "", query, regex = false }: typeof Parameters.Type,
  context: ToolContext
): Effect.fn.Return<string, ToolError> {
  const matches = yield* matcher(query, regex)
  const names = yield* FileAccess.parse(path)
  const files = yield* FileAccess.list(context, path).pipe(
    // The path may name a file.
    Effect.catchTag("ToolRetry", (error) =>
      Effect.map(
        Effect.mapError(FileAccess.read(context, path), () => error),
        (bytes) => [{ path: names.join("/"), size: bytes.length, modifiedAt: "" }]
      )
    )
  )
  const found: Found = { lines: [], passedOver: [], bytes: 0 }
  for (const file of files) {
    if (found.lines.length > maxMatches) break
    if (file.size > maxFileBytes || found.bytes + file.size > maxTotalBytes) {
      found.passedOver.push(file.path)
      continue
    }
    found.bytes += file.size
    // Another task may have removed it meanwhile.
    const bytes = yield* Effect.option(context.workspace.read(file.path))
    const text = bytes._tag === "Some" ? FileAccess.decode(bytes.value) : undefined
    if (text !== undefined) yield* inFile(file.path, text, matches, found)
  }
  return report(query, files.length, found)
})

type Matcher = (line: string) => Result.Result<boolean, string>

const matcher = (query: string, isPattern: boolean): Effect.Effect<Matcher, ToolRetry> => {
  if (!isPattern) {
    const folded = query.toLowerCase()
    return Effect.succeed((line) => Result.succeed(line.toLowerCase().includes(folded)))
  }
  const work = Pattern.makeWork()
  return Result.match(Pattern.make(query), {
    onFailure: (reason) => Effect.fail(new ToolRetry({ message: `The pattern ${JSON.stringify(query)} ${reason}.` })),
    onSuccess: (pattern) => Effect.succeed((line) => pattern.test(line, work))
  })
}

const inFile = Effect.fnUntraced(function* (path: string, text: string, matches: Matcher, found: Found) {
  const lines = text.split(/\r\n|\n/)
  for (const [index, line] of lines.entries()) {
    const matched = matches(line)
    if (Result.isFailure(matched))
      return yield* new ToolRetry({ message: `The pattern ${matched.failure}: search in fewer files.` })
    if (!matched.success) continue
    found.lines.push(`${path}:${index + 1}: ${line.length > maxShown ? `${line.slice(0, maxShown)}…` : line}`)
    if (found.lines.length > maxMatches) return
  }
  // Let other fibers run.
  yield* Effect.yieldNow
})

const report = (query: string, files: number, { lines, passedOver }: Found): string => {
  const skipped = passedOver.length === 0 ? "" : `\n\n[Not searched, too large: ${FileAccess.listed(passedOver)}]`
  if (lines.length === 0)
    return `No line of ${files === 1 ? "1 file" : `${files} files`} matches ${JSON.stringify(query)}.${skipped}`
  const more = lines.length > maxMatches ? "\n\n[There are more matches: search for a longer text, or set path.]" : ""
  return `${lines.slice(0, maxMatches).join("\n")}${more}${skipped}`
}
