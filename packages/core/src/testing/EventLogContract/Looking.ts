/** Reading, outputs, summaries, lists, and visibility. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as EventLog from "../../EventLog.ts"
import type * as ExecutionEvent from "../../ExecutionEvent.ts"
import * as Story from "./Story.ts"

const payloadFields = new Set(["messages", "parts", "arguments", "result", "output", "value"])

const withoutPayload = (event: ExecutionEvent.ExecutionEvent) =>
  Object.fromEntries(Object.entries(event).filter(([key]) => !payloadFields.has(key)))

/** Everything about events, except the order of an event's own fields. */
const asText = (events: ReadonlyArray<ExecutionEvent.Followed>) =>
  events.map((event) => JSON.stringify(Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1)))).join("\n")

/**
 * Values that storages tend to change: order of keys, the null character, lone surrogates, numbers,
 * empty values.
 */
const values: ReadonlyArray<Schema.Json> = [
  null,
  true,
  "",
  "zero \u0000 inside",
  "half a pair \ud83d and a whole one 🦦",
  "quotes \" ' $1 $$ \\ \\u0000 \n",
  1e308,
  0.1,
  123456789012345.67,
  { zebra: 1, apple: { z: [], a: {} }, "": null, "🦦": "\u0000", "10": 1, "9": 2 },
  [[], {}, [null, [false]]],
  { seq: 99, at: "never", type: "TextDelta", executionId: "another" }
]

export const declare = (it: Story.It): void => {
  reading(it)
  listing(it)
  tenants(it)
}

/** What is stored, as it was. */
const reading = (it: Story.It): void => {
  it.effect("read returns later events, up to a limit, optionally of one task", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* Story.tell(executionId, [
        Story.taskStarted("a"),
        Story.taskStarted("b"),
        Story.turn("a", 1),
        Story.completed("b")
      ])
      const read = (options: EventLog.ReadOptions) => Effect.map(log.read(executionId, options), Story.seqs)
      assert.deepStrictEqual(yield* read({ after: 2 }), [3, 4, 5])
      assert.deepStrictEqual(yield* read({ after: 1, limit: 2 }), [2, 3])
      assert.deepStrictEqual(yield* read({ after: 5 }), [])
      assert.deepStrictEqual(yield* read({ after: 50 }), [])
      assert.deepStrictEqual(yield* read({ taskId: "a" }), [2, 4])
      assert.deepStrictEqual(yield* read({ taskId: "a", after: 2, limit: 5 }), [4])
      assert.deepStrictEqual(yield* read({ taskId: "nobody" }), [])
    })
  )

  it.effect("stored values are returned unchanged: order of keys, all characters, any size", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const large = { text: "ü\u0000".repeat(100_000), tail: [1, 2, 3] }
      const outputs = [...values, large]
      const drafts = outputs.flatMap((value, index) => [
        Story.toolCalled("tools", `${index}`, value),
        Story.completed(`task ${index} "\\ 🦦`, value)
      ])
      const { events } = yield* log.append(executionId, Story.all([Story.turn("a", 1, large.text), ...drafts]), {
        nonce: "1"
      })
      const text = asText(events)
      // Compared as one boolean: a difference of a megabyte helps nobody.
      assert.isTrue(asText(yield* log.read(executionId, { after: 1 })) === text, "read")
      const again = yield* log.append(executionId, Story.all(drafts), { nonce: "1" })
      assert.isTrue(asText(again.events) === text, "a repeated append")
      const followed = yield* log.follow(executionId, { after: 1 }).pipe(Stream.take(events.length), Stream.runCollect)
      assert.isTrue(asText(followed) === text, "follow")
      const byTask = yield* log.outputs(
        executionId,
        outputs.map((_, index) => `task ${index} "\\ 🦦`)
      )
      outputs.forEach((value, index) => {
        assert.isTrue(JSON.stringify(byTask.get(`task ${index} "\\ 🦦`)) === JSON.stringify(value), `output ${index}`)
      })
    })
  )

  it.effect("read without payloads returns all events with the fields that the fold needs", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const signal = { type: "SignalReceived", signal: "s" } as const
      yield* Story.tell(executionId, [
        Story.taskStarted("a"),
        Story.turn("a", 1),
        Story.toolCalled("a", "1"),
        { ...signal, value: { answer: "yes" } },
        Story.completed("a", "x".repeat(100_000)),
        Story.ended()
      ])
      const whole = yield* log.read(executionId)
      const light = yield* log.read(executionId, { payloads: false })
      assert.deepStrictEqual(light.map(withoutPayload), whole.map(withoutPayload))
      assert.deepInclude(light[0], Story.executionStarted())
      assert.deepInclude(light[4], signal)
    })
  )

  it.effect("outputs returns only those of completed tasks", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      yield* Story.tell(executionId, [
        Story.completed("a", { n: 1 }),
        Story.failed("b"),
        Story.completed("c", null),
        Story.taskStarted("d")
      ])
      assert.deepStrictEqual(
        yield* log.outputs(executionId, ["a", "b", "c", "d", "nobody"]),
        new Map<string, Schema.Json>([
          ["a", { n: 1 }],
          ["c", null]
        ])
      )
      assert.deepStrictEqual(yield* log.outputs(executionId, []), new Map())
    })
  )
}

