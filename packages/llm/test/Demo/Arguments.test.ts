import { describe, expect, it } from "vitest"
import * as Arguments from "../../src/Demo/Arguments.ts"
import * as Reading from "../../src/Demo/Reading.ts"

const names = ["path", "expression", "url", "date", "other"]
const parameters = {
  type: "object" as const,
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
  required: names
}

const given = (content: string) =>
  Arguments.make(
    parameters,
    Reading.read({ messages: [{ role: "user", content }], tools: [], toolChoice: "auto" })
  ) as Readonly<Record<string, string>>

describe("Arguments", () => {
  it("are taken from the prompt: a file, an expression, an address, a date", () => {
    expect(
      given("Read ./notes/a.md of 2026-11-30 at https://example.com/x, then compute 2 * (3 + 4.5).")
    ).toMatchObject({
      path: "./notes/a.md",
      expression: "2 * (3 + 4.5)",
      url: "https://example.com/x,",
      date: "2026-11-30"
    })
    expect(given("What is ((1+2)  *  3) - 4?")["expression"]).toBe("((1+2) * 3) - 4")
  })

  // Code that rescans the rest of the text from each character takes minutes for these.
  it.each(["(", "((1", "1", "1 ", "a", "-", "a/", "./", "h", "@", "a@", "http://", "www.", " ", "1+", "1 - ", "1,111"])(
    "read a long prompt of %j",
    (part) => {
      expect(given(`${part.repeat(Math.ceil(400_000 / part.length))}!`)).toHaveProperty("path")
    }
  )
})
