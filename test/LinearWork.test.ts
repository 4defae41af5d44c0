/** Hostile and large inputs cost no more than their size. */
import { join } from "node:path"
import { expect, it } from "vitest"
import * as Counts from "../fuzz/Counts.ts"

interface Count extends Counts.Count {
  readonly answerBytes: number
}

it("grows no faster than a hostile input, and says little of it", { timeout: 240_000 }, async () => {
  const counts = await Counts.of<Count>(join(import.meta.dirname, "../fuzz/linear.ts"))
  expect(counts.length).toBeGreaterThan(30)
  expect(Counts.steep(counts)).toEqual([])
  expect(counts.filter(({ answerBytes }) => answerBytes >= 64_000)).toEqual([])
})
