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
import * as PathGuard from "./PathGuard.ts"

export interface Options {
  readonly directory: string
  /** The maximum total size of all files, in bytes. Default: no limit. */
  readonly maxTotalBytes?: number
}

/** The files below the directory, which is created on the first write. */
export const make = (options: Options): Files => ({
  write: (path, content) =>
    guarded({ directory: options.directory, path }, "written", async () => {
      const bytes = typeof content === "string" ? Buffer.from(content) : content
      if (bytes.length > maxBytes) throw tooLarge(path, bytes.length)
      const names = namesOf(path)
      await Opened.makeRoot(options.directory)
      await Walk.within(options.directory, async (walk) => {
        if (options.maxTotalBytes !== undefined) await checkQuota(walk, names, bytes.length, options.maxTotalBytes)
        await Opened.write(await walk.to(names, { makes: true }), bytes)
      })
    }),
  read: (path) =>
    guarded({ directory: options.directory, path }, "read", () =>
      Walk.within(options.directory, async (walk) => Opened.read(await walk.to(namesOf(path)), maxBytes))
    ),
  list: (folder = "") =>
    guarded({ directory: options.directory, path: folder }, "read", () =>
      Walk.within(options.directory, async (walk) => new Listing(walk).below(namesOf(folder)))
    ).pipe(
      Effect.catchTag("WorkspaceError", (error) =>
        error.code === "not-found" ? Effect.succeed([]) : Effect.fail(error)
      )
    ),
  remove: (path) =>
    guarded({ directory: options.directory, path }, "written", () =>
      Walk.within(options.directory, async (walk) => Opened.remove(await walk.to(namesOf(path), { keepsLink: true })))
    )
})

/** The workspaces of executions in a directory of this machine. */
export const layer = (options: Workspace.DirectoryOptions): Layer.Layer<Workspace.Workspace> =>
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

const namesOf = (path: string): ReadonlyArray<string> =>
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
  const description = `cannot be written: the files of the workspace may have at most ${Math.floor(maxTotalBytes / 1024 / 1024)} MB in total; delete some`
  throw new WorkspaceError({ path, description, code: "quota-exceeded" })
}

const tooLarge = (path: string, bytes: number): WorkspaceError => {
  const megabytes = Math.ceil(bytes / 1024 / 1024)
  const description = `has ${megabytes} MB; the maximum is ${maxBytes / 1024 / 1024} MB`
  return new WorkspaceError({ path, description, code: "too-large" })
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
      if (error instanceof Opened.TooLarge) return tooLarge(path, error.bytes)
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
