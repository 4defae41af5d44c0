import * as Result from "effect/Result"
import { afterAll, beforeEach, expect, it, vi } from "vitest"

const counts = vi.hoisted(() => ({ tokens: 0, parsed: 0 }))

vi.mock("yaml", async (original) => {
  const yaml = await original<typeof import("yaml")>()
  class Lexer extends yaml.Lexer {
    override *lex(source: string, incomplete?: boolean) {
      for (const token of super.lex(source, incomplete)) {
        counts.tokens++
        yield token
      }
    }
  }
  const parseDocument: typeof yaml.parseDocument = (...args) => {
    counts.parsed++
    return yaml.parseDocument(...args)
  }
  return { ...yaml, Lexer, parseDocument }
})

// Test files share their modules: this one is evaluated again with the mock, and afterwards without
// it.
vi.resetModules()
const CrewFile = await import("../../src/CrewFile.ts")
afterAll(() => {
  vi.doUnmock("yaml")
  vi.resetModules()
})

beforeEach(() => {
  counts.tokens = 0
  counts.parsed = 0
})

const valid = (goal: string) => `
name: notes
agents:
  writer: { role: Writer, goal: "${goal}" }
tasks:
  write: { description: Write., expectedOutput: A note }
`

const refusalOf = (text: string) => {
  const result = CrewFile.parse(text)
  if (Result.isSuccess(result)) throw new Error("It was found to be in order")
  return result.failure.problems
}

it("a text that is too long is refused before it is scanned", () => {
  const text = `${valid("Write")}# ${"x".repeat(3_600_000)}`
  expect(refusalOf(text)).toEqual([
    {
      code: "too-large",
      path: [],
      message: expect.stringContaining(
        `The text has ${text.length} characters; a crew file may have at most 524288. Shorten it`
      ),
      line: 7,
      column: 512 * 1024 - valid("Write").length + 1
    }
  ])
  expect(counts).toEqual({ tokens: 0, parsed: 0 })
})

it.each([
  ["elements", `[${"1,".repeat(200_000)}1]`],
  ["brackets", "[".repeat(400_000)],
  ["marks of lists", "- ".repeat(200_000)],
  ["empty comments", "#\n".repeat(200_000)],
  ["keys", "a:\n".repeat(150_000)],
  ["tags", "!a ".repeat(150_000)]
])("a text of too many %s is refused at the first excess one, and not parsed", (_, text) => {
  const problems = refusalOf(text)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatchObject({ code: "too-large", message: expect.stringContaining("150000 YAML keys, values") })
  expect(counts).toEqual({ tokens: 150_001, parsed: 0 })
  const { column, line } = problems[0]!
  // At most the tokens before it, and at least half of the limit: marks without text are not
  // counted.
  const offset =
    text
      .split("\n")
      .slice(0, line! - 1)
      .join("\n").length + column!
  expect(offset).toBeGreaterThan(75_000)
  expect(offset).toBeLessThan(text.length)
})

it("a long text with few tokens is parsed", () => {
  expect(Result.isSuccess(CrewFile.parse(valid("Write. ".repeat(70_000))))).toBe(true)
  expect(counts.parsed).toBe(1)
})
