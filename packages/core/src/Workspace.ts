/**
 * The files that the tasks of one execution share: what it was started with, what its agents and
 * output files write. Executions do not see each other's files, and tenants never do.
 *
 * A path is relative and stays inside: `..`, absolute paths, backslashes that lead out and symbolic
 * links to the outside are refused. A write is seen whole or not at all, and the same write again
 * changes nothing. Where workers on several machines share executions, a layer over a shared
 * storage lets each read what another has written.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as Directory from "./Workspace/Directory.ts"
import { type File, type Files, WorkspaceError } from "./Workspace/Files.ts"

export { exceeded as quotaExceeded, tooLarge } from "./Workspace/Quota.ts"
export { normalPath } from "./Workspace/NormalPath.ts"
export { executionPath } from "./Workspace/ExecutionPath.ts"
export { type Code, type File, type Files, maxBytes, WorkspaceError } from "./Workspace/Files.ts"

export class Workspace extends Context.Service<
  Workspace,
  {
    /** The files of an execution of the current tenant. */
    readonly of: (executionId: string) => Files
    /**
     * Deletes the files of an execution of the current tenant, where the layer keeps them apart
     * from those of others.
     */
    readonly forget: (executionId: string) => Effect.Effect<void, WorkspaceError>
  }
>()("@crewline/core/Workspace") {}

/** A workspace in which every execution sees the same files: for one application on its own. */
export const shared = (files: Files): Workspace["Service"] => ({ of: () => files, forget: () => Effect.void })

const description = "this application has no workspace directory: provide Workspace.layer({ directory })"
const nowhere = (path: string) => Effect.fail(new WorkspaceError({ path, description, code: "unavailable" }))
const nothing: Effect.Effect<ReadonlyArray<File>> = Effect.succeed([])

/** The files of an application without a workspace: there are none, and everything is refused. */
export const none: Files = { write: nowhere, read: nowhere, list: () => nothing, remove: nowhere }

/** For applications whose crews use no files. */
export const layerNone: Layer.Layer<Workspace> = Layer.succeed(Workspace, shared(none))

export interface DirectoryOptions extends Directory.Options {
  /**
   * True: each execution has its own directory, `<directory>/<tenant>/<execution>`. Default: all
   * executions share `directory` itself, for one user on one machine.
   */
  readonly perExecution?: boolean
}

/** Files below `directory`, which is made when the first file is written. */
export const layer = (options: DirectoryOptions): Layer.Layer<Workspace, never, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    Workspace,
    Effect.map(
      options.perExecution === true ? Directory.perExecution(options) : Effect.map(Directory.make(options), shared),
      Workspace.of
    )
  )
