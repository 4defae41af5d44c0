/** Concurrent appends. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

export const declare = (it: Story.It): void => {
  it.effect("concurrent appends produce exactly 1 … n, each event at the returned position", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const rounds = 8
      const exits = yield* Story.race(Story.appenders, (appender) =>
        Effect.forEach(Story.upTo(rounds), (round) =>
          log.append(executionId, [Story.toolCalled(`${appender}`, `${round}`), Story.turn(`${appender}`, round)])
        )
      )
      const stored = yield* log.read(executionId)
      assert.deepStrictEqual(Story.seqs(stored), Story.upTo(1 + Story.appenders * rounds * 2))
      for (const exit of exits) {
        assert.isTrue(Exit.isSuccess(exit))
        if (!Exit.isSuccess(exit)) continue
        for (const { events, lastSeq } of exit.value) {
          assert.strictEqual(events.at(-1)!.seq, lastSeq)
          assert.deepStrictEqual(events, stored.slice(events[0]!.seq - 1, lastSeq))
        }
      }
    })
  )

  it.effect("concurrent appends to many executions have separate results", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionIds = yield* Effect.forEach(Story.upTo(Story.appenders), () => Story.begin)
      yield* log.append(executionIds[3]!, [Story.ended()])
      const exits = yield* Story.race(Story.appenders, (index) =>
        log.append(index === 5 ? "nobody" : executionIds[index]!, [Story.completed("a", index)])
      )
      exits.forEach((exit, index) => {
        assert.strictEqual(Exit.isSuccess(exit), index !== 3 && index !== 5)
        if (Exit.isSuccess(exit))
          assert.deepInclude(exit.value.events[0], { executionId: executionIds[index]!, output: index })
      })
    })
  )

  it.effect("of concurrent decisions for one version, one is stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { version } = yield* log.summary(executionId)
      const exits = yield* Story.race(Story.appenders, (index) =>
        log.append(executionId, [Story.taskStarted("a", index)], { expectVersion: version })
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      assert.strictEqual((yield* log.read(executionId)).length, 2)
    })
  )

  it.effect("of concurrent outcomes of one task, one is stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const exits = yield* Story.race(Story.appenders, (index) =>
        log.append(executionId, [Story.terminals[index % 4]!("a")])
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      assert.strictEqual((yield* log.read(executionId)).length, 2)
    })
  )

  it.effect("concurrent repetitions of one append are stored once and return the same result", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const exits = yield* Story.race(Story.appenders, () =>
        log.append(executionId, [Story.taskStarted("a"), Story.turn("a", 1)], { nonce: "1" })
      )
      for (const exit of exits) assert.deepStrictEqual(exit, exits[0])
      assert.isTrue(Exit.isSuccess(exits[0]!))
      assert.strictEqual((yield* log.read(executionId)).length, 3)
    })
  )

  it.effect("an append whose caller is interrupted is stored completely or not at all, and can be repeated", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      for (const round of Story.upTo(10)) {
        const drafts = Story.all([Story.toolCalled("a", `${round}`), Story.turn("a", round)])
        const fiber = yield* Effect.forkChild(log.append(executionId, drafts, { nonce: `${round}` }))
        if (round % 2 === 0) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        yield* log.append(executionId, drafts, { nonce: `${round}` })
      }
      const events = yield* log.read(executionId)
      assert.deepStrictEqual(Story.seqs(events), Story.upTo(21))
    })
  )
}
