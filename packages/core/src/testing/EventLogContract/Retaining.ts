/**
 * Deleting ended executions: whole executions, never a running one, and what is reported about them
 * afterwards.
 */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as EventLog from "../../EventLog.ts"
import type * as ExecutionEvent from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

/** An execution that has ended; returns its id. */
const over = Effect.gen(function* () {
  const log = yield* EventLog.EventLog
  const id = yield* Story.begin
  yield* log.append(id, [Story.turn("a", 1), Story.completed("a", "x".repeat(100_000)), Story.ended()])
  return id
})

const everything = (executionId: string) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    return [
      yield* Story.reasonOf(log.append(executionId, [Story.taskStarted("b")])),
      yield* Story.reasonOf(log.read(executionId)),
      yield* Story.reasonOf(log.outputs(executionId, ["a"])),
      yield* Story.reasonOf(log.summary(executionId)),
      yield* Story.reasonOf(Stream.runDrain(log.follow(executionId))),
      yield* Story.reasonOf(log.remove(executionId))
    ]
  })

/** Deletes all that it may of a tenant, page by page. */
const pruneAll = Effect.fnUntraced(function* (options: EventLog.PruneOptions) {
  const log = yield* EventLog.EventLog
  const pruned: Array<string> = []
  for (;;) {
    const page = yield* log.prune(options)
    assert.isAtMost(page.length, options.limit)
    if (page.length === 0) return pruned
    pruned.push(...page.map(({ executionId }) => executionId))
  }
})

export const declare = (it: Story.It): void => {
  removing(it)
  remains(it)
  all(it)
}

/** What is deleted, and what is not. */
const removing = (it: Story.It): void => {
  it.effect("a removed execution is gone for every operation, and only for its tenant", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const [id, other] = [yield* over, yield* over]
        yield* log.remove(id)
        for (const reason of yield* everything(id)) {
          assert.deepStrictEqual(reason, new EventLog.Gone({ executionId: id }))
        }
        assert.strictEqual((yield* log.read(other)).length, 4)
        const stranger = Story.inTenant(yield* Story.fresh("tenant"))
        assert.strictEqual((yield* stranger(Story.reasonOf(log.read(id))))._tag, "UnknownExecution")
        assert.strictEqual((yield* stranger(Story.reasonOf(log.remove(other))))._tag, "UnknownExecution")
        assert.strictEqual((yield* log.read(other)).length, 4)
      })
    )
  )

  it.effect("an execution that has not ended is not removed, regardless of its age", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const id = yield* Story.begin
        yield* log.append(id, [Story.taskStarted("a"), { type: "ExecutionPaused" }])
        assert.deepStrictEqual(yield* Story.reasonOf(log.remove(id)), new EventLog.NotEnded({ executionId: id }))
        assert.deepStrictEqual(yield* log.prune({ endedForMillis: 0, limit: 10, tenant }), [])
        assert.strictEqual((yield* log.read(id)).length, 3)
        assert.strictEqual((yield* Story.reasonOf(log.remove("nobody")))._tag, "UnknownExecution")
      })
    )
  )

  it.effect("prune removes executions that ended long ago, oldest first, up to a limit", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const ids: Array<string> = []
        for (const _ of Story.upTo(5)) {
          ids.push(yield* over)
          yield* Effect.sleep(3)
        }
        assert.deepStrictEqual(yield* log.prune({ endedForMillis: 60_000, limit: 10, tenant }), [])
        assert.strictEqual((yield* log.list()).length, 5)
        const first = yield* log.prune({ endedForMillis: 0, limit: 2, tenant })
        assert.sameDeepMembers(
          [...first],
          ids.slice(0, 2).map((executionId) => ({ executionId, tenant }))
        )
        assert.deepStrictEqual(
          (yield* log.list()).map(({ id }) => id),
          ids.slice(2).toReversed()
        )
        assert.sameMembers(yield* pruneAll({ endedForMillis: 0, limit: 2, tenant }), ids.slice(2))
        assert.deepStrictEqual(yield* log.list(), [])
      })
    )
  )

  it.effect("concurrent deletions, while executions start and end, each delete separate executions", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const ids = yield* Effect.forEach(Story.upTo(24), () => over)
        const [shares, running] = yield* Effect.all(
          [
            Effect.forEach(Story.upTo(4), () => pruneAll({ endedForMillis: 0, limit: 3, tenant }), { concurrency: 4 }),
            Effect.forEach(Story.upTo(8), () => Story.begin)
          ],
          { concurrency: 2 }
        )
        const log = yield* EventLog.EventLog
        assert.deepStrictEqual(shares.flat().toSorted(), ids.toSorted())
        assert.sameMembers(
          (yield* log.list()).map(({ id }) => id),
          running
        )
      })
    )
  )

  it.effect(
    "a follower of a deleted execution ends if it has seen all; otherwise it sees all or learns that the rest is gone",
    () =>
      Story.inOwnTenant(() =>
        Effect.gen(function* () {
          const log = yield* EventLog.EventLog
          const id = yield* Story.begin
          yield* log.append(id, Story.all(Story.upTo(600).map((n) => Story.turn("a", n))))
          const arrived = yield* Deferred.make<void>()
          const deleted = yield* Deferred.make<void>()
          // Keeps the first event until the rest is deleted. A log may still return what it has in
          // memory.
          const seen: Array<ExecutionEvent.Followed> = []
          const slow = yield* log.follow(id).pipe(
            Stream.rechunk(1),
            Stream.runForEach((event) => {
              seen.push(event)
              return Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(deleted))
            }),
            Effect.match({ onFailure: ({ reason }) => reason, onSuccess: () => "all" as const }),
            Effect.forkChild
          )
          const prompt = yield* Effect.forkChild(Stream.runCount(log.follow(id)))
          yield* Deferred.await(arrived)
          yield* log.append(id, [Story.ended()])
          assert.strictEqual(yield* Fiber.join(prompt), 602)
          yield* log.remove(id)
          yield* Deferred.succeed(deleted, undefined)
          const end = yield* Fiber.join(slow)
          if (end === "all") assert.strictEqual(seen.length, 602)
          else assert.deepStrictEqual(end, new EventLog.Gone({ executionId: id }))
          assert.deepStrictEqual(
            seen.map((event) => ("seq" in event ? event.seq : 0)),
            Story.upTo(seen.length)
          )
        })
      )
  )
}

