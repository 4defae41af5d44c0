/** A short run of what `npm run fuzz` does for longer: always the same inputs. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it("readers and validators take whatever strangers write", { timeout: 180_000 }, async () => {
  const program = join(import.meta.dirname, "../fuzz/run.ts")
  // One that hangs is killed.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, "--runs", "4000", "--seed", "1", "--minutes", "10"],
    {
      timeout: 150_000
    }
  ).catch((error: { readonly stdout: string; readonly message: string }) => {
    throw new Error(error.stdout === "" ? error.message : error.stdout)
  })
  expect(stdout).toBe("4000 inputs from seed 1: no fault\n")
})
