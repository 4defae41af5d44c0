import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import * as CrewFile from "../src/CrewFile.ts"
import * as Name from "../src/Name.ts"
import * as Plan from "../src/Plan.ts"

const hostile = ["h\u0000", "\u0000", "h\ud83d", "\udc00h", "x".repeat(Name.maxLength + 1), "🦦".repeat(101)]

describe("Name", () => {
  it("accepts short text that can be encoded in UTF-8 without a null character, and nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2 * Name.maxLength }), (text) => {
        const isStorable = Buffer.from(text).toString() === text && !Buffer.from(text).includes(0)
        assert.strictEqual(Schema.is(Name.Key)(text), isStorable && text.length <= Name.maxLength)
      })
    )
    const longest = "x".repeat(Name.maxLength)
    assert.deepStrictEqual([longest, "", "  ", "🦦"].map(Schema.is(Name.Name)), [true, false, false, true])
    assert.deepStrictEqual([longest, "", "  ", "🦦"].map(Schema.is(Name.Key)), [true, true, true, true])
  })

  it.each(hostile)("rejects %j, in a crew in data and in YAML, with the place of the problem", (name) => {
    const crew = {
      name,
      agents: { a: { role: "r", goal: "g", backstory: name } },
      tasks: { t: { description: "d", expectedOutput: "e" } }
    }
    const problem = {
      code: "invalid-value",
      path: ["name"],
      message: expect.stringMatching(/^name must be (at most 200 |text without )/)
    }
    expect(Plan.check(crew, {}).problems).toEqual([problem])
    const { value } = Result.getOrThrow(CrewFile.read(JSON.stringify(crew)))
    expect(Plan.check(value, {}).problems).toEqual([problem])
  })

  it("is limited in length as a key of a crew", () => {
    const crew = (name: string) => ({
      name: "c",
      inputs: { [name]: null },
      agents: { [name]: { role: "r", goal: "g" } },
      tasks: { [name]: { description: "d", expectedOutput: "e" } }
    })
    assert.deepStrictEqual(Plan.check(crew("x".repeat(Name.maxLength)), {}).problems, [])
    const long = "x".repeat(Name.maxLength + 1)
    expect(Plan.check(crew(long), {}).problems).toMatchObject(
      ["inputs", "agents", "tasks"].map((kind) => ({
        code: "invalid-name",
        path: [kind, long],
        message: expect.stringContaining("at most 200 characters")
      }))
    )
  })
})
