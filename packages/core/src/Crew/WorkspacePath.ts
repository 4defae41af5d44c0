/** Paths of a crew's files, which stay inside the workspace directory. */

/**
 * Why a path cannot be a file of the workspace, or nothing. Both kinds of slash part folders,
 * because some systems take both.
 */
export const outsideWorkspace = (file: string): string | undefined => {
  const parts = file.split(/[\\/]/)
  if (/^([\\/]|[A-Za-z]:)/.test(file)) return "must be relative to the workspace directory, but is an absolute path"
  if (parts.includes("..")) return 'must stay inside the workspace directory, but contains ".."'
  if (file.includes("\0")) return "must not contain a NUL character"
  return ["", "."].includes(parts.at(-1)!) ? "must name a file, not a directory" : undefined
}

/** The same text for paths of the same file: `notes.md` for `./notes.md` and `notes.md`. */
const normalForm = (file: string): string =>
  file
    .split(/[\\/]/)
    .filter((part) => part !== "" && part !== ".")
    .join("/")

/**
 * Pairs of tasks with the same output file: each that has the file of one before it. One output
 * would be lost.
 */
export const sharedOutputFiles = (
  tasks: Iterable<{ readonly task: string; readonly file: string }>
): ReadonlyArray<{ readonly first: string; readonly task: string; readonly file: string }> => {
  const owners = new Map<string, string>()
  const shared: Array<{ readonly first: string; readonly task: string; readonly file: string }> = []
  for (const { file, task } of tasks) {
    const normal = normalForm(file)
    const first = owners.get(normal)
    if (first === undefined) owners.set(normal, task)
    else shared.push({ first, task, file: normal })
  }
  return shared
}
