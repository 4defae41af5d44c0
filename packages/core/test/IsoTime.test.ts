import * as fc from "fast-check"
import { assert, describe, it } from "@effect/vitest"
import * as IsoTime from "../src/IsoTime.ts"

describe("IsoTime", () => {
  it("formats dates correctly, whatever was formatted before", () => {
    const near = fc.integer({ min: 0, max: 5_000 }).map((millis) => 1_790_000_000_000 + millis)
    const any = fc.integer({ min: -8.64e15, max: 8.64e15 })
    fc.assert(
      fc.property(fc.array(fc.oneof(near, any), { maxLength: 20 }), (times) => {
        for (const millis of times) assert.strictEqual(IsoTime.of(millis), new Date(millis).toISOString())
      })
    )
  })
})