/** One line about each execution. */
const listing = (it: Story.It): void => {
  it.effect("the summary follows the events", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.fresh("execution")
      yield* log.start(executionId, Story.executionStarted("named"), { crewId: "crew-1" })
      const first = yield* log.summary(executionId)
      const { startedAt, version, ...rest } = first
      assert.deepStrictEqual(rest, {
        id: executionId,
        tenant: "default",
        crewName: "named",
        crewId: "crew-1",
        status: "pending",
        lastSeq: 1
      })
      assert.strictEqual(startedAt, (yield* log.read(executionId))[0]!.at)
      yield* Story.tell(executionId, [Story.taskStarted("a"), Story.turn("a", 1)])
      assert.deepStrictEqual(yield* log.summary(executionId), {
        ...first,
        status: "running",
        lastSeq: 3,
        version: version + 1
      })
      const { events } = yield* log.append(executionId, [Story.failed("a"), Story.ended("failed")])
      assert.deepStrictEqual(yield* log.summary(executionId), {
        ...first,
        status: "failed",
        lastSeq: 5,
        version: version + 3,
        endedAt: events[1]!.at
      })
    })
  )

  it.effect("now uses the clock of the event times", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const executionId = yield* Story.begin
      const before = Math.floor(yield* log.now)
      const { events } = yield* log.append(executionId, [Story.taskStarted("a")])
      const at = Date.parse(events[0]!.at)
      assert.isAtLeast(at, before)
      assert.isAtMost(at, yield* log.now)
    })
  )

  it.effect("list returns the newest first, by filter and by page", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const tenant = yield* Story.fresh("tenant")
      const ids: Array<string> = []
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* log.list(), [])
        for (const index of Story.upTo(60)) {
          const id = yield* Story.fresh("execution")
          ids.unshift(id)
          yield* log.start(id, Story.executionStarted(`crew ${index % 3}`), index % 2 === 0 ? { crewId: "even" } : {})
          if (index > 50) yield* log.append(id, [Story.taskStarted("a")])
          if (index > 55) yield* log.append(id, [Story.ended(index === 60 ? "cancelled" : "completed")])
        }
        const list = (options?: EventLog.ListOptions) =>
          Effect.map(log.list(options), (found) => found.map(({ id }) => id))
        assert.deepStrictEqual(yield* list(), ids.slice(0, 50))
        assert.deepStrictEqual(yield* list({ limit: 3 }), ids.slice(0, 3))
        assert.deepStrictEqual(yield* list({ limit: 3, before: ids[2]! }), ids.slice(3, 6))
        assert.deepStrictEqual(yield* list({ before: ids[57]! }), ids.slice(58))
        assert.deepStrictEqual(yield* list({ before: ids[59]! }), [])
        assert.deepStrictEqual(yield* list({ status: ["cancelled"] }), ids.slice(0, 1))
        assert.deepStrictEqual(yield* list({ status: ["completed", "running"] }), ids.slice(1, 10))
        assert.deepStrictEqual(yield* list({ crewId: "even", limit: 2 }), [ids[0], ids[2]])
        assert.deepStrictEqual(yield* list({ crewName: "crew 0", limit: 2 }), [ids[0], ids[3]])
        assert.deepStrictEqual(yield* list({ crewId: "even", crewName: "crew 0", limit: 2, before: ids[0]! }), [
          ids[6],
          ids[12]
        ])
        assert.deepStrictEqual(yield* list({ status: [] }), [])
        assert.deepStrictEqual((yield* log.list({ limit: 1 }))[0], yield* log.summary(ids[0]!))
        assert.strictEqual((yield* Story.reasonOf(log.list({ before: "nobody" })))._tag, "UnknownExecution")
      }).pipe(Story.inTenant(tenant))
    })
  )
}

