import { assert, layer } from "@effect/vitest"
import * as EventLog from "@crewline/core/EventLog"
import * as LocalEventLog from "@crewline/core/LocalEventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import * as Database from "../../src/Database.ts"
import * as PgEventLog from "../../src/PgEventLog.ts"
import { asOwner } from "../Owner.ts"
import * as Plans from "../../../core/test/arbitrary/Plan.ts"

const plan = { version: 1, name: "crew", process: "parallel", agents: {}, tasks: [], inputs: {} } as const
const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
const started: ExecutionEvent.ExecutionStarted = { type: "ExecutionStarted", plan }
const ended: ExecutionEvent.ExecutionEnded = { type: "ExecutionEnded", status: "completed", usage }
const completed = (taskId: string, output: string = "output"): ExecutionEvent.TaskCompleted => ({
  type: "TaskCompleted",
  taskId,
  run: 1,
  output
})
const turn = (number: number, text: string, taskId = "a", run = 1): ExecutionEvent.TurnCompleted => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn: number,
  messages: [],
  parts: [{ type: "text", text }],
  finishReason: "stop",
  model: "scripted/test",
  usage
})

/** Of asks, signals and tasks. */
const names = ["1", "2", "3", "4"]
const suspended = (
  taskId: string,
  asks: ReadonlyArray<string>,
  spawn: ReadonlyArray<string> = []
): ExecutionEvent.TaskSuspended => ({
  type: "TaskSuspended",
  taskId,
  run: 1,
  for: { kind: "calls", turn: 1 },
  waits: { groups: [] },
  spawn: spawn.map((id) => ({ ...task, id, title: taskId })),
  asks: asks.map((id) => ({
    id,
    kind: "approval",
    title: taskId,
    shown: { text: "secret" },
    hash: "hash",
    deadlineMillis: 1_000,
    onSilence: "deny",
    answerableBy: []
  }))
})
const task = Plans.task({ id: "", description: "secret", expectedOutput: "secret" })
const answered = (ask: string): ExecutionEvent.AskAnswered => ({
  type: "AskAnswered",
  ask,
  taskId: "a",
  answer: "deny",
  hash: "hash",
  reason: "secret",
  by: { name: "Ada" }
})
const claimed: ExecutionEvent.TaskStarted = {
  type: "TaskStarted",
  taskId: "a",
  run: 2,
  attempt: 1,
  crashes: 0,
  worker: "w"
}

/** The input of both logs, with versions relative to the current one of the execution. */
const draft: fc.Arbitrary<ExecutionEvent.Draft> = fc.oneof(
  fc
    .record({
      taskId: fc.constantFrom("a", "b"),
      number: fc.integer({ min: 1, max: 3 }),
      run: fc.constantFrom(1, 2),
      text: fc.string()
    })
    .map(({ number, run, taskId, text }) => turn(number, text, taskId, run)),
  fc.constantFrom("a", "b", "c", "d").map((taskId) => completed(taskId)),
  fc.constantFrom<ExecutionEvent.Draft>(
    { type: "TaskSkipped", taskId: "c", reason: "condition" },
    { type: "ExecutionPaused" },
    { type: "SignalReceived", signal: "s", value: null },
    { type: "ToolStarted", taskId: "a", run: 1, turn: 1, callId: "c", tool: "t" }
  ),
  fc
    .record({ asks: fc.subarray(names), spawn: fc.subarray(names), taskId: fc.constantFrom("a", "b") })
    .map(({ asks, spawn, taskId }) => suspended(taskId, asks, spawn)),
  fc.constantFrom(...names).map((id) => answered(id)),
  fc.subarray(names).map((closes): ExecutionEvent.Draft => ({ ...claimed, closes })),
  { weight: 1, arbitrary: fc.constant<ExecutionEvent.Draft>(ended) }
)
const step = fc.record({
  drafts: fc.array(draft, { minLength: 1, maxLength: 4 }),
  nonce: fc.option(fc.constantFrom("1", "2", "3"), { nil: undefined }),
  behind: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined })
})

