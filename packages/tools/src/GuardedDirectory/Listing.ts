/** Lists the files below a directory. Links are neither followed nor listed. */
import * as PathGuard from "@crewline/core/PathGuard"
import { type File, WorkspaceError } from "@crewline/core/Workspace"
import { lstat, readdir } from "node:fs/promises"
import { Refused } from "./Refused.ts"
import type { Directory, Walk } from "./Walk.ts"

const maxFiles = 20_000
const maxDepth = 64

export class Listing {
  readonly #walk: Walk
  readonly #found: Array<File> = []

  constructor(walk: Walk) {
    this.#walk = walk
  }

  /** Sorted by path. */
  async below(names: ReadonlyArray<string>): Promise<ReadonlyArray<File>> {
    const { directory, name, stats } = await this.#walk.to(names)
    if (name !== undefined) {
      if (stats === undefined) return []
      throw new Refused("is not a directory")
    }
    await this.#add(directory, names.map((each) => `${each}/`).join(""), 0)
    return this.#found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  }

  async #add(directory: Directory, prefix: string, depth: number): Promise<void> {
    for (const entry of await readdir(directory.path, { withFileTypes: true })) {
      if (!PathGuard.isName(entry.name)) continue
      const path = `${prefix}${entry.name.normalize("NFC")}`
      if (entry.isDirectory()) {
        if (depth === maxDepth) continue
        // Removed meanwhile, replaced by a link, or not accessible to this user.
        const inner = await this.#walk.enter(directory, entry.name).catch(() => undefined)
        if (inner === undefined) continue
        await this.#add(inner, `${path}/`, depth + 1)
        await this.#walk.leave(inner)
      } else if (entry.isFile()) {
        const stats = await lstat(`${directory.path}/${entry.name}`).catch(() => undefined)
        if (stats === undefined) continue
        this.#found.push({ path, size: stats.size, modifiedAt: stats.mtime.toISOString() })
        if (this.#found.length > maxFiles) {
          const description = `has more than ${maxFiles} files: list one of its subdirectories`
          throw new WorkspaceError({ path: prefix, description, code: "too-large" })
        }
      }
    }
  }
}
