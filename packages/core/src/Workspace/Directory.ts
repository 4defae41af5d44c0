/** A workspace that is a directory of the file system. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as FileFailure from "../FileFailure.ts"
import * as ExecutionPath from "./ExecutionPath.ts"
import { type File, type Files, maxBytes, WorkspaceError } from "./Files.ts"
import { normalPath } from "./NormalPath.ts"
import * as Quota from "./Quota.ts"

export interface Options {
  readonly directory: string
  /** The maximum total size of the files of one execution, in bytes. Default: no limit. */
  readonly maxTotalBytes?: number
}

/**
 * Describes the failure. Clients see the description, so only the log names directories of the
 * server.
 */
const failed = (access: "read" | "written", path: string, target: string) => (error: PlatformError.PlatformError) => {
  const why = `cannot be ${access}: ${FileFailure.describe(error)}`
  const advice =
    access === "written" && FileFailure.isUnwritable(error) ? "; make the workspace directory writable" : ""
  return Effect.andThen(
    Effect.logWarning(`The workspace file ${target} ${why}`),
    Effect.fail(new WorkspaceError({ path, description: `${why}${advice}`, code: "unavailable" }))
  )
}

const outside = (path: string) =>
  new WorkspaceError({ path, description: "leads outside the workspace directory", code: "path-refused" })
const absent = (path: string) =>
  new WorkspaceError({ path, description: "does not exist in the workspace", code: "not-found" })

type Failure = WorkspaceError | PlatformError.PlatformError

/** The files below one directory, which is created on the first write. */
export const make = (options: Options): Effect.Effect<Files, never, FileSystem.FileSystem | Path.Path> =>
  Effect.map(Effect.all([FileSystem.FileSystem, Path.Path]), ([fileSystem, paths]) =>
    filesBelow(new Directory(fileSystem, paths, options), paths)
  )

const filesBelow = (directory: Directory, paths: Path.Path): Files => {
  const locate = (path: string) => paths.resolve(directory.root, path)
  const guarded =
    (access: "read" | "written", path: string) =>
    <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A, WorkspaceError> =>
      Effect.catchTag(effect, "PlatformError", failed(access, path, locate(path)))
  return {
    write: (path, content) => Effect.scoped(directory.write(path, content)).pipe(guarded("written", path)),
    read: (path) => directory.read(path).pipe(guarded("read", path)),
    list: (folder = "") => directory.list(folder).pipe(guarded("read", folder)),
    remove: (path) => directory.remove(path).pipe(guarded("written", path))
  }
}

/** A directory for each execution, inside a directory for each tenant. */
export const perExecution = Effect.fnUntraced(function* (options: Options) {
  const fileSystem = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const root = paths.resolve(options.directory)
  const directoryOf = (executionId: string) =>
    Effect.map(ExecutionPath.executionPath(executionId), (path) => paths.join(root, path))
  const of = (executionId: string): Files => {
    const use = <A>(f: (files: Files) => Effect.Effect<A, WorkspaceError>) =>
      Effect.flatMap(directoryOf(executionId), (directory) =>
        f(filesBelow(new Directory(fileSystem, paths, { ...options, directory }), paths))
      )
    return {
      write: (path, content) => use((files) => files.write(path, content)),
      read: (path) => use((files) => files.read(path)),
      list: (folder) => use((files) => files.list(folder)),
      remove: (path) => use((files) => files.remove(path))
    }
  }
  const forget = Effect.fnUntraced(function* (executionId: string) {
    const directory = yield* directoryOf(executionId)
    yield* Effect.catchTag(
      fileSystem.remove(directory, { recursive: true, force: true }),
      "PlatformError",
      failed("written", executionId, directory)
    )
  })
  return { of, forget }
})

class Directory {
  readonly root: string
  readonly #fileSystem: FileSystem.FileSystem
  readonly #paths: Path.Path
  readonly #maxTotalBytes: number | undefined

  constructor(fileSystem: FileSystem.FileSystem, paths: Path.Path, { directory, maxTotalBytes }: Options) {
    this.#fileSystem = fileSystem
    this.#paths = paths
    this.root = paths.resolve(directory)
    this.#maxTotalBytes = maxTotalBytes
  }

