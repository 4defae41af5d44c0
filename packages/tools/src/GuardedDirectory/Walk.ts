/** Follows the names of a path from directory to directory, each opened before the next is used. */
import { constants, existsSync, type Stats } from "node:fs"
import { type FileHandle, lstat, mkdir, open, readdir, readlink, realpath } from "node:fs/promises"
import { isAbsolute, relative, sep } from "node:path"
import { Refused } from "./Refused.ts"

/** An open directory, and the path by which its entries are reached. */
export interface Directory {
  readonly handle: FileHandle
  readonly path: string
}

/** The target of a path: an entry of a directory inside the workspace. */
export interface Place {
  readonly directory: Directory
  /** The name of the entry; absent: the directory itself. */
  readonly name: string | undefined
  /** Absent: the entry does not exist. */
  readonly stats: Stats | undefined
  /** Throws `Refused` if an open file is not inside the workspace. */
  readonly verify: (handle: FileHandle, path: string) => Promise<void>
}

export interface Options {
  /** Creates missing directories, except for the last name. */
  readonly makes?: boolean
  /** The last name is not followed if it is a link. */
  readonly keepsLink?: boolean
}

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants
const maxLinks = 40

/** Whether paths can be relative to an open directory. */
const isAnchored = process.platform === "linux" && existsSync("/proc/self/fd")

const changed = "was replaced while it was being opened"
const leavesBy = "leads outside the workspace through a link"

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined)

export class Walk {
  readonly #root: string
  readonly #open: Array<Directory>

  constructor(root: string, first: Directory) {
    this.#root = root
    this.#open = [first]
  }

  /** Follows the path. If it does not exist, `stats` is absent. */
  async to(names: ReadonlyArray<string>, options: Options = {}): Promise<Place> {
    let stack: Array<Directory> = [this.#open[0]!]
    let left = [...names]
    for (let links = 0; left.length > 0;) {
      const directory = stack.at(-1)!
      const name = left.shift()!
      if (name === "..") {
        if (stack.length === 1) throw new Refused(leavesBy)
        stack.pop()
        continue
      }
      const isLast = left.length === 0
      const found = await this.#entry(directory, name)
      if (found === undefined) {
        if (isLast) return this.#place(directory, name.normalize("NFC"), undefined)
        if (options.makes !== true) throw Object.assign(new Error("a directory is missing"), { code: "ENOENT" })
        await mkdir(`${directory.path}/${name}`).catch(ignoring("EEXIST"))
        stack.push(await this.enter(directory, name))
      } else if (found.stats.isSymbolicLink()) {
        if (isLast && options.keepsLink === true) return this.#place(directory, found.name, found.stats)
        if (++links > maxLinks) throw Object.assign(new Error("too many links"), { code: "ELOOP" })
        const target = await readlink(`${directory.path}/${found.name}`)
        if (isAbsolute(target)) stack = [this.#open[0]!]
        left = [...this.#namesOf(target), ...left]
      } else if (found.stats.isDirectory()) {
        stack.push(await this.enter(directory, found.name))
      } else if (isLast) return this.#place(directory, found.name, found.stats)
      else throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" })
    }
    return this.#place(stack.at(-1)!, undefined, undefined)
  }

  /** Opens a directory of a directory, which is not a link. */
  async enter(directory: Directory, name: string): Promise<Directory> {
    const path = `${directory.path}/${name}`
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch((error: unknown) => {
      if (codeOf(error) === "ELOOP" || codeOf(error) === "ENOTDIR") throw new Refused(changed)
      throw error
    })
    const entered = { handle, path: isAnchored ? `/proc/self/fd/${handle.fd}` : path }
    this.#open.push(entered)
    await this.#verify(handle, path)
    return entered
  }

  /** Closes an entered directory before the end of the walk. */
  async leave(directory: Directory): Promise<void> {
    this.#open.splice(this.#open.indexOf(directory), 1)
    await directory.handle.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map(({ handle }) => handle.close()))
  }

  #place(directory: Directory, name: string | undefined, stats: Stats | undefined): Place {
    return { directory, name, stats, verify: (handle, path) => this.#verify(handle, path) }
  }

  /** An entry by its name, even if the system stores the name in decomposed form. */
  async #entry(directory: Directory, name: string): Promise<{ name: string; stats: Stats } | undefined> {
    const direct = await lstat(`${directory.path}/${name}`).catch(ignoring("ENOENT"))
    if (direct !== undefined) return { name, stats: direct }
    // eslint-disable-next-line no-control-regex -- ASCII has one form
    if (/^[\u0000-\u007f]*$/.test(name)) return undefined
    const other = (await readdir(directory.path)).find((entry) => entry.normalize("NFC") === name)
    const stats = other === undefined ? undefined : await lstat(`${directory.path}/${other}`).catch(ignoring("ENOENT"))
    return stats === undefined ? undefined : { name: other!, stats }
  }

  #namesOf(target: string): ReadonlyArray<string> {
    const inside = isAbsolute(target) ? relative(this.#root, target) : target
    if (isAbsolute(inside)) throw new Refused(leavesBy)
    return inside.split(sep).filter((name) => name !== "" && name !== ".")
  }

  async #verify(handle: FileHandle, path: string): Promise<void> {
    const real = await realpath(isAnchored ? `/proc/self/fd/${handle.fd}` : path).catch(() => {
      throw new Refused(changed)
    })
    if (real !== this.#root && !real.startsWith(this.#root + (this.#root.endsWith(sep) ? "" : sep))) {
      throw new Refused(leavesBy)
    }
    if (isAnchored) return
    const [opened, named] = await Promise.all([handle.stat(), lstat(real)])
    if (opened.dev !== named.dev || opened.ino !== named.ino) throw new Refused(changed)
  }
}

/** Uses the directory, and closes everything that was opened during the walk. */
export const within = async <A>(directory: string, use: (walk: Walk) => Promise<A>): Promise<A> => {
  const root = await realpath(directory)
  const handle = await open(root, O_RDONLY | O_DIRECTORY)
  const walk = new Walk(root, { handle, path: isAnchored ? `/proc/self/fd/${handle.fd}` : root })
  try {
    return await use(walk)
  } finally {
    await walk.close()
  }
}

const ignoring =
  (code: string) =>
  (error: unknown): undefined => {
    if (codeOf(error) !== code) throw error
  }
