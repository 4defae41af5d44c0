import * as HashMap from "effect/HashMap"
import * as Schema from "effect/Schema"
import * as FastCheck from "fast-check"
import { describe, expect, it } from "vitest"
import * as Execution from "../src/Execution.ts"
import * as ExecutionView from "../src/ExecutionView.ts"
import * as Plans from "./arbitrary/Plan.ts"
import * as Stories from "./arbitrary/Story.ts"

const viewOf = (state: Execution.Execution): ExecutionView.View =>
  ExecutionView.make(state, {
    outputs: new Map([...HashMap.keys(state.tasks)].map((id) => [id, `output of ${id}`])),
    crewId: "crew_1"
  })

describe("a view", () => {
  it("of any state is of the declared shape, without a key besides", () => {
    const decode = Schema.decodeUnknownSync(ExecutionView.View, { onExcessProperty: "error" })
    FastCheck.assert(
      FastCheck.property(Stories.any, ({ steps }) => {
        for (const { after } of steps) {
          const view = viewOf(after)
          expect(decode(view)).toEqual(view)
        }
      }),
      { numRuns: 50 }
    )
  })

  it("says why a task was skipped, and by which", () => {
    const plan = Plans.chart({ a: "", b: "a" })
    const state = Execution.fromEvents([
      { type: "ExecutionStarted", plan, seq: 1, at: Stories.timeOf(0), executionId: "e" },
      {
        type: "TaskSkipped",
        taskId: "b",
        reason: "dependency-failed",
        because: "a",
        seq: 2,
        at: Stories.timeOf(1),
        executionId: "e"
      }
    ])!
    const view = viewOf(state)
    expect(view.tasks["b"]).toMatchObject({ status: "skipped", skipped: { reason: "dependency-failed", because: "a" } })
    expect(Schema.encodeSync(ExecutionView.View)(view).tasks["b"]?.skipped).toEqual(view.tasks["b"]?.skipped)
  })
})
