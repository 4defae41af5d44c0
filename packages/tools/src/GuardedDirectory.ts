/**
 * The files of a workspace in a directory of this machine. Nothing outside the directory is read,
 * written, listed or removed, even if links are created or replaced while a call runs: each name of
 * a path is opened relative to the directory before it, and never through a link. Links that stay
 * inside are resolved manually in the same way.
 *
 * This applies to Linux, where `/proc/self/fd` provides paths of open directories. On other
 * systems, a path is resolved, and the opened file is compared with it afterwards; replacing a link
 * twice within one call could defeat this check.
 *
 * Only regular files are read: no devices, pipes or sockets, and no files with several hard links,
 * because they may be shared with a file outside the directory.
 */
import * as FileFailure from "@crewline/core/FileFailure"
import * as PathGuard from "@crewline/core/PathGuard"
import * as Workspace from "@crewline/core/Workspace"
import { type Files, maxBytes, WorkspaceError } from "@crewline/core/Workspace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { Listing } from "./GuardedDirectory/Listing.ts"
import * as Opened from "./GuardedDirectory/Opened.ts"
import { Refused } from "./GuardedDirectory/Refused.ts"
import * as Walk from "./GuardedDirectory/Walk.ts"

export interface Options {
  readonly directory: string
  /** The maximum total size of all files, in bytes. Default: no limit. */
  readonly maxTotalBytes?: number
}

export interface LayerOptions extends Options {
  /**
   * True: each execution has its own directory, `<directory>/<tenant>/<execution>`. Default: all
   * executions share `directory` itself, for one user on one machine.
   */
  readonly perExecution?: boolean
}

/** The files below the directory, which is created on the first write. */
export const make = (options: Options): Files => ({
  write: (path, content) =>
    guarded({ directory: options.directory, path }, "written", async () => {
      const bytes = typeof content === "string" ? Buffer.from(content) : content
      if (bytes.length > maxBytes) throw Workspace.tooLarge(path, bytes.length)
      const names = fileOf(path)
      await Opened.makeRoot(options.directory)
      const { maxTotalBytes } = options
      if (maxTotalBytes === undefined) return writeTo(options.directory, names, bytes)
      return inTurn(options.directory, () => writeTo(options.directory, names, bytes, maxTotalBytes))
    }),
  read: (path) =>
    guarded({ directory: options.directory, path }, "read", async () => {
      const names = fileOf(path)
      return Walk.within(options.directory, async (walk) => Opened.read(await walk.to(names), maxBytes))
    }),
  list: (folder = "") =>
    guarded({ directory: options.directory, path: folder }, "read", async () => {
      const names = folderOf(folder)
      return Walk.within(options.directory, (walk) => new Listing(walk).below(names))
    }).pipe(
      Effect.catchTag("WorkspaceError", (error) =>
        error.code === "not-found" ? Effect.succeed([]) : Effect.fail(error)
      )
    ),
  remove: (path) =>
    guarded({ directory: options.directory, path }, "written", async () => {
      const names = fileOf(path)
      return Walk.within(options.directory, async (walk) => Opened.remove(await walk.to(names, { keepsLink: true })))
    })
})

const writeTo = (
  directory: string,
  names: ReadonlyArray<string>,
  bytes: Uint8Array,
  maxTotalBytes?: number
): Promise<void> =>
  Walk.within(directory, async (walk) => {
    if (maxTotalBytes !== undefined) await checkQuota(walk, names, bytes.length, maxTotalBytes)
    await Opened.write(await walk.to(names, { makes: true }), bytes)
  })

/** The last write of each directory that has a quota. */
const writes = new Map<string, Promise<unknown>>()

/** Writes of this process one after the other: each would count without the others. */
const inTurn = <A>(directory: string, write: () => Promise<A>): Promise<A> => {
  const before = writes.get(directory) ?? Promise.resolve()
  const written = before.then(write, write)
  writes.set(directory, written)
  const leave = () => {
    if (writes.get(directory) === written) writes.delete(directory)
  }
  written.then(leave, leave)
  return written
}

/** The workspaces of executions in a directory of this machine. */
export const layer = (options: LayerOptions): Layer.Layer<Workspace.Workspace> =>
  Layer.succeed(
    Workspace.Workspace,
    options.perExecution === true ? perExecution(options) : Workspace.shared(make(options))
  )

/** Each execution has a directory, inside a directory for each tenant. */
const perExecution = (options: Options): Workspace.Workspace["Service"] => {
  const use = <A>(id: string, f: (files: Files) => Effect.Effect<A, WorkspaceError>) =>
    Effect.flatMap(Workspace.executionPath(id), (path) =>
      f(make({ ...options, directory: join(options.directory, path) }))
    )
  return {
    of: (id) => ({
      write: (path, content) => use(id, (files) => files.write(path, content)),
      read: (path) => use(id, (files) => files.read(path)),
      list: (folder) => use(id, (files) => files.list(folder)),
      remove: (path) => use(id, (files) => files.remove(path))
    }),
    forget: (id) =>
      Effect.flatMap(Workspace.executionPath(id), (path) =>
        guarded({ directory: options.directory, path: id }, "written", () =>
          rm(join(options.directory, path), { recursive: true, force: true })
        )
      )
  }
}

const fileOf = (path: string): ReadonlyArray<string> =>
  Result.getOrThrowWith(PathGuard.parseFile(path), (reason) => new Refused(reason))

const folderOf = (path: string): ReadonlyArray<string> =>
  Result.getOrThrowWith(PathGuard.parse(path), (reason) => new Refused(reason))

const checkQuota = async (
  walk: Walk.Walk,
  names: ReadonlyArray<string>,
  bytes: number,
  maxTotalBytes: number
): Promise<void> => {
  const path = names.join("/")
  const files = await new Listing(walk).below([])
  const others = files.reduce((sum, file) => (file.path === path ? sum : sum + file.size), 0)
  if (others + bytes <= maxTotalBytes) return
  throw Workspace.quotaExceeded(path, maxTotalBytes)
}

const guarded = <A>(
  { directory, path }: { readonly directory: string; readonly path: string },
  access: "read" | "written",
  work: () => Promise<A>
): Effect.Effect<A, WorkspaceError> =>
  Effect.tryPromise({
    try: work,
    catch: (error) => {
      if (error instanceof WorkspaceError) return error
      if (error instanceof Refused)
        return new WorkspaceError({ path, description: error.message, code: "path-refused" })
      if (error instanceof Opened.TooLarge) return Workspace.tooLarge(path, error.bytes)
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT"
      if (isAbsent) {
        return new WorkspaceError({ path, description: "does not exist in the workspace", code: "not-found" })
      }
      // The message of the error names the directory on this machine.
      const advice =
        FileFailure.isUnwritable(error) && access === "written" ? "; make the workspace directory writable" : ""
      const description = `cannot be ${access}: ${FileFailure.describe(error)}${advice}`
      return new WorkspaceError({ path, description, code: "unavailable" })
    }
  }).pipe(
    Effect.tapError(({ code, description }) =>
      // Clients see the description, so only the log names directories of this machine.
      code === "unavailable"
        ? Effect.logWarning(`The workspace file ${join(directory, path)} ${description}`)
        : Effect.void
    )
  )
