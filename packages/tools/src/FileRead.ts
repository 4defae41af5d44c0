/**
 * The tool `file_read`: text files inside of one directory, and nothing outside of it, symbolic
 * links followed. Long files are read in parts, and the model is told how to go on.
 */
import * as FileFailure from "@crewline/core/FileFailure"
import * as Suggestion from "@crewline/core/Suggestion"
import * as Tool from "@crewline/core/Tool"
import type * as Toolbox from "@crewline/core/Toolbox"
import { type ToolError, ToolFailed, ToolRetry } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"

export interface Options {
  /** The directory that may be read. Relative paths of calls are relative to it. */
  readonly workspace: string
  /** Characters of one answer. Default: 24,000 (about 6,000 tokens). */
  readonly maxCharacters?: number
  /** Larger files are refused. Default: 16 MiB. */
  readonly maxBytes?: number
}

const Parameters = Schema.Struct({
  path: Schema.NonEmptyString.annotate({
    description: "The file, relative to the workspace, for example data/otters.csv"
  }),
  startLine: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "The first line to read. Default: 1"
    })
  ),
  lineCount: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({
      description: "Number of lines to read. Default: as many as fit"
    })
  )
})

/** Makes the tool. The directory is looked at only when a call comes, so it may be made later. */
export const make = (options: Options): Effect.Effect<Toolbox.Tool, never, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const reader = new Reader(options, yield* FileSystem.FileSystem, yield* Path.Path)
    return Tool.make({
      name: "file_read",
      description:
        "Reads a text file of the workspace. Long files are returned in parts: the result then ends with how to read on. For a directory, lists its entries.",
      parameters: Parameters,
      idempotent: true,
      origin: "document",
      execute: (call) => reader.read(call)
    })
  })

class Reader {
  readonly #options: Options
  readonly #fileSystem: FileSystem.FileSystem
  readonly #paths: Path.Path
  readonly #maxCharacters: number
  readonly #maxBytes: number

  constructor(options: Options, fileSystem: FileSystem.FileSystem, paths: Path.Path) {
    this.#options = options
    this.#fileSystem = fileSystem
    this.#paths = paths
    this.#maxCharacters = options.maxCharacters ?? 24_000
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024
  }

