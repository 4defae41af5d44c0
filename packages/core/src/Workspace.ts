/**
 * The directory that a crew may read its attachments from and write its output files to, and
 * nothing outside of it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as FileFailure from "./FileFailure.ts"

/** The file could not be read or written; the message says which and why. */
export class WorkspaceError extends Schema.TaggedError<WorkspaceError>()("WorkspaceError", {
  path: Schema.String,
  description: Schema.String
}) {
  override get message() {
    return `${this.path}: ${this.description}`
  }
}

export class Workspace extends Context.Service<
  Workspace,
  {
    /**
     * Writes a file below the directory, whole or not at all, making folders as needed. The same
     * write again changes nothing. Paths are relative; one that leads outside, also through a
     * symbolic link, is refused.
     */
    readonly write: (path: string, content: string) => Effect.Effect<void, WorkspaceError>
    /**
     * The bytes of a file below the directory, at most `maxBytes`. Paths that lead outside are
     * refused, as in `write`.
     */
    readonly read: (path: string) => Effect.Effect<Uint8Array, WorkspaceError>
  }
>()("@crewline/core/Workspace") {}

/** The largest file that is read, in bytes: providers take no larger ones. */
export const maxBytes = 32 * 1024 * 1024

/**
 * What went wrong, in words. Clients see them, and the directories of the server are none of their
 * business: only the log names them.
 */
const failed = (access: "read" | "written", path: string, target: string) => (error: PlatformError.PlatformError) => {
  const why = `cannot be ${access}: ${FileFailure.describe(error)}`
  const advice =
    access === "written" && FileFailure.isUnwritable(error) ? "; make the workspace directory writable" : ""
  return Effect.andThen(
    Effect.logWarning(`The workspace file ${target} ${why}`),
    Effect.fail(new WorkspaceError({ path, description: `${why}${advice}` }))
  )
}

const nowhere = (path: string) =>
  Effect.fail(
    new WorkspaceError({
      path,
      description: "this application has no workspace directory: provide Workspace.layer({ directory })"
    })
  )

/** For applications whose crews use no files: everything is refused. */
export const layerNone: Layer.Layer<Workspace> = Layer.succeed(Workspace, { write: nowhere, read: nowhere })

/** Files below `directory`, which is made when the first file is written. */
export const layer = (options: {
  readonly directory: string
}): Layer.Layer<Workspace, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Workspace,
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const paths = yield* Path.Path
      const root = paths.resolve(options.directory)
      const inside = (path: string, base: string) => path === base || path.startsWith(base + paths.sep)
      const outsideOf = (path: string) =>
        Effect.fail(new WorkspaceError({ path, description: "leads outside the workspace directory" }))
      const leadsOutside = (path: string, target: string) =>
        paths.isAbsolute(path) || target === root || !inside(target, root)
      /**
       * With the folders above it. Node's own recursion says of a read-only file system that the
       * folder does not exist.
       */
      const makeFolder = Effect.fnUntraced(function* (path: string) {
        const missing: Array<string> = []
        for (let at = path; !(yield* fileSystem.exists(at)); at = paths.dirname(at)) missing.push(at)
        // Another write may have made it meanwhile.
        for (const each of missing.toReversed())
          yield* Effect.catchReason(fileSystem.makeDirectory(each), "PlatformError", "AlreadyExists", () => Effect.void)
      })
      const write = Effect.fnUntraced(
        function* (path: string, content: string) {
          const target = paths.resolve(root, path)
          const outside = outsideOf(path)
          if (leadsOutside(path, target)) return yield* outside
          const folder = paths.dirname(target)
          yield* makeFolder(root)
          // The nearest folder that exists must be inside once links are followed: only then are
          // folders made below it.
          let existing = folder
          while (!(yield* fileSystem.exists(existing))) existing = paths.dirname(existing)
          if (!inside(yield* fileSystem.realPath(existing), yield* fileSystem.realPath(root))) return yield* outside
          yield* makeFolder(folder)
          // A temporary file stands in a folder of its own; that goes with the scope, however this
          // ends.
          const temporary = yield* fileSystem.makeTempFileScoped({ directory: folder, prefix: ".crewline-" })
          yield* fileSystem.writeFileString(temporary, content)
          yield* fileSystem.rename(temporary, target)
        },
        Effect.scoped,
        (effect, path) => Effect.catchTag(effect, "PlatformError", failed("written", path, paths.resolve(root, path)))
      )
      const read = Effect.fnUntraced(
        function* (path: string) {
          const target = paths.resolve(root, path)
          if (leadsOutside(path, target)) return yield* outsideOf(path)
          const absent = Effect.fail(
            new WorkspaceError({ path, description: "the file does not exist in the workspace" })
          )
          if (!(yield* fileSystem.exists(target))) return yield* absent
          const real = yield* fileSystem.realPath(target)
          if (!inside(real, yield* fileSystem.realPath(root))) return yield* outsideOf(path)
          const { size, type } = yield* fileSystem.stat(real)
          if (type !== "File") return yield* new WorkspaceError({ path, description: "is not a file" })
          if (size > maxBytes) {
            const description = `has ${Math.ceil(Number(size) / 1024 / 1024)} MB; the maximum is ${maxBytes / 1024 / 1024} MB`
            return yield* new WorkspaceError({ path, description })
          }
          return yield* fileSystem.readFile(real)
        },
        (effect, path) => Effect.catchTag(effect, "PlatformError", failed("read", path, paths.resolve(root, path)))
      )
      return Workspace.of({ write, read })
    })
  )
