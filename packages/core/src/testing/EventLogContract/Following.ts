/**
 * Following: catch-up, then live, from any position, by many followers, including slow ones;
 * transient deltas.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import * as EventLog from "../../EventLog.ts"
import * as ExecutionEvent from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

/** Follows to the end in a separate fiber, and has started once this returns. */
const followEarly = (executionId: string, options?: { readonly after?: number; readonly deltas?: boolean }) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    const seen: Array<ExecutionEvent.Followed> = []
    const begun = yield* Latch.make(false)
    const fiber = yield* Effect.forkChild(
      log.follow(executionId, options).pipe(
        Stream.runForEach((event) =>
          Effect.andThen(
            Effect.sync(() => seen.push(event)),
            begun.open
          )
        ),
        Effect.as(seen)
      )
    )
    return { fiber, begun: begun.await, seen }
  })

const delta = (executionId: string, offset: number, text = "x"): ExecutionEvent.TextDelta => ({
  type: "TextDelta",
  executionId,
  at: "2026-01-01T00:00:00.000Z",
  taskId: "a",
  run: 1,
  turn: 1,
  offset,
  delta: text
})

export const declare = (it: Story.It): void => {
  events(it)
  pace(it)
  deltas(it)
}

/** Stored events and live ones. */
const events = (it: Story.It): void => {
  it.effect("follow returns stored events, then new ones, and ends with the execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* Story.tell(executionId, [Story.taskStarted("a"), Story.turn("a", 1)])
      const { begun, fiber } = yield* followEarly(executionId)
      yield* begun
      yield* Story.tell(executionId, [Story.turn("a", 2), Story.completed("a", "out"), Story.ended()])
      assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(
        yield* Fiber.join(fiber),
        yield* log.read(executionId)
      )
    })
  )

  it.effect("follow continues from any seq, even of an ended execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* log.append(executionId, Story.all([...Story.upTo(300).map((n) => Story.turn("a", n)), Story.ended()]))
      const whole = yield* log.read(executionId)
      for (const after of [0, 1, 127, 128, 129, 255, 256, 300, 301, 302, 5_000]) {
        assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(
          yield* Stream.runCollect(log.follow(executionId, { after })),
          whole.slice(after),
          `after ${after}`
        )
      }
    })
  )

  it.effect("follow after a future seq begins there", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { fiber } = yield* followEarly(executionId, { after: 4 })
      yield* Story.tell(executionId, [...Story.upTo(5).map((n) => Story.turn("a", n)), Story.ended()])
      assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(
        yield* Fiber.join(fiber),
        yield* log.read(executionId, { after: 4 })
      )
    })
  )

  it.effect("many followers from anywhere see exactly the same while many append", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const followers = yield* Effect.forEach(Story.upTo(60), (index) =>
        Effect.map(followEarly(executionId, { after: (index * 37) % 400, deltas: index % 2 === 0 }), (follower) => ({
          ...follower,
          after: (index * 37) % 400
        }))
      )
      yield* Effect.forEach(
        Story.upTo(16),
        (appender) =>
          Story.tell(
            executionId,
            Story.upTo(25).map((n) => Story.turn(`${appender}`, n))
          ),
        { concurrency: "unbounded" }
      )
      yield* log.append(executionId, [Story.ended()])
      const whole = yield* log.read(executionId)
      assert.deepStrictEqual(Story.seqs(whole), Story.upTo(402))
      for (const { after, fiber } of followers)
        assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(yield* Fiber.join(fiber), whole.slice(after))
    })
  )
}

/** Followers that are cut, and slow ones. */
const pace = (it: Story.It): void => {
  it.effect("interrupted followers continue with after, and neither miss nor repeat events", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const appending = yield* Effect.forkChild(
        Effect.andThen(
          Story.tell(
            executionId,
            Story.upTo(200).map((n) => Story.turn("a", n))
          ),
          log.append(executionId, [Story.ended()])
        )
      )
      const followers = yield* Effect.forEach(
        Story.upTo(8),
        (index) =>
          Effect.gen(function* () {
            const seen: Array<ExecutionEvent.Followed> = []
            while (seen.at(-1)?.type !== "ExecutionEnded") {
              yield* log.follow(executionId, { after: seen.length }).pipe(
                Stream.take(index * 7),
                Stream.runForEach((event) => Effect.sync(() => seen.push(event)))
              )
            }
            return seen
          }),
        { concurrency: "unbounded" }
      )
      yield* Fiber.join(appending)
      const whole = yield* log.read(executionId)
      for (const seen of followers) assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(seen, whole)
    })
  )

  it.effect("a slow follower receives all events and does not delay others", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const goOn = yield* Latch.make(false)
      const looking = yield* Latch.make(false)
      const slow = yield* log.follow(executionId, { deltas: true }).pipe(
        Stream.mapEffect((event) => Effect.as(Effect.andThen(looking.open, goOn.await), event)),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* looking.await
      for (const part of Story.upTo(20)) {
        yield* log.append(executionId, Story.all(Story.upTo(50).map((n) => Story.turn(`${part}`, n))))
        for (const offset of Story.upTo(500)) yield* log.publish(delta(executionId, offset))
      }
      yield* log.append(executionId, [Story.ended()])
      yield* goOn.open
      const seen = yield* Fiber.join(slow)
      assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(
        seen.filter(ExecutionEvent.isStored),
        yield* log.read(executionId)
      )
      // Deltas are not guaranteed; for a follower that does not read they must not accumulate.
      assert.isBelow(seen.length, 1_002 + 1_000)
    })
  )
}

/** Transient deltas. */
const deltas = (it: Story.It): void => {
  it.effect("deltas are delivered on request, between events, and are never stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const wanting = yield* followEarly(executionId, { deltas: true })
      const plain = yield* followEarly(executionId)
      yield* wanting.begun
      yield* plain.begun
      yield* log.append(executionId, [Story.taskStarted("a")])
      // A delta is placed after the events that its follower has seen.
      while (wanting.seen.length < 2) yield* Effect.sleep(1)
      yield* log.publish(delta(executionId, 0, "one"))
      yield* log.publish(delta(executionId, 3, "two"))
      yield* log.publish(delta("nobody", 0, "lost"))
      while (wanting.seen.length < 4) yield* Effect.sleep(1)
      yield* log.append(executionId, [Story.turn("a", 1)])
      yield* log.append(executionId, [Story.ended()])
      const seen = yield* Fiber.join(wanting.fiber)
      const stored = yield* log.read(executionId)
      assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(seen, [
        ...stored.slice(0, 2),
        delta(executionId, 0, "one"),
        delta(executionId, 3, "two"),
        ...stored.slice(2)
      ])
      assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(yield* Fiber.join(plain.fiber), stored)
      assert.strictEqual(stored.length, 4)
    })
  )

  it.effect("deltas stay within their tenant", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const { begun, fiber } = yield* followEarly(executionId, { deltas: true })
      yield* begun
      yield* Story.inTenant(yield* Story.fresh("tenant"))(log.publish(delta(executionId, 0)))
      yield* log.append(executionId, [Story.ended()])
      assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(
        yield* Fiber.join(fiber),
        yield* log.read(executionId)
      )
    })
  )
}
