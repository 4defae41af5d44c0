/**
 * An empty database as a dump, for tests that start many in memory: creating one takes two seconds
 * of CPU, loading it less than half a second. It contains nothing of Crewline, so a kept dump is
 * valid for its version of PGlite.
 */
import { PGlite } from "@electric-sql/pglite"
import { vector } from "@electric-sql/pglite-pgvector"
import { existsSync } from "node:fs"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const cache = fileURLToPath(new URL("../../../node_modules/.cache/", import.meta.url))

const make = async (file: string) => {
  const database = await PGlite.create({ extensions: { vector } })
  const dump = await database.dumpDataDir("none")
  await database.close()
  // Written atomically, because other processes look for it.
  const unfinished = `${file}.${process.pid}`
  await mkdir(dirname(file), { recursive: true })
  await writeFile(unfinished, new Uint8Array(await dump.arrayBuffer()))
  await rename(unfinished, file)
}

const find = async (): Promise<Blob> => {
  const require = createRequire(import.meta.url)
  // `exports` of the package has no package.json.
  const { version } = createRequire(require.resolve("@electric-sql/pglite"))("../package.json")
  const file = join(cache, `empty-database-${version}.tar`)
  if (!existsSync(file)) await make(file)
  // Read immediately, because another process may replace the file.
  return new Blob([await readFile(file)])
}

let found: Promise<Blob> | undefined

/** For `loadDataDir`. */
export const dump = (): Promise<Blob> => (found ??= find())