/** Missing items, and items of others. */
const tenants = (it: Story.It): void => {
  it.effect("every operation reports a missing execution as unknown", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const reasons = [
        yield* Story.reasonOf(log.append("nobody", [Story.taskStarted("a")])),
        yield* Story.reasonOf(log.append("nobody", [Story.turn("a", 1)], { nonce: "1", expectVersion: 1 })),
        yield* Story.reasonOf(log.read("nobody")),
        yield* Story.reasonOf(log.outputs("nobody", ["a"])),
        yield* Story.reasonOf(log.summary("nobody")),
        yield* Story.reasonOf(Stream.runCollect(log.follow("nobody")))
      ]
      for (const reason of reasons)
        assert.deepStrictEqual(reason, new EventLog.UnknownExecution({ executionId: "nobody" }))
    })
  )

  it.effect("tenants do not see each other", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const [mine, theirs] = [
        Story.inTenant(yield* Story.fresh("tenant")),
        Story.inTenant(yield* Story.fresh("tenant"))
      ]
      const executionId = yield* mine(Story.begin)
      yield* mine(log.append(executionId, [Story.completed("a", "mine")]))
      for (const foreign of [theirs, <A, E, R>(effect: Effect.Effect<A, E, R>) => effect]) {
        const reasons = [
          yield* foreign(Story.reasonOf(log.append(executionId, [Story.taskStarted("b")]))),
          yield* foreign(Story.reasonOf(log.read(executionId))),
          yield* foreign(Story.reasonOf(log.outputs(executionId, ["a"]))),
          yield* foreign(Story.reasonOf(log.summary(executionId))),
          yield* foreign(Story.reasonOf(Stream.runCollect(log.follow(executionId)))),
          yield* foreign(Story.reasonOf(log.list({ before: executionId })))
        ]
        for (const reason of reasons) assert.strictEqual(reason._tag, "UnknownExecution")
        assert.isFalse((yield* foreign(log.list())).some(({ id }) => id === executionId))
      }
      assert.strictEqual((yield* mine(log.read(executionId))).length, 2)
    })
  )

  it.effect("two tenants may use the same execution id and the same keys", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const tenants = [yield* Story.fresh("tenant"), yield* Story.fresh("tenant")]
      const executionId = yield* Story.fresh("execution")
      const key = yield* Story.fresh("key")
      // Both follow before anything is there to be mixed up.
      for (const tenant of tenants) {
        const start = log.start(executionId, Story.executionStarted(tenant), {
          idempotency: { key, requestHash: tenant }
        })
        assert.isFalse((yield* Story.inTenant(tenant)(start)).existing)
      }
      yield* Effect.forEach(
        tenants,
        (tenant) =>
          Effect.gen(function* () {
            const follower = yield* Effect.forkChild(Stream.runCollect(log.follow(executionId)))
            yield* log.append(executionId, [Story.completed("a", tenant), Story.turn("a", 1)], { nonce: "1" })
            yield* log.append(executionId, [Story.ended()])
            const followed = yield* Fiber.join(follower)
            assert.deepStrictEqual<ReadonlyArray<ExecutionEvent.Followed>>(followed, yield* log.read(executionId))
            assert.deepInclude(followed[1], { output: tenant })
            assert.deepInclude(yield* log.summary(executionId), { tenant, crewName: tenant, lastSeq: 4 })
          }).pipe(Story.inTenant(tenant)),
        { concurrency: 2 }
      )
    })
  )
}