const withoutTime = (event: ExecutionEvent.ExecutionEvent) => ({ ...event, at: "" })
const withoutTimes = ({ closedAt, ...ask }: EventLog.RecordedAsk) => ({
  ...ask,
  askedAt: "",
  deadline: Date.parse(ask.deadline!) - Date.parse(ask.askedAt),
  isClosed: closedAt !== undefined
})

const shared = PgEventLog.layer.pipe(Layer.provideMerge(Database.layer({ kind: "memory" })))

layer(shared, { excludeTestServices: true, timeout: "1 minute" })("PgEventLog", (it) => {
  it.effect(
    "answers every append like the local log",
    () =>
      Effect.gen(function* () {
        const stored = yield* EventLog.EventLog
        const local = Context.get(yield* Layer.build(LocalEventLog.layerLocal), EventLog.EventLog)
        const answer = Effect.match({
          onFailure: ({ reason }: EventLog.EventLogError) => ({ ...reason, _tag: reason._tag }),
          onSuccess: ({ events, lastSeq, version }: EventLog.Appended) => ({
            lastSeq,
            version,
            events: events.map(withoutTime)
          })
        })
        let executions = 0
        const outcomes = new Set<string>()
        const states = new Set<string>()
        const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const id = `model-${executions++}`
              for (const log of [stored, local]) yield* log.start(id, started)
              for (const { behind, drafts, nonce } of steps) {
                const { version } = yield* local.summary(id)
                const options: EventLog.AppendOptions = {
                  ...(nonce !== undefined && { nonce }),
                  ...(behind !== undefined && { expectVersion: version - behind })
                }
                const [first, ...rest] = drafts
                const expected = yield* answer(local.append(id, [first!, ...rest], options))
                assert.deepStrictEqual(yield* answer(stored.append(id, [first!, ...rest], options)), expected)
                outcomes.add("_tag" in expected ? expected._tag : "stored")
              }
              const read = (log: EventLog.EventLog["Service"]) =>
                Effect.map(log.read(id), (events) => events.map(withoutTime))
              assert.deepStrictEqual(yield* read(stored), yield* read(local))
              const summary = (log: EventLog.EventLog["Service"]) =>
                Effect.map(log.summary(id), (found) => ({
                  ...found,
                  startedAt: "",
                  endedAt: found.endedAt !== undefined
                }))
              assert.deepStrictEqual(yield* summary(stored), yield* summary(local))
              const named = (log: EventLog.EventLog["Service"]) =>
                Effect.gen(function* () {
                  const asks = (yield* log.asks({ executionId: id })).map(withoutTimes)
                  for (const { state } of asks) states.add(state)
                  return [asks, yield* log.signals(id, ["s"]), yield* log.spawned(id, names)]
                })
              assert.deepStrictEqual(yield* named(stored), yield* named(local))
            })
          )
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 300 }))
        assert.sameMembers([...states], ["open", "answered", "closed"])
        assert.sameMembers([...outcomes], ["stored", "Conflict", "Ended", "AlreadySettled"])
      }).pipe(Effect.scoped),
    60_000
  )

  it.effect("reading without payloads touches none", () =>
    Effect.gen(function* () {
      const [log, sql] = [yield* EventLog.EventLog, yield* SqlClient.SqlClient]
      yield* log.start("light", started)
      yield* log.append("light", [turn(1, "t"), completed("a", "small"), completed("b", "x".repeat(100_000))])
      yield* log.append("light", [
        suspended("c", ["1"], ["c/1"]),
        { type: "SignalReceived", signal: "s", value: "secret" },
        answered("1")
      ])
      // If one of them were read, it could not be parsed.
      yield* asOwner(
        Effect.andThen(
          sql`update crewline_event set payload = '{' where payload is not null`,
          sql`update crewline_blob set content = '{'`
        )
      )
      const events = yield* log.read("light", { payloads: false })
      assert.deepStrictEqual(
        events.map((event) => ["parts" in event, "output" in event]),
        [
          [false, false],
          [false, false],
          [false, false],
          [false, false],
          [false, false],
          [false, false],
          [false, false]
        ]
      )
      assert.notInclude(JSON.stringify(events), "secret")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(log.read("light"))))
    })
  )

  it.effect("very large payloads are stored separately, by hash, with an excerpt", () =>
    Effect.gen(function* () {
      const [log, sql] = [yield* EventLog.EventLog, yield* SqlClient.SqlClient]
      yield* log.start("large", started)
      yield* log.append("large", [completed("a", "x".repeat(100_000)), completed("b", "small")])
      const rows = yield* asOwner(
        sql`select e.seq, e.payload is null as apart, e.payload_size as size, length(e.payload_sha256) as hash,
        left(e.payload_excerpt, 14) as excerpt, b.content is not null as has
        from crewline_event e join crewline_execution x on x.key = e.execution
        left join crewline_blob b on b.execution = e.execution and b.seq = e.seq
        where x.id = 'large' and e.seq > 1 order by e.seq`
      )
      assert.deepStrictEqual(rows, [
        { seq: 2, apart: true, size: 100_013, hash: 64, excerpt: '{"output":"xxx', has: true },
        { seq: 3, apart: false, size: null, hash: null, excerpt: null, has: false }
      ])
    })
  )

  it.effect("a hundred turns store linear bytes", () =>
    Effect.gen(function* () {
      const [log, sql] = [yield* EventLog.EventLog, yield* SqlClient.SqlClient]
      const bytesOf = (turns: number) =>
        Effect.gen(function* () {
          const id = `turns-${turns}`
          yield* log.start(id, started)
          for (let n = 1; n <= turns; n++) yield* log.append(id, [turn(n, `turn ${n} `.repeat(50))])
          const [row] = yield* asOwner(sql<{ readonly bytes: number }>`select sum(pg_column_size(e.*))::int as bytes
            from crewline_event e join crewline_execution x on x.key = e.execution where x.id = ${id}`)
          return row!.bytes
        })
      const [fifty, hundred] = [yield* bytesOf(50), yield* bytesOf(100)]
      assert.isBelow(hundred / fifty, 2.1)
    })
  )

  it.effect("in a transaction of the caller an append joins it, and followers are informed after the commit", () =>
    Effect.gen(function* () {
      const [log, sql] = [yield* EventLog.EventLog, yield* SqlClient.SqlClient]
      yield* log.start("joined", started)
      const follower = yield* Effect.forkChild(Stream.runCollect(log.follow("joined")))
      const failed = sql.withTransaction(Effect.andThen(log.append("joined", [completed("undone")]), Effect.fail("no")))
      assert.strictEqual(yield* Effect.flip(failed), "no")
      assert.strictEqual((yield* log.summary("joined")).lastSeq, 1)
      yield* sql.withTransaction(
        Effect.gen(function* () {
          yield* log.append("joined", [completed("a")])
          yield* log.append("joined", [ended])
        })
      )
      assert.deepStrictEqual(
        (yield* Fiber.join(follower)).map(({ type }) => type),
        ["ExecutionStarted", "TaskCompleted", "ExecutionEnded"]
      )
    }).pipe(Effect.timeout("10 seconds"))
  )

  it.effect("an append that the database rejects fails alone", () =>
    Effect.gen(function* () {
      const log = yield* EventLog.EventLog
      yield* log.start("batch", started)
      const exits = yield* Effect.all(
        ["a", "b", "no\u0000text", "c"].map((taskId) => Effect.exit(log.append("batch", [completed(taskId)]))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true, false, true])
      const refused = yield* Effect.flip(log.append("batch", [completed("no\u0000text")]))
      assert.deepInclude(refused.reason, { _tag: "Unavailable", isRetryable: false })
    })
  )

  it.effect("closing the log fails waiting operations", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const scope = yield* Scope.make()
      const log = yield* Scope.provide(PgEventLog.make(), scope)
      yield* log.start("closing", started)
      const release = yield* Deferred.make<void>()
      const holding = yield* Effect.forkChild(sql.withTransaction(Deferred.await(release)))
      yield* Effect.sleep(5)
      const waiting = yield* Effect.forkChild(Effect.flip(log.append("closing", [completed("a")])))
      yield* Effect.sleep(5)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Unavailable")
      assert.strictEqual((yield* Effect.flip(log.append("closing", [completed("b")]))).reason._tag, "Unavailable")
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(holding)
    }).pipe(Effect.timeout("10 seconds"))
  )
})
