import { describe, expect, it } from "@effect/vitest"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import fc from "fast-check"
import * as HashMap from "effect/HashMap"
import * as View from "../../src/Cli/View.ts"
import * as Layout from "../../src/Cli/View/Layout.ts"
import { answer, began, begin, complete, fail, fold, say, stamp, started, task, usage } from "./Story.ts"

const get = (view: View.View, id: string) => HashMap.getUnsafe(view.tasks, id)

describe("View", () => {
  it("follows a task from pending to completed, with its cost", () => {
    const events = stamp([
      started([task("a"), task("b", ["a"])]),
      begin("a"),
      answer("a", { cost: 0.25 }),
      complete("a")
    ])
    expect(get(fold(events.slice(0, 1)), "a").status).toBe("pending")
    expect(get(fold(events.slice(0, 2)), "a").status).toBe("running")
    const view = fold(events)
    expect(get(view, "a")).toMatchObject({
      status: "completed",
      attempt: 1,
      startedAt: began + 100,
      endedAt: began + 300
    })
    expect(get(view, "a").usage).toEqual(usage(100, 20, 0.25))
    expect(view.usage.costUsd).toBe(0.25)
    expect(get(view, "b").status).toBe("pending")
    expect(view.lastSeq).toBe(4)
  })

  it("assembles deltas even if some are lost, repeated or late", () => {
    const text = "The quick brown fox"
    const pieces = Array.from(text, (_, index) => say("a", text.slice(index, index + 3), index))
    fc.assert(
      fc.property(fc.array(fc.nat(pieces.length - 1), { maxLength: 40 }), (picks) => {
        // Each piece once and in order, with earlier ones repeated in between.
        const drafts = pieces.flatMap((piece, index) => [
          piece,
          ...picks.filter((pick) => pick < index).map((pick) => pieces[pick] ?? piece)
        ])
        expect(get(fold(stamp([started([task("a")]), begin("a"), ...drafts])), "a").tail).toBe(text)
      })
    )
  })

  it("limits the length of the text it keeps", () => {
    const drafts = Array.from({ length: 300 }, (_, index) => say("a", "0123456789", index * 10))
    const { tail } = get(fold(stamp([started([task("a")]), begin("a"), ...drafts])), "a")
    expect(tail.length).toBeLessThanOrEqual(500)
    expect(tail.endsWith("0123456789")).toBe(true)
  })

  it("ignores deltas of a run that was taken over", () => {
    const view = fold(
      stamp([
        started([task("a")]),
        begin("a", 1),
        begin("a", 2),
        say("a", "old", 0, { run: 1 }),
        say("a", "new", 0, { run: 2 })
      ])
    )
    expect(get(view, "a").tail).toBe("new")
    const after = fold(
      stamp([started([task("a")]), begin("a", 1), begin("a", 2), answer("a", { run: 1, calls: ["old_tool"] })])
    )
    expect(get(after, "a").tools).toEqual([])
  })

  it("counts the cost of an outdated run, too", () => {
    const view = fold(stamp([started([task("a")]), begin("a", 1), begin("a", 2), answer("a", { run: 1, cost: 1 })]))
    expect(view.usage.costUsd).toBe(1)
  })

  it("names the tools that are being called until they return", () => {
    const called: ExecutionEvent.Draft = {
      type: "ToolCalled",
      taskId: "a",
      run: 1,
      turn: 1,
      callId: "c0",
      tool: "file_read",
      arguments: {},
      result: "text",
      isFailure: false,
      durationMillis: 1
    }
    const events = stamp([started([task("a")]), begin("a"), answer("a", { calls: ["file_read", "calculate"] }), called])
    expect(get(fold(events.slice(0, 3)), "a").tools).toEqual(["file_read", "calculate"])
    expect(get(fold(events), "a").tools).toEqual(["calculate"])
  })

  it("shows why a task failed, was retried or was skipped", () => {
    const view = fold(
      stamp([
        started([task("a"), task("b", ["a"]), task("c")]),
        begin("a"),
        fail("a", "no credit left"),
        { type: "TaskSkipped", taskId: "b", reason: "dependency-failed", because: "a" },
        begin("c"),
        {
          type: "TaskRetried",
          taskId: "c",
          run: 1,
          attempt: 1,
          error: { code: "timeout", message: "too slow", isRetryable: true },
          delayMillis: 500,
          keepsTurns: true
        }
      ])
    )
    expect(get(view, "a")).toMatchObject({ status: "failed", note: "no credit left" })
    expect(get(view, "b")).toMatchObject({ status: "skipped", note: "a failed" })
    expect(get(view, "c")).toMatchObject({ status: "retrying", note: "too slow" })
  })

  it("adds tasks that a running task spawns, below it", () => {
    const view = fold(
      stamp([
        started([task("a"), task("z")]),
        begin("a"),
        {
          type: "TaskSuspended",
          taskId: "a",
          run: 1,
          for: { kind: "calls", turn: 1 },
          waits: { groups: [{ tasks: ["a/1"], signals: [], need: "all" }] },
          spawn: [task("a/1")]
        }
      ])
    )
    expect(view.rows.map(({ branch, id }) => branch + id)).toEqual(["a", "└─ a/1", "z"])
    expect(get(view, "a")).toMatchObject({ status: "waiting", note: "waits for worker (a/1)" })
  })

  it("shows agents chosen for a task and decisions about its failure, with author and reason, also when it is over", () => {
    const waits = { groups: [{ tasks: ["a/w"], signals: [], need: "all" }] } as const
    const chosen = [
      started([task("a"), task("b")]),
      begin("a"),
      { type: "AgentAssigned", taskId: "a", run: 1, agent: "writer", by: "manager", reason: "It writes." },
      { type: "TaskSuspended", taskId: "a", run: 1, for: { kind: "work", turn: 0 }, waits, spawn: [task("a/w")] },
      begin("b"),
      { type: "RecoveryChosen", taskId: "b", run: 1, choice: "skip", by: "policy" }
    ] as const
    const view = fold(stamp([...chosen]))
    const decided = "the manager chose writer: It writes."
    expect(get(view, "a")).toMatchObject({ status: "waiting", note: decided })
    expect(get(view, "b")).toMatchObject({ decided: "the policy chose to skip" })
    const ended = fold(stamp([...chosen, complete("a")]))
    expect(get(ended, "a").note).toBeUndefined()
    const room = { columns: 200, now: 0, frame: 0 }
    expect(
      Layout.lines(ended, room)
        .map(Layout.text)
        .find((line) => line.includes("a "))
    ).toContain(decided)
  })

  it("never reopens a settled task", () => {
    const view = fold(stamp([started([task("a")]), begin("a"), complete("a"), fail("a", "late"), say("a", "late", 0)]))
    expect(get(view, "a").status).toBe("completed")
    expect(get(view, "a").tail).toBe("")
  })
})
