/** Paths of a crew's files, which stay inside the workspace directory. */
import * as Result from "effect/Result"
import * as PathGuard from "../PathGuard.ts"
import * as Placeholder from "./Placeholder.ts"

/** Why a path cannot be a file of the workspace, or nothing. */
export const outsideWorkspace = (file: string): string | undefined =>
  Result.match(PathGuard.parseFile(file), { onFailure: (problem) => problem, onSuccess: () => undefined })

/** The same for a path with placeholders: what no input can make right. */
export const alwaysOutside = (template: string): string | undefined =>
  outsideWorkspace(
    Placeholder.parse(template)
      .map((part, index) => (index % 2 === 1 ? "_" : part))
      .join("")
      // Inputs may be empty: many placeholders are no long name yet.
      .replace(/_+/g, "_")
  )

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
    const normal = PathGuard.spelling(file) ?? file
    const first = owners.get(normal)
    if (first === undefined) owners.set(normal, task)
    else shared.push({ first, task, file: normal })
  }
  return shared
}
