/** Paths of a crew's files, which stay inside the workspace directory. */

/** Why a path cannot be a file of the workspace, or nothing. Both kinds of slash part folders, because some systems take both. */
export const outsideWorkspace = (file: string): string | undefined => {
  const parts = file.split(/[\\/]/)
  if (/^([\\/]|[A-Za-z]:)/.test(file)) return "must be relative to the workspace directory, but is an absolute path"
  if (parts.includes("..")) return 'must stay inside the workspace directory, but contains ".."'
  if (file.includes("\0")) return "must not contain the character NUL"
  return ["", "."].includes(parts.at(-1)!) ? "must name a file, but names a directory" : undefined
}
