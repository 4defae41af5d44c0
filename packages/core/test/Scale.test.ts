/** The cost per task of an execution does not depend on the number of tasks. */
import { join } from "node:path"
import { expect, it } from "vitest"
import * as Counts from "../../../fuzz/Counts.ts"

it("an execution of 3,200 tasks costs no more per task than one of 200", { timeout: 240_000 }, async () => {
  const counts = await Counts.of(join(import.meta.dirname, "scale/count.ts"))
  expect(counts).toHaveLength(6)
  expect(Counts.steep(counts)).toEqual([])
})
