/**
 * Appending: numbers, versions, and what is refused.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import type * as ExecutionEvent from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

export const declare = (it: Story.It): void => {
  it.effect("append returns the stored events and the new position of the execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const drafts = Story.all([
        Story.taskStarted("a"),
        Story.turn("a", 1),
        Story.toolCalled("a", "1"),
        Story.completed("a")
      ])
      const appended = yield* log.append(executionId, drafts)
      assert.strictEqual(appended.lastSeq, 5)
      assert.deepStrictEqual(Story.seqs(appended.events), [2, 3, 4, 5])
      const at = appended.events[0]!.at
      assert.deepStrictEqual(
        appended.events,
        drafts.map((draft, index) => ({ ...draft, seq: index + 2, at, executionId }))
      )
      assert.deepStrictEqual((yield* log.read(executionId)).slice(1), appended.events)
    })
  )

  it.effect("time never decreases with seq", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* Story.race(Story.appenders, () =>
        Story.tell(executionId, [Story.toolCalled("a", "1"), Story.toolCalled("a", "2")])
      )
      const times = (yield* log.read(executionId)).map((event) => event.at)
      assert.deepStrictEqual(times, [...times].sort())
    })
  )

  it.effect("every structural event increments the version; others do not", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const versions: Array<number> = []
      const parts: ReadonlyArray<ReadonlyArray<ExecutionEvent.Draft>> = [
        [Story.taskStarted("a")],
        [Story.turn("a", 1), Story.toolCalled("a", "1")],
        [Story.completed("a"), Story.taskStarted("b"), Story.turn("b", 1)]
      ]
      for (const drafts of parts) {
        versions.push((yield* log.append(executionId, Story.all(drafts))).version)
      }
      const start = (yield* log.summary(executionId)).version - 3
      assert.deepStrictEqual(versions, [start + 1, start + 1, start + 3])
    })
  )

  it.effect("an append for an older version fails with Conflict and stores nothing", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { version } = yield* log.append(executionId, [Story.taskStarted("a")])
      yield* log.append(executionId, [Story.turn("a", 1)], { expectVersion: version })
      // A turn is not a structural event: earlier decisions are still valid.
      const second = yield* log.append(executionId, [Story.taskStarted("b")], { expectVersion: version })
      const reason = yield* Story.reasonOf(
        log.append(executionId, [Story.taskStarted("c")], { expectVersion: version })
      )
      assert.deepStrictEqual(reason, new EventLog.Conflict({ version: second.version, lastSeq: second.lastSeq }))
      assert.strictEqual((yield* log.summary(executionId)).lastSeq, second.lastSeq)
    })
  )

  it.effect("after the end every append fails with Ended", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      for (const status of ["completed", "failed", "cancelled"] as const) {
        const executionId = yield* Story.begin
        yield* log.append(executionId, [Story.ended(status)])
        for (const draft of [Story.turn("a", 1), Story.taskStarted("a"), Story.completed("a"), Story.ended()]) {
          assert.strictEqual((yield* Story.reasonOf(log.append(executionId, [draft])))._tag, "Ended")
        }
        assert.strictEqual((yield* log.read(executionId)).length, 2)
      }
    })
  )

  it.effect("no event may follow the end within one append", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const reason = yield* Story.reasonOf(log.append(executionId, [Story.ended(), Story.turn("a", 1)]))
      assert.strictEqual(reason._tag, "Ended")
      assert.strictEqual((yield* log.read(executionId)).length, 1)
    })
  )

  it.effect("a second terminal event of a task fails with AlreadySettled, and its whole append is refused", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      for (const first of Story.terminals) {
        for (const second of Story.terminals) {
          const executionId = yield* Story.begin
          yield* log.append(executionId, [first("a")])
          const reason = yield* Story.reasonOf(
            log.append(executionId, [Story.turn("b", 1), Story.completed("b"), second("a")])
          )
          assert.deepStrictEqual(reason, new EventLog.AlreadySettled({ taskId: "a" }))
          assert.strictEqual((yield* log.read(executionId)).length, 2)
        }
      }
      const executionId = yield* Story.begin
      const reason = yield* Story.reasonOf(log.append(executionId, [Story.completed("a"), Story.failed("a")]))
      assert.deepStrictEqual(reason, new EventLog.AlreadySettled({ taskId: "a" }))
      assert.strictEqual((yield* log.read(executionId)).length, 1)
    })
  )
}
