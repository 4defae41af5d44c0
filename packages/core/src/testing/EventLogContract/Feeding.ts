/**
 * The feed: every event of a tenant exactly once, in an order that a cursor can resume, regardless
 * of concurrent appends and of how often its reader is interrupted.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as EventLog from "../../EventLog.ts"
import * as Feed from "../../Feed.ts"
import * as Story from "./Story.ts"

/** The whole feed of the tenant, in pages of so many events. */
const readAll = Effect.fnUntraced(function* (limit: number, after?: string) {
  const log = yield* EventLog.EventLog
  const seen: Array<Feed.Fed> = []
  for (let cursor = after; ; cursor = seen.at(-1)?.cursor) {
    const page = yield* log.readFeed({ limit, ...(cursor !== undefined && { after: cursor }) })
    assert.isAtMost(page.length, limit)
    if (page.length === 0) return seen
    seen.push(...page)
  }
})

/** A feed lags while any older append is in progress: waits until it contains this many events. */
const settled = Effect.fnUntraced(function* (count: number) {
  for (;;) {
    const seen = yield* readAll(1_000)
    if (seen.length >= count) return seen
    yield* Effect.sleep(5)
  }
})

const nameOf = ({ event: { executionId, seq } }: Feed.Fed) => `${executionId} ${seq}`

/** Each event of these executions once, those of each in their order. */
const assertComplete = Effect.fnUntraced(function* (seen: ReadonlyArray<Feed.Fed>, ids: ReadonlyArray<string>) {
  const log = yield* EventLog.EventLog
  for (const id of ids) {
    const own = seen.filter(({ event }) => event.executionId === id)
    assert.deepStrictEqual(
      own.map(({ event }) => event),
      [...(yield* log.read(id))]
    )
  }
  assert.isTrue(seen.every(({ event }) => ids.includes(event.executionId)))
})

export const declare = (it: Story.It): void => {
  reading(it)
  following(it)
  forgetting(it)
}

const reading = (it: Story.It): void => {
  it.effect("the feed contains every event of a tenant once with its crew, and resumes after any of them", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const ids = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
        yield* log.start(ids[0]!, Story.executionStarted("first"), { crewId: "crew-1" })
        yield* log.start(ids[1]!, Story.executionStarted("second"))
        yield* log.append(ids[1]!, Story.all(Story.upTo(5).map((n) => Story.turn("a", n, Story.large))))
        yield* log.append(ids[0]!, [Story.taskStarted("a"), Story.completed("a")])
        yield* log.append(ids[1]!, [Story.ended()])
        yield* Story.inTenant(yield* Story.fresh("tenant"))(Story.begin)
        const whole = yield* settled(10)
        yield* assertComplete(whole, ids)
        assert.deepStrictEqual(yield* readAll(1), whole)
        assert.deepStrictEqual(yield* readAll(3), whole)
        for (const [index, { cursor }] of whole.entries())
          assert.deepStrictEqual(yield* readAll(4, cursor), whole.slice(index + 1))
        for (const { crewId, crewName, event } of whole)
          assert.deepStrictEqual(
            [crewName, crewId],
            event.executionId === ids[0] ? ["first", "crew-1"] : ["second", undefined]
          )
      })
    )
  )

  it.effect("refuses cursors of other tenants like forged ones, and orders its own", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        yield* Story.begin
        const [{ cursor } = { cursor: "" }] = yield* settled(1)
        const foreign = yield* Story.inTenant(yield* Story.fresh("tenant"))(
          Effect.andThen(
            Story.begin,
            Effect.map(settled(1), ([fed]) => fed!.cursor)
          )
        )
        const altered = Array.from(cursor, (letter, at) => cursor.slice(0, at) + (letter === "A" ? "B" : "A"))
        const forged = ["", "x", "0", "MA", "MC4wLjA", `${cursor}=`, ` ${cursor}`, `${cursor}${cursor}`, ...altered]
        for (const after of [...forged, foreign]) {
          assert.deepStrictEqual(yield* Story.reasonOf(log.readFeed({ after })), new Feed.InvalidCursor())
          assert.deepStrictEqual(yield* Story.reasonOf(Stream.runDrain(log.feed({ after }))), new Feed.InvalidCursor())
        }
        assert.deepStrictEqual(yield* log.readFeed({ after: cursor }), [])
      })
    )
  )
}

const following = (it: Story.It): void => {
  it.effect("interrupted readers see each event once while many writers append to many executions", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const ids = yield* Effect.forEach(Story.upTo(12), () => Story.fresh("execution"))
        const count = ids.length * 18
        /** Reads this many events before each interruption; 0: no interruptions. */
        const follow = Effect.fnUntraced(function* (cuts: number) {
          const seen: Array<Feed.Fed> = []
          while (seen.length < count) {
            const after = seen.at(-1)?.cursor
            yield* log.feed(after === undefined ? {} : { after }).pipe(
              Stream.take(cuts === 0 ? count - seen.length : Math.min(cuts, count - seen.length)),
              Stream.runForEach((fed) => Effect.sync(() => seen.push(fed)))
            )
          }
          return seen
        })
        const readers = yield* Effect.forEach([0, 1, 7, 50], (cuts) => Effect.forkChild(follow(cuts)))
        yield* Effect.forEach(
          ids,
          Effect.fnUntraced(function* (id) {
            yield* log.start(id, Story.executionStarted())
            for (const n of Story.upTo(8)) yield* log.append(id, [Story.turn("a", n), Story.turn("b", n)])
            yield* log.append(id, [Story.ended()])
          }),
          { concurrency: "unbounded" }
        )
        const [first, ...others] = yield* Effect.forEach(readers, Fiber.join)
        yield* assertComplete(first!, ids)
        for (const seen of others) assert.deepStrictEqual(seen.map(nameOf), first!.map(nameOf))
      })
    )
  )
}

const forgetting = (it: Story.It): void => {
  it.effect("a cursor before events that retention deleted has expired; deletion by id expires none", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const [old, removed, kept] = [yield* Story.begin, yield* Story.begin, yield* Story.begin]
        yield* log.append(removed, [Story.ended()])
        yield* log.append(old, [Story.ended()])
        yield* log.append(kept, [Story.taskStarted("a")])
        const whole = yield* settled(6)
        yield* log.remove(removed)
        const rest = yield* readAll(10)
        assert.deepStrictEqual(rest.map(nameOf), whole.filter(({ event }) => event.executionId !== removed).map(nameOf))
        assert.deepStrictEqual(yield* readAll(10, whole[0]!.cursor), rest.slice(1))
        assert.strictEqual((yield* log.prune({ endedForMillis: 0, limit: 10, tenant })).length, 1)
        const isEnd = ({ event }: Feed.Fed) => event.executionId === old && event.type === "ExecutionEnded"
        const end = whole.findIndex(isEnd)
        for (const [index, { cursor }] of whole.entries()) {
          if (index < end)
            assert.deepStrictEqual(yield* Story.reasonOf(log.readFeed({ after: cursor })), new Feed.CursorExpired())
          else assert.deepStrictEqual(yield* readAll(10, cursor), whole.slice(index + 1))
        }
        assert.deepStrictEqual(
          (yield* readAll(10)).map(nameOf),
          whole.filter(({ event }) => event.executionId === kept).map(nameOf)
        )
      })
    )
  )
}
