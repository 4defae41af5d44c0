import { assert, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as CanonicalJson from "../src/CanonicalJson.ts"

/** The same value, with the keys of every object in reverse. */
const reversed = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(reversed)
    : typeof value === "object" && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .toReversed()
            .map(([key, child]) => [key, reversed(child)])
        )
      : value

it("is the same text for the same value, regardless of the order of keys", () =>
  FastCheck.assert(
    FastCheck.property(FastCheck.jsonValue(), (value) => {
      const text = CanonicalJson.stringify(value)
      assert.deepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
      assert.strictEqual(CanonicalJson.stringify(reversed(value)), text)
    })
  ))

it("keeps the order of lists, omits what JSON omits, and calls toJSON", () => {
  const value = { b: [2, 1], a: undefined, at: new Date(0), custom: { toJSON: () => ({ z: 1, y: 2 }) } }
  assert.strictEqual(
    CanonicalJson.stringify(value),
    '{"at":"1970-01-01T00:00:00.000Z","b":[2,1],"custom":{"y":2,"z":1}}'
  )
})
