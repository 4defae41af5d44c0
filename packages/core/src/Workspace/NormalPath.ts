/** Paths of a workspace: one normal form for each file; `undefined` for paths outside. */

/**
 * The path with `/` between its parts and without `.`; `undefined`: it does not name a file inside
 * of the workspace. Both kinds of slash separate folders, because some systems accept both.
 */
export const normalPath = (path: string): string | undefined => {
  if (/^([\\/]|[A-Za-z]:)/.test(path) || path.includes("\0") || !path.isWellFormed()) return undefined
  const parts = path.split(/[\\/]/)
  if (parts.includes("..") || ["", "."].includes(parts.at(-1)!)) return undefined
  return parts.filter((part) => part !== "" && part !== ".").join("/")
}
