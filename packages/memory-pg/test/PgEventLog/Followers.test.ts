import { assert, describe, it } from "@effect/vitest"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Failures from "../../src/PgEventLog/Failures.ts"
import * as Followers from "../../src/PgEventLog/Followers.ts"

const eventOf = (seq: number, last: number): ExecutionEvent.ExecutionEvent => ({
  ...(seq === last ? { type: "ExecutionPaused" } : { type: "SignalReceived", signal: `${seq}`, value: null }),
  seq,
  at: "2026-01-01T00:00:00.000Z",
  executionId: "x"
})

/** A fake table that counts requests. */
const table = (stored: number) => {
  const state = { stored, ended: true, reads: 0, positions: 0, failing: 0 }
  const lengths = 100
  const options: Followers.Options = {
    pollMillis: 1_000,
    cacheLength: 1_000_000,
    read: (_tenant, _executionId, { after, limit }) =>
      Effect.gen(function* () {
        state.reads++
        if (state.failing-- > 0) {
          return yield* Failures.make("follow", new EventLog.Unavailable({ description: "gone", isRetryable: true }))
        }
        yield* Effect.yieldNow
        const until = Math.min(after + limit, state.stored)
        return Array.from({ length: Math.max(until - after, 0) }, (_, index) => ({
          event: eventOf(after + index + 1, 0),
          length: lengths
        }))
      }),
    position: () =>
      Effect.sync(() => {
        state.positions++
        return { lastSeq: state.stored, ended: state.ended }
      }),
    positions: (executions) =>
      Effect.sync(() => {
        state.positions++
        return executions.map(([tenant, executionId]) => ({
          tenant,
          executionId,
          lastSeq: state.stored,
          ended: state.ended
        }))
      })
  }
  return { state, options }
}

const seqs = (events: ReadonlyArray<ExecutionEvent.Followed>) => events.map((event) => ("seq" in event ? event.seq : 0))
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1)

