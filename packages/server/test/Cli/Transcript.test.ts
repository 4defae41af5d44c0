import { describe, expect, it } from "@effect/vitest"
import * as Transcript from "../../src/Cli/Transcript.ts"
import * as View from "../../src/Cli/View.ts"
import { answer, begin, complete, fail, say, stamp, started, task } from "./Story.ts"

const lines = (events: Parameters<typeof View.apply>[1][]) => {
  let view = View.empty
  return events.map((event) => {
    view = View.apply(view, event)
    return Transcript.line(view, event)
  })
}

describe("Transcript", () => {
  it("has one line for each stored event and none for passing deltas", () => {
    const events = stamp([
      started([task("a")], { topic: "otters" }),
      begin("a"),
      say("a", "Hello", 0),
      answer("a", { text: "Hello", calls: ["file_read"], cost: 0.5 }),
      {
        type: "ToolCalled",
        taskId: "a",
        run: 1,
        turn: 1,
        callId: "c0",
        tool: "file_read",
        arguments: { path: "planets.csv" },
        result: "two\nlines",
        isFailure: false,
        durationMillis: 1.4
      },
      complete("a"),
      {
        type: "ExecutionEnded",
        status: "completed",
        usage: {
          requests: 1,
          inputTokens: 100,
          cachedInputTokens: 0,
          outputTokens: 20,
          reasoningTokens: 0,
          costUsd: 0.5
        }
      }
    ])
    expect(lines([...events])).toEqual([
      "   0.000 s  execution x1 of crew planets started (1 task)",
      "   0.100 s  a: started",
      undefined,
      "   0.300 s  a: scripted/demo answered (turn 1, 120 tokens, $0.5000, asks for file_read)",
      '   0.400 s  a: file_read {"path":"planets.csv"} answered in 1 ms: two lines',
      "   0.500 s  a: completed: a is done",
      "   0.600 s  execution completed (0.6 s, 1 model call, 120 tokens, $0.5000)"
    ])
  })

  it("stays on one line and without control characters, whatever a model or a tool says", () => {
    const nasty = "first\r\nsecond\u001b[2J\u2028third"
    const events = stamp([started([task("a")]), begin("a"), fail("a", nasty)])
    expect(lines([...events]).at(-1)).toBe("   0.200 s  a: failed (model-error): first second[2Jthird")
  })
})
