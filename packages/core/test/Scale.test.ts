/**
 * Large executions cost so much for each task, however many there are. The work is counted, in a process of its own, because coverage is
 * measured by the same means.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

interface Count {
  readonly name: string
  readonly once: number
  readonly sixteenfold: number
}

it("an execution of 3,200 tasks costs no more for each than one of 200", { timeout: 240_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "scale/count.ts")])
  const counts = JSON.parse(stdout) as ReadonlyArray<Count>
  expect(counts).toHaveLength(6)
  // Work that grows with the square grows 256 times.
  expect(counts.filter(({ once, sixteenfold }) => sixteenfold > 32 * once)).toEqual([])
})
