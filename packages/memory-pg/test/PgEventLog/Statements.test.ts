/**
 * The number of statements of each operation of the log: an additional statement is an additional
 * round trip and fails the test.
 */
import { assert, layer } from "@effect/vitest"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import * as Database from "../../src/Database.ts"
import * as PgEventLog from "../../src/PgEventLog.ts"

const plan = { version: 1, name: "crew", process: "parallel", agents: {}, tasks: [], inputs: {} } as const
const usage = { requests: 0, inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, costUsd: 0 }
const started: ExecutionEvent.ExecutionStarted = { type: "ExecutionStarted", plan }
const claimed = (taskId: string): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run: 1,
  attempt: 1,
  crashes: 0,
  worker: "w"
})
const asking: ExecutionEvent.Draft = {
  type: "TaskSuspended",
  taskId: "b",
  run: 1,
  for: { kind: "calls", turn: 1 },
  waits: { groups: [] },
  spawn: [],
  asks: [
    { id: "b/1", kind: "approval", title: "t", shown: null, hash: "h", onSilence: "deny", answerableBy: [] },
    { id: "b/2", kind: "approval", title: "t", shown: null, hash: "h", onSilence: "deny", answerableBy: [] }
  ]
}
const completed = (taskId: string): ExecutionEvent.Draft => ({ type: "TaskCompleted", taskId, run: 1, output: "o" })

layer(Database.layer({ kind: "memory" }), { excludeTestServices: true, timeout: "1 minute" })("PgEventLog", (it) => {
  it.effect("uses one statement per operation, and one for all concurrent starts or appends", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      let statements = 0
      const counting = new Proxy(sql, {
        get: (target, name) => {
          if (name === "unsafe") statements++
          return Reflect.get(target, name)
        }
      })
      const log = yield* Effect.provideService(PgEventLog.make({ pollMillis: 600_000 }), SqlClient.SqlClient, counting)
      const count = <A, E>(operation: () => Effect.Effect<A, E>) =>
        Effect.suspend(() => {
          statements = 0
          return Effect.map(Effect.exit(operation()), () => statements)
        })
      const all = (ids: ReadonlyArray<string>) =>
        Effect.forEach(ids, (id) => log.append(id, [claimed("a")]), { concurrency: "unbounded" })
      const others = Array.from({ length: 16 }, (_, index) => `y${index}`)
      const begin = Effect.forEach(others, (id) => log.start(id, started), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        {
          start: yield* count(() => log.start("x", started)),
          claim: yield* count(() => log.append("x", [claimed("a")])),
          "outcome and the next claim": yield* count(() => log.append("x", [completed("a"), claimed("b")])),
          "refused append": yield* count(() => log.append("x", [completed("a")])),
          read: yield* count(() => log.read("x")),
          "outputs that were stored here": yield* count(() => log.outputs("x", ["a"])),
          "other outputs": yield* count(() => log.outputs("x", ["a", "b"])),
          "suspension that asks": yield* count(() => log.append("x", [asking])),
          "answer and close": yield* count(() =>
            log.append("x", [
              { type: "AskAnswered", ask: "b/1", taskId: "b", answer: "deny", hash: "h", by: { name: "Ada" } },
              { ...completed("b"), closes: ["b/2"] } as ExecutionEvent.TaskCompleted
            ])
          ),
          asks: yield* count(() => log.asks()),
          "asks of one execution": yield* count(() => log.asks({ executionId: "x", state: "open" })),
          "next page of asks": yield* count(() => log.asks({ after: { executionId: "x", id: "b/1" } })),
          ask: yield* count(() => log.ask("x", "b/1")),
          signals: yield* count(() => log.signals("x", ["s", "t"])),
          spawned: yield* count(() => log.spawned("x", ["s", "t"])),
          summary: yield* count(() => log.summary("x")),
          view: yield* count(() => log.view("x", { format: 1 })),
          "kept view": yield* count(() => log.keepView("x", { format: 1, head: "{}", parts: [] })),
          list: yield* count(() => log.list()),
          adopt: yield* count(() => log.adopt({ owner: "o", leaseMillis: 1_000, limit: 10 })),
          owners: yield* count(() => log.owners),
          disown: yield* count(() => log.disown("o")),
          end: yield* count(() => log.append("x", [{ type: "ExecutionEnded", status: "completed", usage }])),
          "first view of what has ended": yield* count(() => log.view("x", { format: 1 })),
          "its view, kept": yield* count(() => log.keepView("x", { format: 1, head: "{}", parts: [] })),
          "kept view, twice": yield* count(() =>
            Effect.provide(Effect.replicateEffect(log.view("x", { format: 1 }), 2), TestClock.layer())
          ),
          remove: yield* count(() => log.remove("x")),
          "view of what is gone": yield* count(() => log.view("x", { format: 1 })),
          "read of what is gone": yield* count(() => log.read("x")),
          "16 starts": yield* count(() => begin),
          "16 appends": yield* count(() => all(others))
        },
        {
          start: 1,
          claim: 1,
          "outcome and the next claim": 1,
          "refused append": 1,
          read: 1,
          "outputs that were stored here": 0,
          "other outputs": 1,
          "suspension that asks": 1,
          "answer and close": 1,
          asks: 1,
          "asks of one execution": 1,
          "next page of asks": 1,
          ask: 1,
          signals: 1,
          spawned: 1,
          summary: 1,
          view: 1,
          "kept view": 1,
          list: 1,
          adopt: 1,
          owners: 1,
          disown: 1,
          end: 1,
          "first view of what has ended": 1,
          "its view, kept": 1,
          "kept view, twice": 1,
          remove: 1,
          "view of what is gone": 2,
          "read of what is gone": 2,
          "16 starts": 1,
          "16 appends": 1
        }
      )
    }).pipe(Effect.scoped)
  )
})
