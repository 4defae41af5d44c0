/**
 * A short campaign, as `npm run chaos` does it for longer: real workers, killed and frozen; a Redis
 * restarted and emptied.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as RedisProcess from "../packages/queue-redis/test/RedisProcess.ts"

const root = join(import.meta.dirname, "..")
const missing = PostgresServer.missing ?? RedisProcess.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "a campaign against workers and Redis", () => {
  it.each(["redis", "bullmq"])("ends with every promise kept, over %s", { timeout: 240_000 }, async (queue) => {
    const options = ["--seconds", "4", "--executions", "12", "--workers", "3", "--queue", queue, "--json"]
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "chaos/run.ts"), ...options]).catch(
      // It exits with 1 when a guarantee was violated: the report names it.
      (error: { readonly stdout: string; readonly message: string }) => {
        if (error.stdout === "") throw new Error(error.message)
        return error
      }
    )
    const report = JSON.parse(stdout) as { readonly problems: ReadonlyArray<string>; readonly executions: number }
    expect(report.problems).toEqual([])
    expect(report.executions).toBe(12)
  })
})
