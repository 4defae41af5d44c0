/**
 * Lists of asks, and what lists of executions say about them.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EventLog from "../../EventLog.ts"
import * as Story from "./Story.ts"

type Look = Effect.Effect<unknown, EventLog.EventLogError>

export const declare = (it: Story.It): void => {
  pages(it)
  owners(it)
  summaries(it)
}

/** Listed asks and their order. */
const pages = (it: Story.It): void => {
  it.effect("asks are listed oldest first, by state, by execution and by page", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const [x, y] = [yield* Story.begin, yield* Story.begin]
        assert.deepStrictEqual(yield* log.asks(), [])
        const ofX = Story.upTo(12).map((n) => `x/${n}`)
        yield* log.append(y, [Story.suspended("a", { asks: [Story.ask("y/1"), Story.ask("y/2")] })])
        yield* log.append(x, [Story.suspended("a", { asks: ofX.map((id) => Story.ask(id)) })])
        yield* log.append(y, [Story.suspended("b", { asks: [Story.ask("y/3")] })])
        const list = (options?: EventLog.AskListOptions) => Effect.map(log.asks(options), Story.idsOf)
        const all = ["y/1", "y/2", ...ofX, "y/3"]
        assert.deepStrictEqual(yield* list(), all)
        assert.deepStrictEqual(yield* list({ executionId: x }), ofX)
        assert.deepStrictEqual(yield* list({ executionId: y, limit: 2 }), ["y/1", "y/2"])
        assert.deepStrictEqual(yield* list({ executionId: "nobody" }), [])
        yield* log.append(x, [Story.answered("x/2"), Story.answered("x/5")])
        yield* log.append(y, [{ ...Story.completed("a"), closes: ["y/1", "y/2"] }])
        const open = all.filter((id) => !["x/2", "x/5", "y/1", "y/2"].includes(id))
        assert.deepStrictEqual(yield* list(), all)
        assert.deepStrictEqual(yield* list({ state: "open" }), open)
        assert.deepStrictEqual(yield* list({ state: "answered" }), ["x/2", "x/5"])
        assert.deepStrictEqual(yield* list({ state: "answered", executionId: y }), [])
        assert.deepStrictEqual(yield* list({ state: "closed" }), ["y/1", "y/2"])
        assert.deepStrictEqual(yield* list({ state: "open", executionId: y }), ["y/3"])
        // Page by page, continuing after an ask that is answered in the meantime.
        const first = yield* list({ state: "open", limit: 3 })
        assert.deepStrictEqual(first, ["x/1", "x/3", "x/4"])
        yield* log.append(x, [Story.answered("x/4")])
        const after = { executionId: x, id: "x/4" }
        assert.deepStrictEqual(yield* list({ state: "open", after }), open.slice(3))
        assert.deepStrictEqual(yield* list({ after, limit: 2 }), ["x/5", "x/6"])
        assert.deepStrictEqual(yield* list({ executionId: x, state: "answered", after }), ["x/5"])
        for (const nowhere of [
          { executionId: x, id: "x/99" },
          { executionId: "nobody", id: "x/1" }
        ]) {
          assert.deepStrictEqual(
            yield* Story.reasonOf(log.asks({ after: nowhere })),
            new EventLog.UnknownExecution({ executionId: nowhere.executionId })
          )
        }
      })
    )
  )

  it.effect("lists fifty by default", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const executionId = yield* Story.begin
        const ids = Story.upTo(60).map((n) => `a/${n}`)
        yield* log.append(executionId, [Story.suspended("a", { asks: ids.map((id) => Story.ask(id)) })])
        assert.deepStrictEqual(Story.idsOf(yield* log.asks()), ids.slice(0, 50))
        assert.deepStrictEqual(Story.idsOf(yield* log.asks({ state: "open", executionId })), ids.slice(0, 50))
      })
    )
  )
}

