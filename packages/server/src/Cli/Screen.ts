/**
 * A block of lines at the bottom of a terminal that is redrawn in place. What is printed above it
 * stays.
 *
 * Only lines that changed are written, and a frame is one write between the marks of a synchronized
 * update, so that nothing flickers. After `finish` the terminal is as it was before: the cursor
 * shows and the last block stays in the history.
 */
import { displayWidth } from "effect/cli/CliOutput"
import type * as Layout from "./View/Layout.ts"

/** Where to draw. */
export interface Target {
  readonly write: (text: string) => unknown
  /** The width of now: terminals are resized. */
  readonly columns: () => number
}

export interface Screen {
  /** Replaces the block. Lines beyond the height of the terminal must not be given. */
  readonly draw: (lines: ReadonlyArray<Layout.Line>) => void
  /** Writes whole lines above the block. */
  readonly print: (text: string) => void
  /** Draws the last block, of any height, and leaves it. */
  readonly finish: (lines: ReadonlyArray<Layout.Line>) => void
  /**
   * Leaves the block as it stands, so that others may write below it; what is drawn next is another
   * one.
   */
  readonly leave: () => void
}

const escape = "\u001b["
const beginUpdate = `${escape}?2026h`
const endUpdate = `${escape}?2026l`
const hideCursor = `${escape}?25l`
const showCursor = `${escape}?25h`
const clearLine = `${escape}K`
const clearBelow = `${escape}J`

const colors: Record<Layout.Style, string> = {
  plain: "",
  strong: "1",
  dim: "2",
  good: "32",
  bad: "31",
  busy: "36",
  name: "1"
}

/** A line as text for a terminal. */
export type Paint = (line: Layout.Line) => string

/** With escape codes for its styles, or without any. */
export const paint =
  (hasColor: boolean): Paint =>
  (line) =>
    line
      .map(({ style, text }) => {
        const code = colors[style]
        return hasColor && code !== "" && text !== "" ? `${escape}${code}m${text}${escape}0m` : text
      })
      .join("")

export const make = (target: Target, paintLine: Paint): Screen => {
  /** The current content of the terminal, with the width it was drawn at. */
  let block: ReadonlyArray<string> = []
  let width = target.columns()

  /**
   * How many rows of the terminal the block takes: one that became narrower has wrapped its lines.
   */
  const height = () =>
    target.columns() >= width
      ? block.length
      : block.reduce(
          (rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / Math.max(1, target.columns()))),
          0
        )

  /** The cursor always rests at the beginning of the line below the block. */
  const toTop = (rows: number) => (rows === 0 ? "\r" : `\r${escape}${rows}A`)

  const render = (next: ReadonlyArray<string>, above = ""): string => {
    const isResized = target.columns() !== width
    const rows = height()
    width = target.columns()
    const previous = block
    block = next
    if (isResized || above !== "") return toTop(rows) + clearBelow + above + next.map((line) => `${line}\n`).join("")
    const lines = next.map((line, index) => (line === previous[index] ? "\n" : `\r${line}${clearLine}\n`))
    return toTop(rows) + lines.join("") + (next.length < previous.length ? clearBelow : "")
  }

  const write = (text: string) => target.write(`${beginUpdate}${hideCursor}${text}${endUpdate}`)

  return {
    draw: (lines) => {
      const next = lines.map(paintLine)
      const isSame =
        target.columns() === width && next.length === block.length && next.every((line, index) => line === block[index])
      if (!isSame) write(render(next))
    },
    print: (text) => {
      if (block.length === 0) target.write(`${text}\n`)
      else write(render(block, `${text}\n`))
    },
    finish: (lines) => {
      write(render(lines.map(paintLine)) + showCursor)
      block = []
    },
    leave: () => {
      target.write(showCursor)
      block = []
    }
  }
}
