/**
 * Files of the workspace for tools: paths are checked first, and failures suggest likely
 * alternatives.
 */
import * as PathGuard from "@crewline/core/PathGuard"
import * as Suggestion from "@crewline/core/Suggestion"
import { type ToolContext, type ToolError, ToolFailed, ToolRetry } from "@crewline/core/Toolbox"
import type { File, WorkspaceError } from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/** The names of a path; empty: the workspace itself. */
export const parse = (path: string): Effect.Effect<ReadonlyArray<string>, ToolRetry> =>
  Result.match(PathGuard.parse(path), {
    onFailure: (reason) => Effect.fail(refused(path, reason)),
    onSuccess: Effect.succeed
  })

/** The bytes of a file. */
export const read = Effect.fnUntraced(function* (
  { workspace }: ToolContext,
  path: string
): Effect.fn.Return<Uint8Array, ToolError> {
  const names = yield* parse(path)
  if (names.length === 0) return yield* refused(path, "is a directory")
  return yield* workspace.read(names.join("/")).pipe(
    Effect.catchTag("WorkspaceError", (error) =>
      error.code === "not-found"
        ? Effect.flatMap(
            Effect.orElseSucceed(workspace.list(), () => []),
            (files) => missing(path, names, files)
          )
        : Effect.fail(toolError(path, error))
    )
  )
})

/** A file as text. */
export const text = (context: ToolContext, path: string): Effect.Effect<string, ToolError> =>
  Effect.flatMap(read(context, path), (bytes) => {
    const decoded = decode(bytes)
    if (decoded !== undefined) return Effect.succeed(decoded)
    const message = `"${path}" is not UTF-8 text (it may be an image, an archive or a document).`
    return Effect.fail(new ToolFailed({ message }))
  })

/** Writes a file; the result is its path as shown in lists. */
export const write = Effect.fnUntraced(function* (
  { workspace }: ToolContext,
  path: string,
  content: string | Uint8Array
): Effect.fn.Return<string, ToolError> {
  const names = yield* parse(path)
  if (names.length === 0) return yield* refused(path, "is a directory")
  const target = names.join("/")
  yield* Effect.mapError(workspace.write(target, content), (error) => toolError(path, error))
  return target
})

/** All files below a directory. */
export const list = Effect.fnUntraced(function* (
  { workspace }: ToolContext,
  path: string
): Effect.fn.Return<ReadonlyArray<File>, ToolError> {
  const names = yield* parse(path)
  const files = yield* Effect.mapError(workspace.list(names.join("/")), (error) => toolError(path, error))
  if (files.length > 0 || names.length === 0) return files
  return yield* missing(path, names, yield* Effect.orElseSucceed(workspace.list(), () => []))
})

/** Text without zero bytes; `undefined`: the bytes are not text. */
export const decode = (bytes: Uint8Array): string | undefined => {
  // UTF-16 and most binary formats have zero bytes, early.
  if (bytes.subarray(0, 8_192).includes(0)) return undefined
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Names of a directory, sorted; directories end in a slash. */
export const entriesOf = (files: ReadonlyArray<File>, directory: string): ReadonlyArray<string> => {
  const prefix = directory === "" ? "" : `${directory}/`
  const names = files.flatMap(({ path }) => {
    if (!path.startsWith(prefix)) return []
    const [first = "", ...rest] = path.slice(prefix.length).split("/")
    return rest.length === 0 ? first : `${first}/`
  })
  return [...new Set(names)].toSorted()
}

const maxListed = 30

/** Names in one line, cut when there are many. */
export const listed = (names: ReadonlyArray<string>): string =>
  names.length > maxListed
    ? `${names.slice(0, maxListed).join(", ")} and ${names.length - maxListed} more`
    : names.join(", ")

export const refused = (path: string, reason: string): ToolRetry =>
  new ToolRetry({ message: `"${path}" ${reason}.`, code: "path-refused" })

const toolError = (path: string, error: WorkspaceError): ToolError => {
  if (error.code === "path-refused") return refused(path, error.description)
  const code = error.code === "too-large" ? { code: error.code } : {}
  return new ToolFailed({ message: `"${path}" ${error.description}.`, ...code })
}

/** Lists the contents of the directory, or of its nearest existing parent. */
const missing = (
  path: string,
  names: ReadonlyArray<string>,
  files: ReadonlyArray<File>
): Effect.Effect<never, ToolRetry> => {
  let depth = names.length - 1
  while (depth > 0 && entriesOf(files, names.slice(0, depth).join("/")).length === 0) depth--
  const directory = names.slice(0, depth).join("/")
  const entries = entriesOf(files, directory)
  const near = Suggestion.make().closest(
    names[depth] ?? "",
    entries.map((entry) => entry.replace(/\/$/, ""))
  )
  const meant = entries.find((entry) => entry === near || entry === `${near}/`)
  const prefix = directory === "" ? "" : `${directory}/`
  const suggestion = meant === undefined ? "" : ` Did you mean "${prefix}${meant}"?`
  const where = directory === "" ? "The workspace" : `"${directory}"`
  const holds = entries.length === 0 ? "has no files" : `contains: ${listed(entries)}`
  return Effect.fail(new ToolRetry({ message: `There is no file "${path}".${suggestion} ${where} ${holds}` }))
}
