/** Paths of a workspace: one form for each file, and none for what is not inside. */

/**
 * The path with `/` between its parts and without `.`; `undefined`: it does not name a file inside
 * of the workspace. Both kinds of slash part folders, because some systems take both.
 */
export const normalPath = (path: string): string | undefined => {
  if (/^([\\/]|[A-Za-z]:)/.test(path) || path.includes("\0") || !path.isWellFormed()) return undefined
  const parts = path.split(/[\\/]/)
  if (parts.includes("..") || ["", "."].includes(parts.at(-1)!)) return undefined
  return parts.filter((part) => part !== "" && part !== ".").join("/")
}
