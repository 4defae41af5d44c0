import { describe, expect, it } from "vitest"
import * as Reading from "../../src/Demo/Reading.ts"

const read = (content: string) => Reading.read({ messages: [{ role: "user", content }], tools: [], toolChoice: "auto" })

describe("Reading", () => {
  it("finds the results of earlier tasks, and which of them failed", () => {
    const prompt =
      'Write.\n\n<result task="a">\nOne\n</result>\n<result task="b" status="failed">\nTwo\n<b>lines</b>\n</result>\n' +
      '<result task="c">\nwithout an end'
    expect(read(prompt).sources).toEqual([
      { title: 'the earlier task "a"', text: "One", isFailure: false },
      { title: 'the earlier task "b"', text: "Two\n<b>lines</b>", isFailure: true }
    ])
  })

  // Code that rescans the rest of the text for each opening takes minutes for these.
  it.each(['<result task="a">\n', '<result task="', '<result task="a" ', '<result task="a"\n'])(
    "reads a long prompt of %j",
    (part) => {
      expect(read(part.repeat(100_000)).sources).toEqual([])
    }
  )
})
