/** Repeated appends: nonces, turns, outcomes. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

export const declare = (it: Story.It): void => {
  it.effect("repeating a nonce returns the result of the first append", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const first = yield* log.append(executionId, [Story.taskStarted("a"), Story.turn("a", 1)], { nonce: "1" })
      const last = yield* log.append(executionId, [Story.completed("a"), Story.ended()], {
        nonce: "2",
        expectVersion: first.version
      })
      assert.deepStrictEqual(
        yield* log.append(executionId, [Story.taskStarted("a"), Story.turn("a", 1)], { nonce: "1" }),
        first
      )
      // Whatever happened since: the execution ended, or its version changed.
      assert.deepStrictEqual(
        yield* log.append(executionId, [Story.completed("a"), Story.ended()], {
          nonce: "2",
          expectVersion: first.version
        }),
        last
      )
      assert.deepStrictEqual(Story.seqs(yield* log.read(executionId)), Story.upTo(5))
    })
  )

  it.effect("a nonce belongs to its execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      for (const executionId of [yield* Story.begin, yield* Story.begin]) {
        const appended = yield* log.append(executionId, [Story.taskStarted("a")], { nonce: "same" })
        assert.strictEqual(appended.events[0]!.executionId, executionId)
      }
    })
  )

  it.effect("repeating a turn returns the result of its first append", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const first = yield* log.append(executionId, [Story.turn("a", 1, "first"), Story.toolCalled("a", "1")])
      yield* log.append(executionId, [Story.turn("a", 2), Story.turn("b", 1), Story.turn("a", 1, "another run", 2)])
      const again = yield* log.append(executionId, [Story.turn("a", 1, "again"), Story.toolCalled("a", "1")])
      assert.deepStrictEqual(again, first)
      assert.strictEqual((yield* log.read(executionId)).length, 6)
    })
  )

  it.effect("if a repeated batch has grown, only its new events are stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* log.append(executionId, [Story.turn("a", 1, "first")])
      const { events, lastSeq } = yield* log.append(executionId, [Story.turn("a", 1, "again"), Story.turn("a", 2)])
      assert.strictEqual(lastSeq, 3)
      assert.deepStrictEqual(Story.seqs(events), [3])
      assert.deepInclude(events[0], Story.turn("a", 2))
      const third = yield* log.append(executionId, [Story.turn("a", 1, "again"), Story.toolCalled("a", "1")])
      assert.deepStrictEqual(
        third.events.map(({ seq, type }) => [seq, type]),
        [[4, "ToolCalled"]]
      )
      // Nothing new: the result of the first append.
      const again = yield* log.append(executionId, [Story.turn("a", 2), Story.turn("a", 1)])
      assert.deepStrictEqual(again.events, events)
    })
  )

  it.effect("a turn that occurs twice in one append is stored once", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { events } = yield* log.append(executionId, [
        Story.turn("a", 1, "first"),
        Story.turn("b", 1),
        Story.turn("a", 1)
      ])
      assert.deepStrictEqual(Story.seqs(events), [2, 3])
      assert.deepInclude(events[0], Story.turn("a", 1, "first"))
    })
  )

  it.effect("an outcome is stored even if the turn that is sent with it already exists", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* log.append(executionId, [Story.turn("a", 1, "first")])
      const { events, version } = yield* log.append(executionId, [
        Story.turn("a", 1, "again"),
        Story.completed("a"),
        Story.ended()
      ])
      assert.deepStrictEqual(
        events.map(({ seq, type }) => [seq, type]),
        [
          [3, "TaskCompleted"],
          [4, "ExecutionEnded"]
        ]
      )
      assert.strictEqual(version, 3)
      assert.strictEqual((yield* log.summary(executionId)).status, "completed")
    })
  )
}
