import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Schema from "effect/Schema"
import { assert, describe, it } from "@effect/vitest"
import * as Outputs from "../../src/PgEventLog/Outputs.ts"

const stamp = { seq: 1, at: "2026-11-30T00:00:00.000Z", executionId: "x" }
const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
const completed = (taskId: string, output: Schema.Json): ExecutionEvent.ExecutionEvent => ({
  ...stamp,
  type: "TaskCompleted",
  taskId,
  run: 1,
  output
})
const ended: ExecutionEvent.ExecutionEvent = { ...stamp, type: "ExecutionEnded", status: "completed", usage }

describe("cached outputs of this process", () => {
  it("are available until their execution ends, to their tenant", () => {
    const outputs = Outputs.make(1_000)
    const given = { list: [1] }
    outputs.stored("t", "x", [completed("a", given), completed("b", null)])
    given.list.push(2)
    assert.deepStrictEqual(outputs.find("t", "x", ["b", "a"])!.get("a"), { list: [1] })
    assert.isUndefined(outputs.find("t", "x", ["a", "c"]))
    assert.isUndefined(outputs.find("other", "x", ["a"]))
    outputs.stored("t", "x", [completed("c", 1), ended])
    assert.isUndefined(outputs.find("t", "x", ["a"]))
  })

  it("are limited in size, and the most recently used remain", () => {
    const outputs = Outputs.make(100)
    for (const id of ["x", "y"]) outputs.stored("t", id, [completed("a", "o".repeat(40))])
    assert.isDefined(outputs.find("t", "x", ["a"]))
    outputs.stored("t", "z", [completed("a", "o".repeat(40))])
    assert.deepStrictEqual(
      ["x", "y", "z"].map((id) => outputs.find("t", id, ["a"]) !== undefined),
      [true, false, true]
    )
    // Even the largest is within the limit.
    outputs.stored("t", "x", [completed("b", "o".repeat(90))])
    assert.isUndefined(outputs.find("t", "x", ["b"]))
    const large = Outputs.make(1_000_000)
    large.stored("t", "x", [completed("a", "o".repeat(65 * 1024))])
    assert.isUndefined(large.find("t", "x", ["a"]))
  })
})
