/** Short runs of `npm run fuzz`, always with the same inputs. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it.each([
  { what: "readers and validators take whatever strangers write", part: "text", runs: 4_000 },
  { what: "a server answers whatever strangers send, without a 500", part: "http", runs: 400 },
  { what: "an execution ends whatever its model answers", part: "models", runs: 80 }
])("$what", { timeout: 180_000 }, async ({ part, runs }) => {
  const program = join(import.meta.dirname, "../fuzz/run.ts")
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, "--part", part, "--runs", `${runs}`, "--seed", "1", "--minutes", "10"],
    { timeout: 150_000 }
  ).catch((error: { readonly stdout: string; readonly message: string }) => {
    throw new Error(error.stdout === "" ? error.message : error.stdout)
  })
  expect(stdout).toBe(`${runs} inputs from seed 1: no fault\n`)
})
