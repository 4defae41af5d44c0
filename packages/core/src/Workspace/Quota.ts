/** How large the files of a workspace may be. */
import * as Effect from "effect/Effect"
import { type File, maxBytes, WorkspaceError } from "./Files.ts"

/** Text as UTF-8; bytes as they are. */
export const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content

const megabytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024)

export const tooLarge = (path: string, bytes: number): WorkspaceError =>
  new WorkspaceError({
    path,
    description: `has ${megabytes(bytes)} MB; the maximum is ${maxBytes / 1024 / 1024} MB`,
    code: "too-large"
  })

export const total = (files: ReadonlyArray<File>): number => files.reduce((sum, { size }) => sum + size, 0)

/** Fails when the files of an execution would exceed their total size limit. */
export const check = (path: string, bytes: number, maxTotalBytes: number): Effect.Effect<void, WorkspaceError> =>
  bytes <= maxTotalBytes ? Effect.void : Effect.fail(exceeded(path, maxTotalBytes))

export const exceeded = (path: string, maxTotalBytes: number): WorkspaceError =>
  new WorkspaceError({
    path,
    description: `cannot be written: the files of an execution may have at most ${Math.floor(maxTotalBytes / 1024 / 1024)} MB in total; delete some`,
    code: "quota-exceeded"
  })