/** What a deleted execution leaves behind. */
const remains = (it: Story.It): void => {
  it.effect("a page continues after an execution that was deleted meanwhile", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const ids: Array<string> = []
        for (const _ of Story.upTo(4)) ids.unshift(yield* over)
        yield* log.remove(ids[1]!)
        const page = yield* log.list({ before: ids[1]! })
        assert.deepStrictEqual(
          page.map(({ id }) => id),
          ids.slice(2)
        )
      })
    )
  )

  it.effect("deleting an execution deletes its idempotency key", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const options = { idempotency: { key: "key", requestHash: "hash" } }
        const [first, second] = [yield* Story.fresh("execution"), yield* Story.fresh("execution")]
        yield* log.start(first, Story.executionStarted(), options)
        yield* log.append(first, [Story.ended()])
        assert.isTrue((yield* log.start(second, Story.executionStarted(), options)).existing)
        yield* log.remove(first)
        const { executionId, existing } = yield* log.start(second, Story.executionStarted(), options)
        assert.deepStrictEqual([executionId, existing], [second, false])
      })
    )
  )

  it.effect("a deleted execution becomes unknown when its tombstone expires", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const id = yield* over
        yield* log.remove(id)
        yield* log.prune({ endedForMillis: 60_000, limit: 1, tenant, rememberMillis: 60_000 })
        assert.strictEqual((yield* Story.reasonOf(log.read(id)))._tag, "Gone")
        yield* Effect.sleep(5)
        yield* log.prune({ endedForMillis: 60_000, limit: 1, tenant, rememberMillis: 0 })
        assert.strictEqual((yield* Story.reasonOf(log.read(id)))._tag, "UnknownExecution")
      })
    )
  )

  it.effect("the status in lists is that of the writer, or is derived from the events", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const id = yield* Story.begin
        const statusAfter = (events: Parameters<typeof log.append>[1], status?: EventLog.AppendOptions["status"]) =>
          Effect.gen(function* () {
            yield* log.append(id, events, status === undefined ? {} : { status })
            const summary = yield* log.summary(id)
            const others = (["pending", "running", "waiting", "paused", "completed", "failed"] as const).filter(
              (each) => each !== summary.status
            )
            assert.deepStrictEqual(yield* log.list({ status: [summary.status] }), [summary])
            assert.deepStrictEqual(yield* log.list({ status: others }), [])
            return summary.status
          })
        assert.strictEqual(yield* statusAfter([{ type: "ExecutionPaused" }]), "paused")
        assert.strictEqual(yield* statusAfter([{ type: "ExecutionResumed" }], "pending"), "pending")
        assert.strictEqual(yield* statusAfter([Story.taskStarted("a")]), "running")
        assert.strictEqual(yield* statusAfter([Story.skipped("b")], "waiting"), "waiting")
        assert.strictEqual(yield* statusAfter([Story.turn("a", 1)]), "waiting")
        assert.strictEqual(yield* statusAfter([Story.taskStarted("c")]), "running")
        assert.strictEqual(yield* statusAfter([Story.completed("c"), Story.ended("failed")], "running"), "failed")
      })
    )
  )
}

/** Last, because it deletes the ended executions of all tests. */
const all = (it: Story.It): void => {
  it.effect("prune without a tenant applies to all tenants", () =>
    Effect.gen(function* () {
      const tenants = [yield* Story.fresh("tenant"), yield* Story.fresh("tenant")]
      const ids = yield* Effect.forEach(tenants, (tenant) => Story.inTenant(tenant)(over))
      assert.includeMembers(yield* pruneAll({ endedForMillis: 0, limit: 1_000 }), ids)
    })
  )
}