  readonly read = (call: typeof Parameters.Type): Effect.Effect<string, ToolError> =>
    this.#readFrom(call).pipe(
      Effect.catchTag("PlatformError", (error) =>
        // Its own text tells where the workspace lies, which is nobody's business.
        Effect.fail(new ToolFailed({ message: `"${call.path}" cannot be read: ${why(error)}.`, cause: error }))
      )
    )

  readonly #readFrom = Effect.fnUntraced(
    { self: this },
    function* (this: Reader, call: typeof Parameters.Type): Effect.fn.Return<string, ToolError | PlatformError> {
      const { path } = call
      const root = yield* this.#root()
      const target = this.#paths.resolve(root, path)
      if (path.includes("\0") || !this.#isInside(root, target)) return yield* outside(path)
      const real = yield* this.#fileSystem
        .realPath(target)
        .pipe(
          Effect.catchTag("PlatformError", (error) =>
            error.reason._tag === "NotFound" ? this.#notFound(root, target, path) : Effect.fail(error)
          )
        )
      if (!this.#isInside(root, real)) return yield* outside(path)
      const info = yield* this.#fileSystem.stat(real)
      if (info.type === "Directory") return yield* this.#directory(root, real)
      if (info.type !== "File") return yield* new ToolFailed({ message: `"${path}" is not a readable file.` })
      if (info.size > BigInt(this.#maxBytes)) {
        const message = `"${path}" is too large: ${megabytes(Number(info.size))}, but the maximum is ${megabytes(this.#maxBytes)}.`
        return yield* new ToolFailed({ message })
      }
      const text = decode(yield* this.#fileSystem.readFile(real))
      if (text === undefined) {
        return yield* new ToolFailed({
          message: `"${path}" is not UTF-8 text (it may be an image, an archive or a document).`
        })
      }
      return yield* this.#part(call, text)
    }
  )

  #root(): Effect.Effect<string, ToolFailed> {
    return this.#fileSystem
      .realPath(this.#paths.resolve(this.#options.workspace))
      .pipe(
        Effect.mapError(
          (error) => new ToolFailed({ message: `The workspace directory cannot be read: ${why(error)}.`, cause: error })
        )
      )
  }

  #isInside(root: string, path: string): boolean {
    const relative = this.#paths.relative(root, path)
    return relative !== ".." && !relative.startsWith(`..${this.#paths.sep}`) && !this.#paths.isAbsolute(relative)
  }

  #part(call: typeof Parameters.Type, text: string): Effect.Effect<string, ToolRetry> {
    const lines = text.split(/\r\n|\n/)
    // A last line break ends the last line; it does not begin another.
    if (lines.at(-1) === "") lines.pop()
    if (lines.length === 0) return Effect.succeed("(The file is empty.)")
    const { lineCount = Infinity, path, startLine = 1 } = call
    if (startLine > lines.length) {
      const message = `"${path}" has ${lines.length} ${lines.length === 1 ? "line" : "lines"}; line ${startLine} is past the end.`
      return Effect.fail(new ToolRetry({ message }))
    }
    const taken: Array<string> = []
    let size = 0
    for (let at = startLine - 1; at < lines.length && taken.length < lineCount; at++) {
      const line = lines[at] ?? ""
      if (size + line.length > this.#maxCharacters) {
        if (taken.length > 0) break
        const rest = line.length - this.#maxCharacters
        taken.push(`${line.slice(0, this.#maxCharacters)}… (${rest} more characters of this line omitted)`)
        break
      }
      taken.push(line)
      size += line.length + 1
    }
    const end = startLine - 1 + taken.length
    const content = taken.join("\n")
    if (startLine === 1 && end === lines.length) return Effect.succeed(content)
    const more = end < lines.length ? ` To read on: startLine ${end + 1}.` : ""
    return Effect.succeed(`${content}\n\n[Lines ${startLine} to ${end} of ${lines.length}.${more}]`)
  }

  readonly #directory = Effect.fnUntraced(
    { self: this },
    function* (this: Reader, root: string, directory: string): Effect.fn.Return<string, PlatformError> {
      const names = yield* this.#names(directory)
      const where = this.#paths.relative(root, directory) || "The workspace"
      return names.length === 0
        ? `${where} is an empty directory.`
        : `${where} is a directory. It contains: ${listed(names)}`
    }
  )

  /** Sorted; directories end in a slash. */
  #names(directory: string): Effect.Effect<ReadonlyArray<string>, PlatformError> {
    return Effect.map(this.#fileSystem.readDirectoryEntries(directory), (entries) =>
      entries.map(({ name, type }) => (type === "Directory" ? `${name}/` : name)).toSorted()
    )
  }

  /**
   * Says what there is in the directory where the file should be, or in the nearest one above that
   * exists.
   */
  readonly #notFound = Effect.fnUntraced(
    { self: this },
    function* (
      this: Reader,
      root: string,
      target: string,
      path: string
    ): Effect.fn.Return<never, ToolError | PlatformError> {
      let missing = target
      let directory = this.#paths.dirname(target)
      while (directory !== root && !(yield* this.#fileSystem.exists(directory))) {
        missing = directory
        directory = this.#paths.dirname(directory)
      }
      // A link on the way may lead out.
      if (!this.#isInside(root, yield* this.#fileSystem.realPath(directory))) return yield* outside(path)
      const names = yield* this.#names(directory)
      const near = Suggestion.make().closest(
        this.#paths.basename(missing),
        names.map((name) => name.replace(/\/$/, ""))
      )
      const relative = this.#paths.relative(root, directory)
      const prefix = relative === "" ? "" : `${relative}/`
      const meant = names.find((name) => name === near || name === `${near}/`)
      const suggestion = meant === undefined ? "" : ` Did you mean "${prefix}${meant}"?`
      const holds = names.length === 0 ? "is empty" : `contains: ${listed(names)}`
      const where = relative === "" ? "The workspace" : `"${relative}"`
      return yield* new ToolRetry({ message: `There is no file "${path}".${suggestion} ${where} ${holds}` })
    }
  )
}

/** Names of a directory, cut when many. */
const listed = (names: ReadonlyArray<string>): string =>
  names.length > 30 ? `${names.slice(0, 30).join(", ")} and ${names.length - 30} more` : names.join(", ")

const outside = (path: string): Effect.Effect<never, ToolRetry> =>
  Effect.fail(
    new ToolRetry({
      message: `"${path}" is outside the workspace and cannot be read. Use a path relative to the workspace.`
    })
  )

const why = (error: PlatformError): string =>
  error.reason._tag === "NotFound" ? "it does not exist" : FileFailure.describe(error)

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`

const decode = (bytes: Uint8Array): string | undefined => {
  // Text holds no zero bytes; UTF-16 and most binary formats do, early.
  if (bytes.subarray(0, 8_192).includes(0)) return undefined
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
