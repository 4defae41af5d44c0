/**
 * The checks of `npm run -s bench -- million` on a small scale: every task goes through worker
 * processes, and nothing is left in Redis.
 */
import { execFile, execFileSync } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "..")

const missing = (() => {
  try {
    execFileSync("redis-server", ["--version"])
    return undefined
  } catch {
    return "there is no redis-server to start"
  }
})()
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "executions over the queue, by worker processes", () => {
  it("go through whole, and leave no key behind", { timeout: 300_000 }, async () => {
    const options = ["--executions", "30", "--tasks", "1500", "--workers", "2", "--json"]
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "bench/run.ts"), "million", ...options])
    const rows = stdout.trim().split("\n")
    expect(JSON.parse(rows.at(-1)!)).toMatchObject({
      tasks: 1_500,
      "worker processes": 2,
      "keys for ever": 0
    })
  })
})
