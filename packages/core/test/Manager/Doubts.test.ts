import { describe, expect, it } from "vitest"
import { Doubts } from "../../src/Manager.ts"

const subject = { output: "All good.", description: "Do it.", shown: ["Do it."], hasActed: false }
const found = (more: Partial<Doubts.Subject>, off?: ReadonlyArray<string>) =>
  Doubts.find({ ...subject, ...more }, off).map(({ check }) => check)

describe("an output is doubted", () => {
  it.each([["{}"], [" N/A. "], ["none"], ["TODO"], ["[]"]])("when it is empty: %j", (output) => {
    expect(found({ output })).toEqual(["emptyOutput"])
  })
  it.each([[{}], [[]], [{ a: "", b: [null] }], [null]])("when its JSON is empty: %j", (output) => {
    expect(found({ output })).toEqual(["emptyOutput"])
  })
  it.each([[0], [false], [{ a: "", n: 0 }], ["None of the tests failed."]])(
    "not when it holds something: %j",
    (output) => {
      expect(found({ output })).toEqual([])
    }
  )

  it.each([
    ["I wrote the report to disk."],
    ["I've successfully sent the mail."],
    ["We have run the tests."],
    ["The file was saved to out.txt."],
    ["The message has been sent to Ann."]
  ])("when it claims an action that no tool has performed: %j", (output) => {
    expect(found({ output })).toEqual(["claimedAction"])
    expect(found({ output, hasActed: true })).toEqual([])
  })
  it.each([
    ["I would write the report next."],
    ["The letter was written in 1820."],
    ["Send the mail yourself."],
    ["She said that she wrote it."],
    ["The program that I describe runs at night."]
  ])("not when it only mentions one: %j", (output) => {
    expect(found({ output })).toEqual([])
  })

  it("when it cites an address that it was not shown", () => {
    const output = "See https://a.example/x, https://b.example/y/."
    const shown = ["Found: https://b.example/y"]
    expect(Doubts.find({ ...subject, output, shown })).toEqual([
      { check: "citedSource", message: expect.stringContaining('"https://a.example/x"') }
    ])
    expect(found({ output, shown: [...shown, "https://a.example/x?q"] })).toEqual([])
  })

  const description = "Describe:\n- the habitat of otters\n- the diet of otters\n* enemies"
  it("when it omits an item of the requested list", () => {
    const message = expect.stringContaining('"enemies"')
    const output = "Otters: the habitat is rivers; their diet is fish."
    expect(Doubts.find({ ...subject, description, output })).toEqual([{ check: "droppedItem", message }])
    expect(found({ description, output: `${output} Their only ENEMY is man.` })).toEqual(["droppedItem"])
    expect(found({ description, output: `${output} Few enemies.` })).toEqual([])
  })
  it("not for a list of one, nor for items without distinctive words", () => {
    expect(found({ description: "1. one thing only" })).toEqual([])
    expect(found({ description: "- a b\n- c d" })).toEqual([])
  })

  it("by no check that is disabled", () => {
    expect(found({ output: "" }, ["emptyOutput"])).toEqual([])
    const output = "I sent it, see https://a.example."
    expect(found({ output })).toEqual(["claimedAction", "citedSource"])
    expect(found({ output }, ["claimedAction"])).toEqual(["citedSource"])
  })
})

// A check that rescans the rest of the text from each character takes minutes for these.
it.each(["{", '"', "\n", "- ", "-\n", "1. x\n", "http://", "I now ", "was now ", "https://a.b/x "])(
  "reads a long output and a long task of %j",
  (part) => {
    const text = part.repeat(Math.ceil(400_000 / part.length))
    for (const output of [`${text}x`, `https://example.com/${".".repeat(400_000)}${text}`])
      expect(found({ output, description: text, shown: [text] }).length).toBeLessThan(4)
  }
)