  readonly write = Effect.fnUntraced(
    { self: this },
    function* (this: Directory, path: string, content: string | Uint8Array) {
      const relative = normalPath(path)
      if (relative === undefined) return yield* outside(path)
      const bytes = Quota.bytesOf(content)
      if (bytes.length > maxBytes) return yield* Quota.tooLarge(path, bytes.length)
      const target = this.#paths.resolve(this.root, relative)
      const folder = this.#paths.dirname(target)
      yield* this.#makeFolder(this.root)
      // The nearest existing folder must be inside the workspace after links are resolved; only
      // then create folders below it.
      let existing = folder
      while (!(yield* this.#fileSystem.exists(existing))) existing = this.#paths.dirname(existing)
      if (!(yield* this.#isInside(existing))) return yield* outside(path)
      if (this.#maxTotalBytes !== undefined) {
        const others = (yield* this.list("")).filter((file) => file.path !== relative)
        yield* Quota.check(path, Quota.total(others) + bytes.length, this.#maxTotalBytes)
      }
      yield* this.#makeFolder(folder)
      // The temporary file is in a separate folder, which is removed with the scope in every case.
      const temporary = yield* this.#fileSystem.makeTempFileScoped({ directory: folder, prefix: temporaryPrefix })
      yield* this.#fileSystem.writeFile(temporary, bytes)
      yield* this.#fileSystem.rename(temporary, target)
    }
  )

  readonly read = Effect.fnUntraced({ self: this }, function* (this: Directory, path: string) {
    const real = yield* this.#find(path)
    const { size, type } = yield* this.#fileSystem.stat(real)
    if (type !== "File") return yield* new WorkspaceError({ path, description: "is not a file", code: "path-refused" })
    if (size > maxBytes) return yield* Quota.tooLarge(path, Number(size))
    return yield* this.#fileSystem.readFile(real)
  })

  readonly list = Effect.fnUntraced({ self: this }, function* (this: Directory, folder: string) {
    const relative = isRoot(folder) ? "" : normalPath(folder.replace(/[\\/]+$/, ""))
    if (relative === undefined) return yield* outside(folder)
    const start = this.#paths.resolve(this.root, relative)
    if (!(yield* this.#fileSystem.exists(start))) return []
    if (!(yield* this.#isInside(start))) return yield* outside(folder)
    const found: Array<File> = []
    yield* this.#walk(start, relative, found)
    return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  })

  readonly remove = Effect.fnUntraced({ self: this }, function* (this: Directory, path: string) {
    const relative = normalPath(path)
    if (relative === undefined) return yield* outside(path)
    const target = this.#paths.resolve(this.root, relative)
    const folder = this.#paths.dirname(target)
    if (!(yield* this.#fileSystem.exists(folder))) return yield* absent(path)
    if (!(yield* this.#isInside(folder))) return yield* outside(path)
    // The link itself is removed, never its target.
    const isLink = Option.isSome(yield* Effect.option(this.#fileSystem.readLink(target)))
    if (!isLink) {
      if (!(yield* this.#fileSystem.exists(target))) return yield* absent(path)
      const { type } = yield* this.#fileSystem.stat(target)
      if (type !== "File")
        return yield* new WorkspaceError({ path, description: "is not a file", code: "path-refused" })
    }
    yield* this.#fileSystem.remove(target)
  })

  /** The location of a file after links are resolved. */
  readonly #find = Effect.fnUntraced({ self: this }, function* (this: Directory, path: string): Effect.fn.Return<
    string,
    Failure
  > {
    const relative = normalPath(path)
    if (relative === undefined) return yield* outside(path)
    const target = this.#paths.resolve(this.root, relative)
    if (!(yield* this.#fileSystem.exists(target))) return yield* absent(path)
    const real = yield* this.#fileSystem.realPath(target)
    return (yield* this.#isInside(target)) ? real : yield* outside(path)
  })

  readonly #isInside = Effect.fnUntraced({ self: this }, function* (this: Directory, path: string): Effect.fn.Return<
    boolean,
    PlatformError.PlatformError
  > {
    const real = yield* this.#fileSystem.realPath(path)
    const base = yield* this.#fileSystem.realPath(this.root)
    return real === base || real.startsWith(base + this.#paths.sep)
  })

  /** Links are neither followed nor listed, so each file is listed once. */
  readonly #walk = Effect.fnUntraced(
    { self: this },
    function* (
      this: Directory,
      directory: string,
      prefix: string,
      found: Array<File>
    ): Effect.fn.Return<void, Failure> {
      for (const { name, type } of yield* this.#fileSystem.readDirectoryEntries(directory)) {
        const path = prefix === "" ? name : `${prefix}/${name}`
        const full = this.#paths.join(directory, name)
        if (name.startsWith(temporaryPrefix)) continue
        if (type === "Directory") yield* this.#walk(full, path, found)
        else if (type === "File") {
          // Another process may have removed it meanwhile.
          const info = yield* Effect.option(this.#fileSystem.stat(full))
          if (Option.isNone(info)) continue
          const modifiedAt = Option.getOrElse(info.value.mtime, () => new Date(0)).toISOString()
          found.push({ path, size: Number(info.value.size), modifiedAt })
        }
      }
    }
  )

  /**
   * Creates the folder and its parents. On a read-only file system, Node's recursive mode reports
   * that the folder does not exist.
   */
  readonly #makeFolder = Effect.fnUntraced({ self: this }, function* (this: Directory, path: string): Effect.fn.Return<
    void,
    PlatformError.PlatformError
  > {
    const missing: Array<string> = []
    for (let at = path; !(yield* this.#fileSystem.exists(at)); at = this.#paths.dirname(at)) missing.push(at)
    // Another write may have created it meanwhile.
    for (const each of missing.toReversed())
      yield* Effect.catchReason(
        this.#fileSystem.makeDirectory(each),
        "PlatformError",
        "AlreadyExists",
        () => Effect.void
      )
  })
}

const temporaryPrefix = ".crewline-"

const isRoot = (folder: string): boolean => /^(\.?[\\/]*)$/.test(folder) && !/^[\\/]/.test(folder)
