import { assert, it } from "@effect/vitest"
import * as JsonDepth from "../src/JsonDepth.ts"

const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels))

it("counts arrays and objects, and nothing else", () => {
  assert.isFalse(JsonDepth.isTooDeep("text", 0))
  assert.isFalse(JsonDepth.isTooDeep(null, 0))
  assert.isTrue(JsonDepth.isTooDeep([], 0))
  assert.isFalse(JsonDepth.isTooDeep({ a: 1, b: [2] }, 2))
  assert.isTrue(JsonDepth.isTooDeep({ a: 1, b: [{}] }, 2))
  assert.isFalse(JsonDepth.isTooDeep(nested(JsonDepth.maxDepth)))
  assert.isTrue(JsonDepth.isTooDeep(nested(JsonDepth.maxDepth + 1)))
})

it("does not recurse, whatever the depth", () => {
  assert.isTrue(JsonDepth.isTooDeep(nested(100_000)))
})

it("finds a deep value beside a shallow one", () => {
  assert.isTrue(JsonDepth.isTooDeep({ shallow: [1, 2, 3], deep: nested(300) }))
})

it("terminates for a cyclic value", () => {
  const self: Array<unknown> = []
  self.push(self)
  assert.isTrue(JsonDepth.isTooDeep(self))
})
