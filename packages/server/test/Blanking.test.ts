import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import * as Blanking from "../src/Blanking.ts"

describe("Blanking", () => {
  const blank = Blanking.of(Redacted.make('key-12345 "a"\n'), "[key]")!

  it("redacts a secret in texts and in names of fields, at any depth", () => {
    const secret = 'key-12345 "a"'
    expect(blank({ a: [`x${secret}y`], [secret]: { [`Bearer ${secret}`]: 1 }, b: encodeURIComponent(secret) })).toEqual(
      { a: ["x[key]y"], "[key]": { "Bearer [key]": 1 }, b: "[key]" }
    )
  })

  it("returns a value without the secret as it is", () => {
    const value = { a: ["x", { "key-1234": 1 }] }
    expect(blank(value)).toBe(value)
  })

  it("treats no short text as a secret", () => {
    expect(Blanking.of(Redacted.make("1234567"), "[key]")).toBeUndefined()
  })
})
