/** Reads, writes and removes the entry of a directory that a walk has led to. */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { lstat, mkdir, open, rename, unlink } from "node:fs/promises"
import { Refused } from "./Refused.ts"
import type { Place } from "./Walk.ts"

const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/** The prefix of files that are being written; lists and paths exclude them. */
const temporaryPrefix = ".crewline-"

/** A file is larger than the read limit. */
export class TooLarge extends Error {
  override readonly name = "TooLarge"
  readonly bytes: number

  constructor(bytes: number) {
    super("too large")
    this.bytes = bytes
  }
}

const isDirectory = "is a directory"

export const makeRoot = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true })
}

/** The bytes of a file, of which there may be at most `maxBytes`. */
export const read = async (place: Place, maxBytes: number): Promise<Uint8Array> => {
  const path = pathOf(place)
  if (place.stats === undefined) throw Object.assign(new Error("missing"), { code: "ENOENT" })
  // Not blocking: opening a pipe would wait for a writer.
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ELOOP") throw new Refused("was replaced while it was being opened")
      if (error.code === "ENXIO" || error.code === "ENODEV") throw new Refused(notFile)
      throw error
    }
  )
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new Refused(notFile)
    if (stats.nlink > 1) throw new Refused("has several hard links and may be shared with a file outside the workspace")
    await place.verify(handle, path)
    if (stats.size > maxBytes) throw new TooLarge(stats.size)
    // It may have grown since, or be a special file without a size.
    const bytes = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(stats.size, 4_096)) + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null)
      if (bytesRead === 0) return bytes.subarray(0, length)
      length += bytesRead
      if (length > maxBytes || length === bytes.length) throw new TooLarge(length)
    }
  } finally {
    await handle.close()
  }
}

const notFile = "is not a file"

/** Replaces the file atomically. */
export const write = async (place: Place, bytes: Uint8Array): Promise<void> => {
  const path = pathOf(place)
  if (place.stats !== undefined && !place.stats.isFile()) throw new Refused(notFile)
  const temporary = `${place.directory.path}/${temporaryPrefix}${randomBytes(8).toString("hex")}`
  const mode = place.stats === undefined ? 0o666 : place.stats.mode & 0o777
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
  try {
    try {
      // The directory may have been moved since the walk.
      await place.verify(handle, temporary)
      await handle.writeFile(bytes)
    } finally {
      await handle.close()
    }
    // Replaces a link that was created there meanwhile, and does not follow it.
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

/** Removes a file, or a link itself. */
export const remove = async (place: Place): Promise<void> => {
  const path = pathOf(place)
  if (place.stats === undefined) throw Object.assign(new Error("missing"), { code: "ENOENT" })
  if (!place.stats.isFile() && !place.stats.isSymbolicLink()) throw new Refused(notFile)
  await place.verify(place.directory.handle, place.directory.path)
  if ((await lstat(path)).isDirectory()) throw new Refused(isDirectory)
  await unlink(path)
}

const pathOf = ({ directory, name }: Place): string => {
  if (name === undefined) throw new Refused(isDirectory)
  return `${directory.path}/${name}`
}
