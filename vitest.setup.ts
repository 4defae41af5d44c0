/**
 * Where coverage is measured, vitest forbids Node's compile cache to the process of the tests, because V8 then knows no positions. Processes
 * that tests start are not measured: a server starts in 0.75 s with the cache, in 1.3 s without.
 */
import { join } from "node:path"

if (process.env["NODE_DISABLE_COMPILE_CACHE"] !== undefined) {
  delete process.env["NODE_DISABLE_COMPILE_CACHE"]
  process.env["NODE_COMPILE_CACHE"] = join(import.meta.dirname, "node_modules", ".cache", "node-compile")
}
