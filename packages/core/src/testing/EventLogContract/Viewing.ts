/**
 * Views of ended executions, kept beside them.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

const part = (first: number, texts: ReadonlyArray<string>): EventLog.ViewPart => ({
  first,
  lengths: texts.map((text) => text.length),
  text: texts.join(",")
})

/** Values that storages tend to change; the second part has the maximum size. */
const parts: ReadonlyArray<EventLog.ViewPart> = [
  part(0, [
    '"a":{"output":"zero \\u0000, half a pair \\ud83d, a whole one 🦦"}',
    `"b":{"output":"${"ü".repeat(100_000)}"}`
  ]),
  part(
    2,
    Story.upTo(EventLog.maxPartTasks).map((n) => `"t${n}":{}`)
  ),
  part(2 + EventLog.maxPartTasks, ['"z":{}'])
]

const whole = { format: 1, head: '{"id":"x"}', parts }

const over = Effect.tap(Story.begin, (id) =>
  Effect.flatMap(EventLog.EventLog, (log) => log.append(id, [Story.ended()]))
)

export const declare = (it: Story.It): void => {
  keeping(it)
  confining(it)
}

const keeping = (it: Story.It): void => {
  it.effect("a stored view is returned unchanged with its summary, completely or by range", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* over
      const summary = yield* log.summary(id)
      assert.deepStrictEqual(yield* log.view(id, { format: 1 }), { summary })
      yield* log.keepView(id, whole)
      const { view, ...rest } = yield* log.view(id, { format: 1 })
      assert.deepStrictEqual(rest, { summary })
      // Compared as one boolean: a difference of a megabyte helps nobody.
      assert.isTrue(JSON.stringify(view) === JSON.stringify({ head: whole.head, parts }), "the whole view")
      const places = (from: number, to: number) =>
        Effect.map(log.view(id, { format: 1, from, to }), ({ view }) => view?.parts.map(({ first }) => first))
      const last = 2 + EventLog.maxPartTasks
      assert.deepStrictEqual(yield* places(0, 0), [])
      assert.deepStrictEqual(yield* places(0, 2), [0])
      assert.deepStrictEqual(yield* places(1, 3), [0, 2])
      assert.deepStrictEqual(yield* places(2, 3), [2])
      assert.deepStrictEqual(yield* places(last - 1, last), [2])
      assert.deepStrictEqual(yield* places(last - 1, last + 1), [2, last])
      assert.deepStrictEqual(yield* places(last, last + 50), [last])
      assert.deepStrictEqual(yield* places(last + 1, last + 50), [])
    })
  )

  it.effect("a view can be stored in pieces and is valid once its head exists; existing pieces are kept", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* over
      const short = parts.slice(1)
      yield* log.keepView(id, { format: 1, parts: short.slice(0, 1) })
      assert.isUndefined((yield* log.view(id, { format: 1 })).view)
      yield* log.keepView(id, { format: 1, parts: short.slice(1), head: whole.head })
      yield* log.keepView(id, { format: 1, parts: [part(2, ['"another":{}'])], head: "{}" })
      assert.deepStrictEqual((yield* log.view(id, { format: 1 })).view, { head: whole.head, parts: short })
    })
  )

  it.effect("a view replaces one of another format", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* over
      yield* log.keepView(id, whole)
      assert.isUndefined((yield* log.view(id, { format: 2 })).view)
      yield* log.keepView(id, { format: 2, head: '{"format":2}', parts: [] })
      assert.isUndefined((yield* log.view(id, { format: 1 })).view)
      assert.deepStrictEqual((yield* log.view(id, { format: 2 })).view, { head: '{"format":2}', parts: [] })
    })
  )

  it.effect("no view of an execution that has not ended is stored", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* Story.begin
      yield* log.keepView(id, whole)
      assert.deepStrictEqual(yield* log.view(id, { format: 1 }), { summary: yield* log.summary(id) })
      yield* log.append(id, [Story.ended()])
      assert.deepStrictEqual(yield* log.view(id, { format: 1 }), { summary: yield* log.summary(id) })
    })
  )
}

const confining = (it: Story.It): void => {
  it.effect("deleting an execution deletes its view", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const id = yield* over
      yield* log.keepView(id, whole)
      yield* log.remove(id)
      assert.strictEqual((yield* Story.reasonOf(log.view(id, { format: 1 })))._tag, "Gone")
      yield* log.keepView(id, whole)
      assert.strictEqual((yield* Story.reasonOf(log.view(id, { format: 1 })))._tag, "Gone")
      assert.strictEqual((yield* Story.reasonOf(log.view("nobody", { format: 1 })))._tag, "UnknownExecution")
    })
  )

  it.effect("a view is not visible to other tenants, not even for an execution with the same id", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const other = Story.inTenant(yield* Story.fresh("tenant"))
      const id = yield* over
      yield* other(log.keepView(id, whole))
      assert.isUndefined((yield* log.view(id, { format: 1 })).view)
      yield* log.keepView(id, whole)
      assert.strictEqual((yield* Story.reasonOf(other(log.view(id, { format: 1 }))))._tag, "UnknownExecution")
      yield* other(log.start(id, Story.executionStarted()))
      yield* other(log.append(id, [Story.ended()]))
      assert.isUndefined((yield* other(log.view(id, { format: 1 }))).view)
    })
  )
}
