/**
 * The vectors of words, which are made when the package is packed: here, when a test or a benchmark
 * first wants them.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("../scripts/data.mjs", import.meta.url))

/** Takes seconds the first time, nothing later. */
export const make = (): void => {
  execFileSync(process.execPath, [script])
}
