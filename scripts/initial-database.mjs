/**
 * The data directory that new embedded databases start from
 * (packages/memory-pg/src/Pglite/InitialDatabase.ts): PGlite initializes it, the migrations of
 * every package are applied, and the directory is packed. Part of `npm run generate`;
 * `npm run check -- generated` fails when PGlite or a migration has changed since.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { pathToFileURL } from "node:url"
import { isDeepStrictEqual } from "node:util"
import { constants, zstdCompressSync } from "node:zlib"

const folder = "packages/memory-pg/pglite"
const manifest = join(folder, "database.json")
const tarball = join(folder, "database.tar.zst")

const load = (root, file) => import(pathToFileURL(join(root, file)).href)

const componentsOf = (root) =>
  Promise.all(["memory-pg", "server"].map((name) => load(root, `packages/${name}/src/Migrations.ts`)))

const manifestOf = (root, components) => {
  const dependency = "@electric-sql/pglite"
  const module = createRequire(join(root, "packages/memory-pg/src/Pglite.ts")).resolve(dependency)
  // `exports` of PGlite does not offer its package.json.
  const { version } = createRequire(module)("../package.json")
  const { hashesOf } = components[0]
  const migrations = Object.fromEntries(components.map((each) => [each.component, hashesOf(each.migrations)]))
  return { pglite: version, migrations }
}

/** Merging branches can update one of the two files without the other. */
const hashOf = (root) => {
  try {
    return createHash("sha256")
      .update(readFileSync(join(root, tarball)))
      .digest("hex")
  } catch {
    return undefined
  }
}

/** What should be written beside the tar that is there. */
const expected = (root, components) => ({ ...manifestOf(root, components), sha256: hashOf(root) })

const current = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return undefined
  }
}

/**
 * A copy of nearly every page is in the WAL: the next segment is empty, and the one before is
 * removed.
 */
const startNewWal = ["set wal_recycle = off", "select pg_switch_wal()", "checkpoint"]

/** Bytes, as a power of two, that are kept in memory to unpack it. */
const windowLog = 20

/**
 * Files of one name next to each other: three databases have nearly the same catalogs, and a small
 * window sees the similarity.
 */
const pack = (directory) => {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => ({
    isFile: entry.isFile(),
    name: entry.name,
    path: relative(directory, join(entry.parentPath, entry.name))
  }))
  const rank = ({ isFile, name, path }) => (isFile ? `1 ${name} ${path}` : `0 ${path}`)
  const names = entries.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).map(({ path }) => path)
  return execFileSync("tar", ["--format=ustar", "--no-recursion", "-cf", "-", "-C", directory, "-T", "-"], {
    input: names.join("\n"),
    maxBuffer: 1024 ** 3
  })
}

/** The path of the manifest, and whether it differs from what would be written now. */
export const initialDatabase = async (root) => ({
  file: manifest,
  isStale: !isDeepStrictEqual(current(join(root, manifest)), expected(root, await componentsOf(root)))
})

export const writeInitialDatabase = async (root) => {
  const components = await componentsOf(root)
  const Effect = await import("effect/Effect")
  const SqlClient = await import("effect/sql/SqlClient")
  const Pglite = await load(root, "packages/memory-pg/src/Pglite.ts")
  const directory = mkdtempSync(join(tmpdir(), "crewline-database-"))
  try {
    const migrate = Effect.andThen(
      Effect.forEach(components, (each) => each.migrate),
      Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.forEach(startNewWal, (text) => sql.unsafe(text)))
    )
    await Effect.runPromise(Effect.provide(migrate, Pglite.layer({ directory })))
    const tar = pack(join(directory, "postgres"))
    const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_windowLog]: windowLog }
    mkdirSync(join(root, folder), { recursive: true })
    writeFileSync(join(root, tarball), zstdCompressSync(tar, { params }))
    writeFileSync(join(root, manifest), `${JSON.stringify(expected(root, components), undefined, 2)}\n`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
