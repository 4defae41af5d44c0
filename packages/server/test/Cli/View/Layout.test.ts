import { describe, expect, it } from "@effect/vitest"
import { displayWidth } from "effect/cli/CliOutput"
import fc from "fast-check"
import * as Layout from "../../../src/Cli/View/Layout.ts"
import { answer, began, begin, complete, fail, fold, say, stamp, started, task } from "../Story.ts"

const show = (view: ReturnType<typeof fold>, room: Partial<Layout.Room> = {}) =>
  Layout.lines(view, { columns: 100, now: began + 1_000, frame: 0, ...room }).map(Layout.text)

const diamond = [task("read"), task("left", ["read"]), task("right", ["read"]), task("report", ["left", "right"])]

describe("Layout", () => {
  it("shows agent, time, tokens, cost and the dependencies of a waiting task", () => {
    const view = fold(
      stamp([
        started(diamond, { topic: "otters" }),
        begin("read"),
        answer("read", { cost: 0.0123 }),
        complete("read"),
        begin("left")
      ])
    )
    const lines = show(view)
    expect(lines[0]).toBe("planets  topic=otters")
    expect(lines[2]).toMatch(/^✔ read +worker +0\.2 s +120 tokens +\$0\.0123$/)
    expect(lines[3]).toMatch(/^├─ ⠋ left +worker +0\.6 s/)
    expect(lines[4]).toMatch(/^├─ ○ right/)
    expect(lines[5]).toMatch(/^└─ ○ report .*after left, right$/)
    expect(lines.at(-1)).toBe("running  1 of 4 tasks  1.0 s  120 tokens  $0.0123")
  })

  it("shows the end of the last line of a running task", () => {
    const view = fold(stamp([started([task("a")]), begin("a"), say("a", `first\n${"x".repeat(200)} the end\n\n`, 0)]))
    const line = show(view, { columns: 40 })[3] ?? ""
    expect(line).toMatch(/^ +…x+ the end$/)
    expect(displayWidth(line)).toBe(40)
  })

  it("removes control characters from texts of models and crews", () => {
    const nasty = "\u001b]0;title\u0007\u001b[2Jgone\u009b31m\r\u202ereversed"
    const view = fold(
      stamp([started([task(`t${nasty}`)], { topic: nasty }), begin(`t${nasty}`), say(`t${nasty}`, nasty, 0)])
    )
    for (const line of show(view)) {
      // eslint-disable-next-line no-control-regex
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
    }
  })

  it("never exceeds the terminal for any crew", () => {
    const names = fc.uniqueArray(fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }), {
      minLength: 1,
      maxLength: 30
    })
    fc.assert(
      fc.property(
        names,
        fc.integer({ min: 8, max: 120 }),
        fc.integer({ min: 6, max: 40 }),
        fc.nat(),
        (ids, columns, rows, seed) => {
          const tasks = ids.map((id, index) => task(id, index === 0 ? [] : [ids[(seed + index * 7) % index] ?? ""]))
          const begun = ids.slice(0, seed % ids.length)
          const view = fold(
            stamp([started(tasks), ...begun.flatMap((id) => [begin(id), say(id, `${id} speaks at length`, 0)])])
          )
          const lines = show(view, { columns, rows })
          expect(lines.length).toBeLessThanOrEqual(rows)
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
        }
      ),
      { numRuns: 300 }
    )
  })

  it("keeps running tasks visible in a small terminal, and counts the rest", () => {
    const tasks = Array.from({ length: 50 }, (_, index) => task(`t${index}`))
    const done = tasks.slice(0, 20).flatMap(({ id }) => [begin(id), complete(id)])
    const view = fold(stamp([started(tasks), ...done, begin("t30"), begin("t31"), fail("t32", "broken")]))
    const lines = show(view, { rows: 10 })
    expect(lines).toHaveLength(10)
    expect(lines.join("\n")).toMatch(/⠋ t30[^]*⠋ t31[^]*✖ t32/)
    expect(lines.join("\n")).toMatch(/… and 20 completed, 25 pending/)
  })

  it("formats durations and costs for people", () => {
    expect([0, 450, 59_949, 61_000, 3_725_000, -5].map(Layout.duration)).toEqual([
      "0.0 s",
      "0.4 s",
      "59.9 s",
      "1 min 01 s",
      "1 h 02 min",
      "0.0 s"
    ])
    const price = (costUsd: number | null) =>
      Layout.cost({ requests: 1, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd })
    expect([null, 0, 0.000_001, 0.0123, 12.345].map(price)).toEqual(["", "", "<$0.0001", "$0.0123", "$12.35"])
  })
})
