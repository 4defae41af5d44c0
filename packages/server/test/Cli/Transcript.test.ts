import { describe, expect, it } from "@effect/vitest"
import * as Criteria from "../../src/Cli/Criteria.ts"
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
      "   0.300 s  a: scripted/demo answered (turn 1, 120 tokens, $0.5000, asks for file_read): Hello",
      '   0.400 s  a: file_read {"path":"planets.csv"} answered in 1 ms: two lines',
      "   0.500 s  a: completed: a is done",
      "   0.600 s  execution completed (0.6 s, 1 model call, 120 tokens, $0.5000)"
    ])
  })

  it("shows who passed a task on, to whom and why, and the messages of people", () => {
    const child = { ...task("a/1.1.0.work", [], "researcher"), title: "Find facts" }
    const events = stamp([
      started([task("a")]),
      begin("a"),
      answer("a", { text: "She knows otters.", calls: ["delegate_work"], cost: 0 }),
      {
        type: "TaskSuspended",
        taskId: "a",
        run: 1,
        for: { kind: "calls", turn: 1 },
        waits: { groups: [{ call: "c0", tasks: [child.id], signals: [], need: "all" }] },
        spawn: [child]
      },
      { type: "MessageSent", taskId: "a", text: "Be brief.", by: { name: "ann" } },
      { type: "MessageSent", text: "Be nice.", by: { name: "ann" } }
    ])
    expect(lines([...events]).slice(2)).toEqual([
      "   0.200 s  a: scripted/demo answered (turn 1, 120 tokens, asks for delegate_work): She knows otters.",
      "   0.300 s  a: waits for researcher (Find facts)",
      "   0.400 s  a: ann tells its agent: Be brief.",
      "   0.500 s  ann tells the manager: Be nice."
    ])
  })

  it("shows decisions of the manager, and who chose an agent", () => {
    const office = { ...task("a/assign", [], "boss"), title: "Who does a?", office: "assign" as const }
    const work = { ...task("a/assign/work", [], "poet"), title: "a" }
    const suspended = (kind: "assignment" | "work", spawned: typeof work) => ({
      type: "TaskSuspended" as const,
      taskId: "a",
      run: 1,
      for: { kind, turn: 0 },
      waits: { groups: [{ tasks: [spawned.id], signals: [], need: "all" as const }] },
      spawn: [spawned]
    })
    const events = stamp([started([task("a")]), begin("a"), suspended("assignment", office), suspended("work", work)])
    expect(lines([...events]).slice(2)).toEqual([
      "   0.200 s  a: waits for the manager (Who does a?)",
      "   0.300 s  a: waits for poet (a)"
    ])
  })

  it("shows how the result meets the criteria", () => {
    const criteria = [
      { criterion: "It is short.", verdict: "passed" },
      { criterion: "It names its sources.", verdict: "failed", reason: "None." }
    ] as const
    const judged = { taskId: "a", run: 1, turn: 1, reviewer: "manager", criteria } as const
    const events = stamp([
      started([task("a")]),
      begin("a"),
      { type: "ReviewJudged", ...judged, verdict: "revise", by: "manager", reason: "r", feedback: "More." },
      { type: "ReviewJudged", ...judged, verdict: "accept", by: "policy", reason: "Too often." },
      { type: "TaskCompleted", taskId: "a", run: 1, output: "a is done", criteria }
    ])
    expect(lines([...events]).slice(2)).toEqual([
      "   0.200 s  a: the manager: revise, 1 of 2 criteria pass: More.",
      "   0.300 s  a: the policy of reviews: accept, 1 of 2 criteria pass: Too often.",
      "   0.400 s  a: completed, 1 of 2 criteria pass: a is done"
    ])
    expect(Criteria.lines(criteria)).toEqual([
      "Acceptance: 1 of 2 criteria pass.",
      "  failed: It names its sources. (None.)"
    ])
  })

  it("stays on one line without control characters for any text of a model or tool", () => {
    const nasty = "first\r\nsecond\u001b[2J\u2028third"
    const events = stamp([started([task("a")]), begin("a"), fail("a", nasty)])
    expect(lines([...events]).at(-1)).toBe("   0.200 s  a: failed (model-error): first second[2Jthird")
  })
})
