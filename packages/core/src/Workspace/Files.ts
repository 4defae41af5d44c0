/** The files of one execution, and how access to them fails. */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Why a file cannot be read or written: stable, for programs. */
export const Code = Schema.Literals(["path-refused", "not-found", "too-large", "quota-exceeded", "unavailable"])
export type Code = typeof Code.Type

/** The file could not be read or written; the message contains the path and the reason. */
export class WorkspaceError extends Schema.TaggedError<WorkspaceError>()("WorkspaceError", {
  path: Schema.String,
  description: Schema.String,
  code: Schema.optionalKey(Code)
}) {
  override get message() {
    return `${this.path}: ${this.description}`
  }
}

/** A file as lists show it. */
export interface File {
  /** Relative to the workspace, with `/` between its parts. */
  readonly path: string
  /** In bytes. */
  readonly size: number
  /** ISO 8601 in UTC. */
  readonly modifiedAt: string
}

export interface Files {
  /**
   * Writes a file atomically, creating folders as needed. Text is stored as UTF-8. Fails with
   * `quota-exceeded` when the files of the execution would exceed their limit.
   */
  readonly write: (path: string, content: string | Uint8Array) => Effect.Effect<void, WorkspaceError>
  /** The bytes of a file, at most `maxBytes`. */
  readonly read: (path: string) => Effect.Effect<Uint8Array, WorkspaceError>
  /**
   * The files below a folder, or all of them, sorted by path; folders are not listed. Empty when
   * the folder does not exist.
   */
  readonly list: (folder?: string) => Effect.Effect<ReadonlyArray<File>, WorkspaceError>
  /** Deletes a file. Fails with `not-found` when it does not exist. */
  readonly remove: (path: string) => Effect.Effect<void, WorkspaceError>
}

/** The largest file that can be read or written, in bytes: providers accept no larger ones. */
export const maxBytes = 32 * 1024 * 1024
