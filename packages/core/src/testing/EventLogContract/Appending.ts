/**
 * Starting and appending: numbers, versions, guards, repetition, races.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as EventLog from "../../EventLog.ts"
import type * as ExecutionEvent from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

const appenders = 16

/** Runs `effect` for 0 … n - 1 at once; answers how each went. */
const race = <A, E, R>(n: number, effect: (index: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: n }, (_, index) => index),
    (index) => Effect.exit(effect(index)),
    { concurrency: "unbounded" }
  )

const terminals: ReadonlyArray<(taskId: string) => ExecutionEvent.Draft> = [
  (taskId) => Story.completed(taskId),
  Story.failed,
  Story.skipped,
  Story.cancelled
]

export const declare = (it: Story.It): void => {
  it.effect("start stores the first event, with number and time", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.fresh("execution")
      const started = yield* log.start(executionId, Story.executionStarted("crew name"))
      assert.deepStrictEqual(started, { executionId, existing: false })
      const [event, ...rest] = yield* log.read(executionId)
      assert.deepStrictEqual(rest, [])
      const { at, ...without } = event!
      assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.deepStrictEqual(without, { ...Story.executionStarted("crew name"), seq: 1, executionId })
    })
  )

  it.effect("a start sent again answers with the execution that stands", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      assert.deepStrictEqual(yield* log.start(executionId, Story.executionStarted()), { executionId, existing: true })
      assert.strictEqual((yield* log.read(executionId)).length, 1)
    })
  )

  it.effect("append answers the stored events and where the execution then stands", () =>
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
      yield* race(appenders, () => Story.tell(executionId, [Story.toolCalled("a", "1"), Story.toolCalled("a", "2")]))
      const times = (yield* log.read(executionId)).map((event) => event.at)
      assert.deepStrictEqual(times, [...times].sort())
    })
  )

  it.effect("every structural event raises the version by one, others leave it", () =>
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

  it.effect("an append decided on an older version fails with Conflict and stores nothing", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { version } = yield* log.append(executionId, [Story.taskStarted("a")])
      yield* log.append(executionId, [Story.turn("a", 1)], { expectVersion: version })
      // A turn is no structural event: what was decided before still holds.
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

  it.effect("nothing follows the end within its own append either", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const reason = yield* Story.reasonOf(log.append(executionId, [Story.ended(), Story.turn("a", 1)]))
      assert.strictEqual(reason._tag, "Ended")
      assert.strictEqual((yield* log.read(executionId)).length, 1)
    })
  )

  it.effect("a second terminal event of a task fails with AlreadySettled, and all of its append with it", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      for (const first of terminals) {
        for (const second of terminals) {
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

  it.effect("the same nonce again answers what the first append did", () =>
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
      // Whatever happened since: that the execution ended, that its version moved on.
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

  it.effect("a turn sent again answers what its first append did", () =>
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

  it.effect("of a batch that grew before it was sent again, only what is new is stored", () =>
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
      // Nothing new at all: what the first of them did.
      const again = yield* log.append(executionId, [Story.turn("a", 2), Story.turn("a", 1)])
      assert.deepStrictEqual(again.events, events)
    })
  )

  it.effect("a turn given twice in one append is stored once", () =>
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

  it.effect("an outcome is stored though the turn that is sent with it stands already", () =>
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

  it.effect("appenders racing give exactly 1 … n, each event where its append says", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const rounds = 8
      const exits = yield* race(appenders, (appender) =>
        Effect.forEach(Story.upTo(rounds), (round) =>
          log.append(executionId, [Story.toolCalled(`${appender}`, `${round}`), Story.turn(`${appender}`, round)])
        )
      )
      const stored = yield* log.read(executionId)
      assert.deepStrictEqual(Story.seqs(stored), Story.upTo(1 + appenders * rounds * 2))
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

  it.effect("appends to many executions at once are answered each by itself", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionIds = yield* Effect.forEach(Story.upTo(appenders), () => Story.begin)
      yield* log.append(executionIds[3]!, [Story.ended()])
      const exits = yield* race(appenders, (index) =>
        log.append(index === 5 ? "nobody" : executionIds[index]!, [Story.completed("a", index)])
      )
      exits.forEach((exit, index) => {
        assert.strictEqual(Exit.isSuccess(exit), index !== 3 && index !== 5)
        if (Exit.isSuccess(exit))
          assert.deepInclude(exit.value.events[0], { executionId: executionIds[index]!, output: index })
      })
    })
  )

  it.effect("of racing decisions on one version one is stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { version } = yield* log.summary(executionId)
      const exits = yield* race(appenders, (index) =>
        log.append(executionId, [Story.taskStarted("a", index)], { expectVersion: version })
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      assert.strictEqual((yield* log.read(executionId)).length, 2)
    })
  )

  it.effect("of racing outcomes of one task one is stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const exits = yield* race(appenders, (index) => log.append(executionId, [terminals[index % 4]!("a")]))
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
      assert.strictEqual((yield* log.read(executionId)).length, 2)
    })
  )

  it.effect("racing repetitions of one append are stored once and answered alike", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const exits = yield* race(appenders, () =>
        log.append(executionId, [Story.taskStarted("a"), Story.turn("a", 1)], { nonce: "1" })
      )
      for (const exit of exits) assert.deepStrictEqual(exit, exits[0])
      assert.isTrue(Exit.isSuccess(exits[0]!))
      assert.strictEqual((yield* log.read(executionId)).length, 3)
    })
  )

  it.effect("an append whose caller is interrupted is stored whole or not at all, and can be sent again", () =>
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

  it.effect("the same idempotency key and request again answers with the first execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const key = yield* Story.fresh("key")
      const [first, second] = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
      const idempotency = { key, requestHash: "hash" }
      assert.isFalse((yield* log.start(first, Story.executionStarted(), { idempotency })).existing)
      assert.deepStrictEqual(yield* log.start(second, Story.executionStarted(), { idempotency }), {
        executionId: first,
        existing: true
      })
      assert.strictEqual((yield* Story.reasonOf(log.read(second)))._tag, "UnknownExecution")
    })
  )

  it.effect("the same idempotency key with another request fails with KeyReused", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const key = yield* Story.fresh("key")
      const [first, second] = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
      yield* log.start(first, Story.executionStarted(), { idempotency: { key, requestHash: "hash" } })
      const reason = yield* Story.reasonOf(
        log.start(second, Story.executionStarted(), { idempotency: { key, requestHash: "another" } })
      )
      assert.deepStrictEqual(reason, new EventLog.KeyReused({ key }))
      assert.strictEqual((yield* Story.reasonOf(log.read(second)))._tag, "UnknownExecution")
    })
  )

  it.effect("of racing starts with one idempotency key one execution comes", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const idempotency = { key: yield* Story.fresh("key"), requestHash: "hash" }
      const starts = yield* Effect.forEach(
        Story.upTo(appenders),
        () =>
          Effect.flatMap(Story.fresh("execution"), (id) => log.start(id, Story.executionStarted(), { idempotency })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(starts.filter((start) => !start.existing).length, 1)
      assert.strictEqual(new Set(starts.map((start) => start.executionId)).size, 1)
    })
  )
}
