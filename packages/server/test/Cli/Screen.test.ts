import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import * as Screen from "../../src/Cli/Screen.ts"

/** The subset of a terminal that the screen uses: lines, a cursor, clearing, automatic wrapping. */
class Terminal {
  columns: number
  written = ""
  cells: Array<string> = [""]
  row = 0
  column = 0
  isCursorShown = true

  constructor(columns: number) {
    this.columns = columns
  }

  readonly target = { write: (text: string) => this.write(text), columns: () => this.columns }

  write(text: string) {
    this.written += text
    // eslint-disable-next-line no-control-regex
    for (const [piece, parameter, command] of text.matchAll(/\u001b\[(\??[\d;]*)([A-Za-z])|\r|\n|[^\u001b\r\n]/g)) {
      if (piece === "\r") this.column = 0
      else if (piece === "\n") {
        this.row += 1
        this.column = 0
        this.cells[this.row] ??= ""
      } else if (command === "A") this.row = Math.max(0, this.row - Number(parameter))
      else if (command === "K") this.cells[this.row] = (this.cells[this.row] ?? "").slice(0, this.column)
      else if (command === "J") {
        this.cells[this.row] = (this.cells[this.row] ?? "").slice(0, this.column)
        this.cells.length = this.row + 1
      } else if (parameter === "?25" && command !== undefined) this.isCursorShown = command === "h"
      else if (command === undefined) {
        if (this.column >= this.columns) {
          this.row += 1
          this.column = 0
        }
        const line = (this.cells[this.row] ?? "").padEnd(this.column)
        this.cells[this.row] = line.slice(0, this.column) + piece + line.slice(this.column + 1)
        this.column += 1
      }
    }
  }

  /** What a terminal does with its text when it becomes narrower. */
  narrow(columns: number) {
    this.columns = columns
    this.cells = this.cells.flatMap((line) =>
      line === "" ? [""] : (line.match(new RegExp(`.{1,${columns}}`, "g")) ?? [""])
    )
    this.row = this.cells.length - 1
    this.column = 0
  }

  get lines() {
    return this.cells.slice(0, -1)
  }
}

const block = (...texts: ReadonlyArray<string>) => texts.map((text) => [{ text, style: "plain" as const }])

const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", " "), maxLength: 9 }), { maxLength: 6 })

describe("Screen", () => {
  it("shows exactly the last block, whatever blocks came before, below the printed text", () => {
    const step = fc.oneof(
      texts.map((lines) => ({ lines })),
      fc.stringMatching(/^[a-z]{1,9}$/).map((text) => ({ text }))
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const terminal = new Terminal(10)
        const screen = Screen.make(terminal.target, Screen.paint(false))
        const printed: Array<string> = []
        let last: ReadonlyArray<string> = []
        for (const one of steps) {
          if ("text" in one) {
            printed.push(one.text)
            screen.print(one.text)
          } else {
            last = one.lines
            screen.draw(block(...one.lines))
          }
          expect(terminal.lines).toEqual([...printed, ...last])
        }
        screen.finish(block("end"))
        expect(terminal.lines).toEqual([...printed, "end"])
        expect(terminal.isCursorShown).toBe(true)
      }),
      { numRuns: 1000 }
    )
  })

  it("writes nothing when nothing changed, and otherwise only the changed lines", () => {
    const terminal = new Terminal(40)
    const screen = Screen.make(terminal.target, Screen.paint(false))
    screen.draw(block("one", "two", "three"))
    terminal.written = ""
    screen.draw(block("one", "two", "three"))
    expect(terminal.written).toBe("")
    screen.draw(block("one", "TWO", "three"))
    expect(terminal.written).toContain("TWO")
    expect(terminal.written).not.toContain("one")
    expect(terminal.written).not.toContain("three")
  })

  it("leaves no remains when the terminal becomes narrower and wraps earlier lines", () => {
    const terminal = new Terminal(40)
    const screen = Screen.make(terminal.target, Screen.paint(false))
    screen.draw(block("x".repeat(35), "short", "y".repeat(30)))
    terminal.narrow(12)
    screen.draw(block("three", "narrow", "lines"))
    expect(terminal.lines).toEqual(["three", "narrow", "lines"])
  })

  it("writes no colour when colours are disabled", () => {
    const line = [{ text: "done", style: "good" as const }]
    expect(Screen.paint(false)(line)).toBe("done")
    expect(Screen.paint(true)(line)).toBe("\u001b[32mdone\u001b[0m")
  })
})