describe("Followers", () => {
  it.effect("a waiting follower is informed when the execution no longer exists", () =>
    Effect.gen(function* () {
      const { options, state } = table(3)
      state.ended = false
      const deleted = new EventLog.Gone({ executionId: "x" })
      let isThere = true
      const followers = yield* Followers.make({
        ...options,
        position: (...args) =>
          Effect.suspend(() => (isThere ? options.position(...args) : Effect.fail(Failures.make("follow", deleted)))),
        positions: (...args) => Effect.suspend(() => (isThere ? options.positions(...args) : Effect.succeed([])))
      })
      const waiting = yield* Effect.forEach([0, 3], (after) =>
        Effect.forkChild(Effect.flip(Stream.runDrain(followers.follow("t", "x", { after }))))
      )
      yield* TestClock.adjust(5_000)
      isThere = false
      yield* TestClock.adjust(1_000)
      for (const fiber of waiting) assert.deepStrictEqual((yield* Fiber.join(fiber)).reason, deleted)
    }).pipe(Effect.scoped)
  )

  it.effect("a thousand followers of one execution read each event once", () =>
    Effect.gen(function* () {
      const { options, state } = table(1_000)
      const followers = yield* Followers.make(options)
      const all = yield* Effect.forEach(
        upTo(1_000),
        (index) => Stream.runCollect(followers.follow("t", "x", { after: index % 500 })),
        { concurrency: "unbounded" }
      )
      all.forEach((events, index) => assert.strictEqual(events.length, 1_000 - ((index + 1) % 500)))
      assert.deepStrictEqual(seqs(all[499]!), upTo(1_000))
      assert.strictEqual(state.positions, 1)
      assert.strictEqual(state.reads, 8)
    }).pipe(Effect.scoped)
  )

  it.effect("events stored by this process are forwarded without reading", () =>
    Effect.gen(function* () {
      const { options, state } = table(0)
      state.ended = false
      const followers = yield* Followers.make(options)
      const fibers = yield* Effect.forEach(upTo(100), () =>
        Effect.forkChild(Stream.runCollect(followers.follow("t", "x", undefined)))
      )
      yield* Effect.sleep(1).pipe(Effect.forkChild, Effect.andThen(TestClock.adjust(1)))
      for (const seq of upTo(300)) followers.stored("t", "x", [eventOf(seq, 300)], 100)
      state.stored = 300
      state.ended = true
      yield* TestClock.adjust(1_000)
      for (const fiber of fibers) assert.deepStrictEqual(seqs(yield* Fiber.join(fiber)), upTo(300))
      assert.strictEqual(state.reads, 0)
      // One read at the start, one after a second.
      assert.strictEqual(state.positions, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("without hints they see new events after a second", () =>
    Effect.gen(function* () {
      const { options, state } = table(3)
      state.ended = false
      const followers = yield* Followers.make(options)
      const seen: Array<number> = []
      yield* followers.follow("t", "x", undefined).pipe(
        Stream.runForEach((event) => Effect.sync(() => seen.push("seq" in event ? event.seq : 0))),
        Effect.forkChild
      )
      yield* TestClock.adjust(10)
      state.stored = 5
      yield* TestClock.adjust(900)
      assert.deepStrictEqual(seen, [1, 2, 3])
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(seen, upTo(5))
    }).pipe(Effect.scoped)
  )

  it.effect("slow and fast followers share a cache that is too small, and see everything", () =>
    Effect.gen(function* () {
      const { options, state } = table(5_000)
      // Room for three pages of forty.
      const followers = yield* Followers.make({ ...options, cacheLength: 3 * 128 * 100 })
      const goOn = yield* Latch.make(false)
      const slow = yield* Effect.forkChild(
        followers.follow("t", "x", undefined).pipe(
          Stream.mapEffect((event) => Effect.as(goOn.await, event)),
          Stream.runCollect
        )
      )
      const fast = yield* Effect.forEach(
        upTo(20),
        (index) => Stream.runCollect(followers.follow("t", "x", { after: index * 200 })),
        { concurrency: "unbounded" }
      )
      fast.forEach((events, index) => assert.deepStrictEqual(seqs(events), upTo(5_000).slice((index + 1) * 200)))
      const reads = state.reads
      yield* goOn.open
      assert.deepStrictEqual(seqs(yield* Fiber.join(slow)), upTo(5_000))
      // It had to read evicted pages again: nothing was kept for it.
      assert.isAbove(state.reads - reads, 30)
    }).pipe(Effect.scoped)
  )

  it.effect("a follower survives a temporary database failure, and fails if it persists", () =>
    Effect.gen(function* () {
      const { options, state } = table(10)
      const followers = yield* Followers.make(options)
      state.failing = 5
      const patient = yield* Effect.forkChild(Stream.runCollect(followers.follow("t", "x", undefined)))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(seqs(yield* Fiber.join(patient)), upTo(10))
      state.failing = 1_000
      const failing = yield* Effect.forkChild(Effect.flip(Stream.runCollect(followers.follow("t", "x", undefined))))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(failing)).reason._tag, "Unavailable")
    }).pipe(Effect.scoped)
  )

  it.effect("a follower interrupted while it reads does not affect the others", () =>
    Effect.gen(function* () {
      const { options, state } = table(10)
      const gate = yield* Latch.make(false)
      const followers = yield* Followers.make({
        ...options,
        read: (...asked) => Effect.andThen(gate.await, options.read(...asked))
      })
      const first = yield* Effect.forkChild(Stream.runCollect(followers.follow("t", "x", undefined)))
      const second = yield* Effect.forkChild(Stream.runCollect(followers.follow("t", "x", undefined)))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(first)
      yield* gate.open
      assert.deepStrictEqual(seqs(yield* Fiber.join(second)), upTo(10))
      assert.strictEqual(state.reads, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("events stored while a page is read are in order", () =>
    Effect.gen(function* () {
      const { options, state } = table(3)
      state.ended = false
      const gate = yield* Latch.make(false)
      const followers = yield* Followers.make({
        ...options,
        read: (...asked) => Effect.andThen(gate.await, options.read(...asked))
      })
      const follower = yield* Effect.forkChild(Stream.runCollect(followers.follow("t", "x", undefined)))
      yield* TestClock.adjust(10)
      followers.stored("t", "x", [eventOf(4, 0)], 100)
      state.stored = 5
      yield* gate.open
      yield* TestClock.adjust(10)
      followers.stored("t", "x", [eventOf(5, 0)], 100)
      state.ended = true
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(seqs(yield* Fiber.join(follower)), upTo(5))
    }).pipe(Effect.scoped)
  )
})
