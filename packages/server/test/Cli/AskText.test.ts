import type * as AskView from "@crewline/core/AskView"
import * as AskText from "../../src/Cli/AskText.ts"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"

const ask: AskView.View = {
  id: "exec_1~a~1.1.0",
  kind: "approval",
  state: "open",
  executionId: "exec_1",
  taskId: "a",
  title: "a: may clerk call send?",
  shown: { arguments: { to: "ann" } },
  hash: "h",
  schema: {},
  onSilence: "deny",
  answerableBy: [],
  askedAt: "2026-01-01T00:00:00.000Z"
}

describe("an ask in a terminal", () => {
  it("shows everything an answer binds to, and cannot be overwritten by its contents", () => {
    // Escape sequences, reversed order, zero-width characters, tags that only models read, extra
    // lines.
    const to = "ann\u001b[2K\u202egro.live\u200b\u{e0041}\u2028\u009b\n  deadline  none"
    const lines = AskText.lines({ ...ask, title: `a\n\u001b[2Kb`, shown: { to } })
    expect(lines[0]).toBe("approval: a [2Kb")
    const shown = lines.filter((line) => line.includes('"to"'))
    expect(shown).toHaveLength(1)
    expect(JSON.parse(shown[0]!.trim().replace(/^"to": /, ""))).toBe(to)
    expect(lines.join("")).toMatch(/^[\x20-\x7e]*$/)
    expect(lines.filter((line) => line.startsWith("  deadline"))).toEqual(["  deadline  none"])
  })

  it("shows its deadline and the meaning of silence", () => {
    const deadline = "2026-01-02T00:00:00.000Z"
    const said = (more: Partial<AskView.View>) =>
      AskText.lines({ ...ask, ...more }).find((line) => line.includes("deadline"))
    expect(said({})).toBe("  deadline  none")
    expect(said({ deadline })).toBe(`  deadline  ${deadline}: silence denies`)
    expect(said({ deadline, onSilence: "accept" })).toContain("silence accepts")
    expect(said({ deadline, onSilence: "reply", reply: { a: 1 } })).toContain('silence replies {"a":1}')
  })

  it("is answered by commands that are quoted for the shell", () => {
    expect(AskText.commands(ask, Option.none())[0]).toBe("crewline answer exec_1~a~1.1.0 approve")
    expect(AskText.commands(ask, Option.some("/tmp/data"))[2]).toBe(
      "crewline answer exec_1~a~1.1.0 deny --data /tmp/data"
    )
    const budget = { ...ask, kind: "budget", schema: { required: ["requests"] } } as const
    expect(AskText.commands(budget, Option.none())).toEqual([
      `crewline answer exec_1~a~1.1.0 raise --limits '{ "requests": … }'`,
      "crewline answer exec_1~a~1.1.0 deny"
    ])
    expect(AskText.dataFlag(Option.some("ann's $(data)"))).toBe(` --data 'ann'\\''s $(data)'`)
  })
})
