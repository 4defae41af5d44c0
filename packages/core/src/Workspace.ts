/**
 * The files that the tasks of one execution share: those that it was started with, and those that
 * its agents and output files write. Executions do not see the files of other executions, and
 * tenants never see those of other tenants.
 *
 * A path is relative and stays inside the workspace (`PathGuard`); symbolic links to the outside
 * are refused. A write is atomic, and repeating it changes nothing. If workers on several machines
 * share executions, use a layer over a shared storage, so that each can read the files that another
 * has written.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type File, type Files, WorkspaceError } from "./Workspace/Files.ts"

export { exceeded as quotaExceeded, tooLarge } from "./Workspace/Quota.ts"
export { executionPath } from "./Workspace/ExecutionPath.ts"
export { type Code, type File, type Files, maxBytes, WorkspaceError } from "./Workspace/Files.ts"

export class Workspace extends Context.Service<
  Workspace,
  {
    /** The files of an execution of the current tenant. */
    readonly of: (executionId: string) => Files
    /**
     * Deletes the files of an execution of the current tenant, if the layer separates them from
     * those of others.
     */
    readonly forget: (executionId: string) => Effect.Effect<void, WorkspaceError>
  }
>()("@crewline/core/Workspace") {}

/** A workspace in which every execution sees the same files: for one application on its own. */
export const shared = (files: Files): Workspace["Service"] => ({ of: () => files, forget: () => Effect.void })

const description =
  "this application has no workspace directory: provide GuardedDirectory.layer({ directory }) of @crewline/tools"
const nowhere = (path: string) => Effect.fail(new WorkspaceError({ path, description, code: "unavailable" }))
const nothing: Effect.Effect<ReadonlyArray<File>> = Effect.succeed([])

/** The files of an application without a workspace: it has no files and refuses all writes. */
export const none: Files = { write: nowhere, read: nowhere, list: () => nothing, remove: nowhere }

/** For applications whose crews use no files. */
export const layerNone: Layer.Layer<Workspace> = Layer.succeed(Workspace, shared(none))
