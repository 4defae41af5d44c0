/** How large the files of a workspace may be. */
import { maxBytes, WorkspaceError } from "./Files.ts"

const megabytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024)

export const tooLarge = (path: string, bytes: number): WorkspaceError =>
  new WorkspaceError({
    path,
    description: `has ${megabytes(bytes)} MB; the maximum is ${maxBytes / 1024 / 1024} MB`,
    code: "too-large"
  })

export const exceeded = (path: string, maxTotalBytes: number): WorkspaceError =>
  new WorkspaceError({
    path,
    description: `cannot be written: the files of an execution may have at most ${Math.floor(maxTotalBytes / 1024 / 1024)} MB in total; delete some`,
    code: "quota-exceeded"
  })
