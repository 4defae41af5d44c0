import { assert, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as JsonSize from "../src/JsonSize.ts"

it("equals the length of JSON.stringify, except for escapes", () => {
  const plain = FastCheck.jsonValue({ stringUnit: FastCheck.constantFrom("a", "b", "é") })
  FastCheck.assert(
    FastCheck.property(plain, (value) => {
      const { length } = JSON.stringify(value)
      assert.isFalse(JsonSize.isTooLarge(value, length + 1))
      assert.isTrue(JsonSize.isTooLarge(value, length - 1))
    })
  )
})

it("is computed without building the text, and for cycles, too", () => {
  assert.isTrue(JsonSize.isTooLarge("x".repeat(JsonSize.maxSize)))
  assert.isTrue(JsonSize.isTooLarge(Array.from({ length: JsonSize.maxSize }, () => 0)))
  let shared: unknown = "x"
  for (let level = 0; level < 100; level++) shared = [shared, shared]
  assert.isTrue(JsonSize.isTooLarge(shared))
  const self: { self?: unknown } = {}
  self.self = self
  assert.isTrue(JsonSize.isTooLarge(self))
})
