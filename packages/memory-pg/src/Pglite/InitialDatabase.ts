/**
 * What a new embedded database begins with: a data directory, initialized and migrated, as a
 * compressed tar that comes with the package. Making one takes PGlite seconds and more than 500 MB
 * (`initdb`, then the migrations); unpacking it takes a third of a second.
 *
 * It holds the tables of every package, and fits one version of PGlite and of the migrations, which
 * `database.json` names. Where it does not fit, or is not found because an application was bundled,
 * PGlite makes the database and the migrations run. `npm run generate` makes it anew, `npm run
 * check -- generated` says when it has to be.
 */
import * as NodeFs from "node:fs"
import { createRequire } from "node:module"
import * as NodePath from "node:path"
import * as NodeZlib from "node:zlib"

interface Manifest {
  readonly pglite: string
  /** Hashes of the migrations that were applied, by component. */
  readonly migrations: { readonly [component: string]: ReadonlyArray<string> }
}

/**
 * Where the tar lies, if it was made by the installed PGlite and by the migrations with these
 * hashes.
 */
export const find = (component: string, hashes: ReadonlyArray<string>): string | undefined => {
  try {
    // By the package's own name: bundling moves modules.
    const require = createRequire(import.meta.url)
    const folder = NodePath.join(NodePath.dirname(require.resolve("@crewline/memory-pg/package.json")), "pglite")
    const manifest: Manifest = JSON.parse(NodeFs.readFileSync(NodePath.join(folder, "database.json"), "utf8"))
    // `exports` of PGlite does not offer its package.json.
    const pglite: { readonly version: string } = createRequire(require.resolve("@electric-sql/pglite"))(
      "../package.json"
    )
    const fits = manifest.pglite === pglite.version && manifest.migrations[component]?.join() === hashes.join()
    return fits ? NodePath.join(folder, "database.tar.zst") : undefined
  } catch {
    return undefined
  }
}

/** The tar in pieces: whole it would take 40 MB. */
const read = (path: string): AsyncIterable<Buffer> =>
  NodeFs.createReadStream(path).compose(NodeZlib.createZstdDecompress({ chunkSize: 64 * 1024 }))

/** As PGlite's `loadDataDir` takes it, for a database in memory. */
export const load = async (path: string): Promise<Blob> => {
  const pieces: Array<Buffer<ArrayBuffer>> = []
  for await (const piece of read(path)) pieces.push(Buffer.from(piece))
  return new Blob(pieces)
}

const blockBytes = 512

const text = (header: Buffer, start: number, length: number) => {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString("utf8", 0, end === -1 ? length : end)
}

/** Writes the directories and files of a plain tar. */
const unpack = async (tar: AsyncIterable<Buffer>, directory: string) => {
  const header = Buffer.alloc(blockBytes)
  let headerBytes = 0
  let file: { readonly descriptor: number; left: number } | undefined
  let padding = 0

  const begin = () => {
    headerBytes = 0
    const name = text(header, 0, 100)
    // Empty blocks end a tar.
    if (name === "") return
    const path = NodePath.join(directory, name)
    if (text(header, 156, 1) === "5") return NodeFs.mkdirSync(path, { mode: 0o700, recursive: true })
    const size = Number.parseInt(text(header, 124, 12), 8)
    padding = (blockBytes - (size % blockBytes)) % blockBytes
    const descriptor = NodeFs.openSync(path, "w", 0o600)
    if (size > 0) file = { descriptor, left: size }
    else NodeFs.closeSync(descriptor)
  }

  for await (const piece of tar) {
    for (let offset = 0; offset < piece.length;) {
      const left = piece.length - offset
      if (file !== undefined) {
        const written = NodeFs.writeSync(file.descriptor, piece, offset, Math.min(left, file.left))
        offset += written
        file.left -= written
        if (file.left > 0) continue
        NodeFs.closeSync(file.descriptor)
        file = undefined
      } else if (padding > 0) {
        const skipped = Math.min(left, padding)
        offset += skipped
        padding -= skipped
      } else {
        const copied = piece.copy(header, headerBytes, offset, offset + blockBytes - headerBytes)
        offset += copied
        headerBytes += copied
        if (headerBytes === blockBytes) begin()
      }
    }
  }
}

/** Makes the data directory, whole or not at all; one that exists is left as it is. */
export const place = async (path: string, directory: string): Promise<void> => {
  if (NodeFs.existsSync(directory)) return
  // Only one process at a time is here (`DirectoryLock`): what is there was left by one that died.
  const unfinished = `${directory}.new`
  NodeFs.rmSync(unfinished, { recursive: true, force: true })
  NodeFs.mkdirSync(unfinished, { mode: 0o700, recursive: true })
  await unpack(read(path), unfinished)
  NodeFs.renameSync(unfinished, directory)
}
