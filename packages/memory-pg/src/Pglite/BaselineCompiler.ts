/**
 * PGlite compiled by V8's baseline compiler alone. The optimizing one needs 500 MB for one huge
 * function of PostgreSQL; without it a statement takes about a tenth more CPU.
 *
 * V8 reads these flags when a module is compiled. They are set before PGlite is loaded and set back
 * when it has started, so that other WebAssembly of the application is optimized as usual. At run
 * time both are needed; `--liftoff-only` has no effect then.
 */
import * as NodeV8 from "node:v8"

/** Without those that the command line switches off: they must stay off. */
const flags = ["wasm-tier-up", "wasm-dynamic-tiering"].filter((flag) => {
  const given = [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(" ")]
  return !given.some((argument) => argument.replaceAll("_", "-") === `--no-${flag}`)
})

/** Starts under way: the flags belong to the process. */
let users = 0

/** Runs `start` with the optimizing compiler switched off. */
export const use = async <A>(start: () => Promise<A>): Promise<A> => {
  if (users++ === 0) for (const flag of flags) NodeV8.setFlagsFromString(`--no-${flag}`)
  try {
    return await start()
  } finally {
    if (--users === 0) for (const flag of flags) NodeV8.setFlagsFromString(`--${flag}`)
  }
}