/** The owners of asks. */
const owners = (it: Story.It): void => {
  it.effect("asks of other tenants are not visible, regardless of the id of their execution", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      const [first, second] = [yield* Story.fresh("tenant"), yield* Story.fresh("tenant")]
      const executionId = yield* Story.fresh("execution")
      for (const tenant of [first, second]) {
        const asks = [Story.ask("a/1.1.0", { title: tenant })]
        const signal = { type: "SignalReceived", signal: "paid", value: tenant } as const
        yield* Effect.andThen(
          log.start(executionId, Story.executionStarted()),
          log.append(executionId, [Story.suspended("a", { asks }), signal])
        ).pipe(Story.inTenant(tenant))
      }
      yield* Story.inTenant(first)(log.append(executionId, [Story.answered("a/1.1.0")]))
      for (const [tenant, state] of [
        [first, "answered"],
        [second, "open"]
      ] as const) {
        yield* Effect.gen(function* () {
          const [one, ...others] = yield* log.asks()
          assert.deepInclude(one, { title: tenant, state })
          assert.deepStrictEqual(others, [])
          assert.deepStrictEqual(yield* log.asks({ executionId, state }), [one!])
          assert.deepStrictEqual(yield* log.signals(executionId, ["paid"]), new Map([["paid", tenant]]))
        }).pipe(Story.inTenant(tenant))
      }
      const stranger = Story.inTenant(yield* Story.fresh("tenant"))
      assert.deepStrictEqual(yield* stranger(log.asks()), [])
      assert.deepStrictEqual(yield* stranger(log.asks({ executionId })), [])
      const looks: ReadonlyArray<Look> = [
        log.ask(executionId, "a/1.1.0"),
        log.signals(executionId, ["paid"]),
        log.spawned(executionId, ["a"]),
        log.asks({ after: { executionId, id: "a/1.1.0" } })
      ]
      for (const look of looks) assert.strictEqual((yield* stranger(Story.reasonOf(look)))._tag, "UnknownExecution")
    })
  )

  it.effect("deleting an execution deletes its asks", () =>
    Story.inOwnTenant((tenant) =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const [id, other] = [yield* Story.begin, yield* Story.begin]
        const more = { asks: [Story.ask("a/1")], spawn: [Story.plannedTask("a/s")] }
        for (const executionId of [id, other]) yield* log.append(executionId, [Story.suspended("a", more)])
        yield* log.append(id, [Story.ended("cancelled")])
        yield* log.remove(id)
        for (const options of [{}, { state: "open" }] as const) {
          const left = (yield* log.asks(options)).map(({ executionId }) => executionId)
          assert.deepStrictEqual(left, [other])
        }
        assert.deepStrictEqual(yield* log.asks({ executionId: id }), [])
        const looks: ReadonlyArray<Look> = [log.ask(id, "a/1"), log.signals(id, ["s"]), log.spawned(id, ["a/s"])]
        for (const look of looks)
          assert.deepStrictEqual(yield* Story.reasonOf(look), new EventLog.Gone({ executionId: id }))
        // The same id in another tenant is unaffected.
        yield* log.prune({ endedForMillis: 60_000, limit: 1, tenant, rememberMillis: 0 })
        yield* log.start(id, Story.executionStarted())
        assert.isUndefined(yield* log.ask(id, "a/1"))
        assert.deepStrictEqual(yield* log.spawned(id, ["a/s"]), new Map())
      })
    )
  )
}

/** What lists of executions say about asks. */
const summaries = (it: Story.It): void => {
  it.effect("an execution that continues while an ask is open is also listed as waiting", () =>
    Story.inOwnTenant(() =>
      Effect.gen(function* () {
        const log = yield* EventLog.EventLog
        const id = yield* Story.begin
        yield* log.append(yield* Story.begin, [Story.taskStarted("a")])
        /** For whom it waits, and which status filters include it. */
        const look = Effect.gen(function* () {
          const summary = yield* log.summary(id)
          const found: Array<string | undefined> = [summary.waitingFor]
          for (const status of ["running", "waiting", "paused", "failed"] as const) {
            const listed = yield* log.list({ status: [status] })
            if (listed.some((each) => each.id === id)) found.push(status)
          }
          assert.deepStrictEqual(
            (yield* log.list({ status: ["running", "waiting", "paused", "failed"] })).filter((each) => each.id === id),
            [summary]
          )
          return found
        })
        yield* log.append(id, [Story.taskStarted("a"), Story.taskStarted("b")])
        assert.deepStrictEqual(yield* look, [undefined, "running"])
        yield* log.append(id, [Story.suspended("a", { asks: [Story.ask("a/1"), Story.ask("a/2")] })])
        assert.deepStrictEqual(yield* look, ["person", "running", "waiting"])
        yield* log.append(id, [Story.suspended("b", { spawn: [Story.plannedTask("b/1")] })], { status: "waiting" })
        assert.deepStrictEqual(yield* look, ["person", "waiting"])
        yield* log.append(id, [{ type: "ExecutionPaused" }])
        assert.deepStrictEqual(yield* look, ["person", "paused"])
        yield* log.append(id, [{ type: "ExecutionResumed" }, Story.answered("a/1")])
        assert.deepStrictEqual(yield* look, ["person", "running", "waiting"])
        yield* log.append(id, [{ ...Story.taskStarted("a", 2), closes: ["a/2"] }])
        assert.deepStrictEqual(yield* look, [undefined, "running"])
        yield* log.append(id, [Story.suspended("a", { asks: [Story.ask("a/3")] })])
        yield* log.append(id, [Story.ended("failed")])
        assert.deepStrictEqual(yield* look, [undefined, "failed"])
      })
    )
  )
}
