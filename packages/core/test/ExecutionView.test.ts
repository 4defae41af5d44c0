import { createHash } from "node:crypto"
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
  it("of any state has the declared shape, without additional keys", () => {
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

  it("shows why a task was skipped, and because of which task", () => {
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

  it("has the shape of its format version: raise the version with the shape, because views are stored", () => {
    const shape = JSON.stringify(Schema.toJsonSchemaDocument(ExecutionView.View))
    const hash = createHash("sha256").update(shape).digest("hex").slice(0, 16)
    expect({ format: ExecutionView.format, hash }).toEqual({ format: 8, hash: "f318f49f90545ee8" })
  })

  it("shows the tasks of the plan in its order, then spawned tasks in the order of spawning", () => {
    const plan = Plans.chart({ z: "", b: "", a: "" })
    const spawned = Array.from({ length: 40 }, (_, n) => `child ${n}`)
    const at = Stories.timeOf(1)
    const state = Execution.fromEvents([
      { type: "ExecutionStarted", plan, seq: 1, at, executionId: "e" },
      ...spawned.flatMap((id, index) => {
        const stamp = { taskId: index % 2 === 0 ? "b" : "a", executionId: "e", at, run: index + 1 }
        const seq = 2 + 2 * index
        return [
          { type: "TaskStarted", ...stamp, attempt: 1, crashes: 0, worker: "w", seq },
          {
            type: "TaskSuspended",
            ...stamp,
            for: { kind: "calls", turn: 1 },
            waits: { groups: [{ tasks: [id], signals: [], need: "all" }] },
            spawn: [{ ...plan.tasks[0]!, id }],
            seq: seq + 1
          }
        ] as const
      })
    ])!
    expect(ExecutionView.tasksOf(state).map((task) => task.plan.id)).toEqual(["z", "b", "a", ...spawned])
  })
})
