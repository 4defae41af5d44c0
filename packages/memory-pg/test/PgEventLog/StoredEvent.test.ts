import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as StoredEvent from "../../src/PgEventLog/StoredEvent.ts"

const at = new Date("2026-11-22T12:00:00.123Z")

/** Any JSON, large enough at times to be stored apart. */
const json = fc.oneof(
  { weight: 9, arbitrary: fc.jsonValue({ stringUnit: "binary" }).map((value) => value as Schema.Json) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }).map((text) => text.repeat(10_000)) }
)

const drafts: fc.Arbitrary<ExecutionEvent.Draft> = fc.oneof(
  json.map((output): ExecutionEvent.Draft => ({ type: "TaskCompleted", taskId: "a", run: 1, output })),
  json.map((value): ExecutionEvent.Draft => ({ type: "SignalReceived", signal: "s", value })),
  fc.tuple(json, json).map(([args, result]): ExecutionEvent.Draft => ({
    type: "ToolCalled",
    taskId: "a",
    run: 1,
    turn: 2,
    callId: "c",
    tool: "t",
    arguments: args,
    result,
    isFailure: false,
    durationMillis: 3
  }))
)

describe("StoredEvent", () => {
  it("gives back what it was given", () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const { blob, row } = StoredEvent.split(draft)
        const event = StoredEvent.join("x", { seq: 7, at, body: row.body, payload: row.payload ?? blob ?? null })
        const { at: time, executionId, seq, ...rest } = event
        assert.deepStrictEqual([time, executionId, seq], ["2026-11-22T12:00:00.123Z", "x", 7])
        const text = (value: object) => JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        assert.isTrue(text(rest) === text(draft))
      }),
      { numRuns: 1_000 }
    )
  })

  it("keeps every row small, and says what is stored apart", () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const { blob, row } = StoredEvent.split(draft)
        assert.isAtMost(Buffer.byteLength(row.payload ?? ""), StoredEvent.blobBytes)
        assert.strictEqual(row.sha256 === undefined, blob === undefined)
        if (blob === undefined) return
        assert.isAbove(Buffer.byteLength(blob), StoredEvent.blobBytes)
        assert.strictEqual(row.size, Buffer.byteLength(blob))
        assert.isTrue(blob.startsWith(row.excerpt!))
        assert.isTrue(row.excerpt!.isWellFormed())
      }),
      { numRuns: 1_000 }
    )
  })
})
