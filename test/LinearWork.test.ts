/**
 * Hostile and large inputs cost no more than their size: work is counted at once and at sixteen times the size. Counted in a process of its
 * own, because coverage is measured by the same means.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

interface Count {
  readonly name: string
  readonly once: number
  readonly sixteenfold: number
  readonly answerBytes: number
}

it("grows no faster than a hostile input, and says little of it", { timeout: 240_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "../fuzz/linear.ts")])
  const counts = JSON.parse(stdout) as ReadonlyArray<Count>
  expect(counts.length).toBeGreaterThan(30)
  // Quadratic work grows 256 times.
  expect(counts.filter(({ once, sixteenfold }) => sixteenfold > 32 * once)).toEqual([])
  expect(counts.filter(({ answerBytes }) => answerBytes >= 64_000)).toEqual([])
})
