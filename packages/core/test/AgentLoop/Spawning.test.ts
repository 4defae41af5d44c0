/** Calls that add tasks and wait for them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Llm from "../../src/Llm.ts"
import * as Tool from "../../src/Tool.ts"
import { lastMessage, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const spawner = (spawn: Tool.Spawn) =>
  Tool.make({
    name: "spawn",
    description: "Spawns.",
    spawn: () => spawn,
    execute: (_, { tasks }) => JSON.stringify(tasks)
  })

const work = (more: Partial<Tool.SpawnedTask> = {}): Tool.SpawnedTask => ({
  description: "d",
  expectedOutput: "e",
  ...more
})

const decodeResults = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Record(
      Schema.String,
      Schema.Struct({
        status: Schema.String,
        output: Schema.optionalKey(Schema.Json),
        error: Schema.optionalKey(Schema.String)
      })
    )
  )
)

/** The outcomes of the added tasks as reported to the model, by name. */
const resultOf = (request: Llm.Request) => {
  const told = request.messages.flatMap((message) => (message.role === "tool" ? message.content : []))
  return decodeResults(told.flatMap((part) => (part.type === "tool-result" ? [part.result] : [])).at(-1))
}

describe("tasks that a call adds", () => {
  const answers = (children: { readonly [name: string]: Llm.Answer | World.Reply }) => (request: Llm.Request) => {
    const task = request.caller!.taskId
    if (task !== "a") return children[task.split(".").at(-1)!]!
    return request.messages.length > 2 ? World.text("done") : World.calls(["spawn", {}])
  }
  const late = (text: string) => Effect.delay(Effect.succeed(World.text(text)), 5_000)
  const failing = World.refuse({ _tag: "InvalidRequest", description: "no", isRetryable: false } as never)

  it.effect("run at once with the tools of their agents, and the call returns their outcomes", () =>
    running(
      { a: { tools: ["spawn"] } },
      {
        answers: answers({ one: World.text("1"), two: failing, three: World.text("3") }),
        tools: [
          spawner({
            tasks: {
              one: work({ title: "First" }),
              two: work({ retry: { attempts: 1 } }),
              three: work({ context: ["one"] })
            }
          })
        ],
        plan: { agents: { agent: { role: "r", goal: "g", backstory: "", maxTurns: 3, tools: ["spawn"] } } },
        crewline: { worker: { concurrency: 1 } }
      },
      Effect.fnUntraced(function* ({ asked, crewline, id, task }) {
        yield* pass(100)
        const view = yield* crewline.get(id)
        assert.strictEqual(view.status, "completed")
        const result = resultOf(asked.at(-1)!)
        assert.deepStrictEqual(
          Object.entries(result).map(([name, { output, status }]) => [name, status, output]),
          [
            ["one", "completed", "1"],
            ["two", "failed", undefined],
            ["three", "completed", "3"]
          ]
        )
        const child = yield* task("a/1.1.0.one")
        assert.deepInclude(child, { parent: "a", kind: "work", title: "First" })
        const asking = asked.find(({ caller }) => caller!.taskId === "a/1.1.0.one")!
        assert.deepStrictEqual(
          asking.tools.map(({ name }) => name),
          ["spawn"]
        )
      })
    )
  )

  it.effect("of which one is enough: the others are cancelled, and a failed one does not count", () =>
    running(
      { a: { tools: ["spawn"] } },
      {
        answers: answers({ one: failing, two: World.text("2"), three: late("3") }),
        tools: [
          spawner({
            tasks: {
              one: work({ retry: { attempts: 1 } }),
              two: work({ dependsOn: ["one"], onFailure: "skip" }),
              three: work()
            },
            need: "any"
          })
        ]
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(100)
        // `two` is skipped together with `one`, which leaves `three`.
        assert.strictEqual((yield* crewline.get(id)).status, "running")
        yield* pass(6_000)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.deepStrictEqual(
          Object.values(resultOf(asked.at(-1)!)).map(({ status }) => status),
          ["failed", "skipped", "completed"]
        )
        assert.deepStrictEqual(ofType(yield* events, "TaskCancelled"), [])
      })
    )
  )

  it.effect("that are no longer needed are stopped, with their calls", () =>
    running(
      { a: { tools: ["spawn"] } },
      {
        answers: answers({ fast: World.text("1"), slow: late("2") }),
        tools: [spawner({ tasks: { fast: work(), slow: work() }, need: 1 })]
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(200)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.deepStrictEqual(
          ofType(yield* events, "TaskCancelled").map(({ reason, taskId }) => [taskId, reason]),
          [["a/1.1.0.slow", "not-needed"]]
        )
        assert.deepStrictEqual(
          Object.values(resultOf(asked.at(-1)!)).map(({ status }) => status),
          ["completed", "cancelled"]
        )
      })
    )
  )

  it.effect("delay the call no longer than its limit", () =>
    running(
      { a: { tools: ["spawn"] } },
      {
        answers: answers({ fast: World.text("1"), slow: late("2") }),
        tools: [spawner({ tasks: { fast: work(), slow: work() }, timeout: "2 seconds", rest: "keep" })]
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(3_000)
        assert.deepStrictEqual(
          Object.values(resultOf(asked.at(-1)!)).map(({ status }) => status),
          ["completed", "running"]
        )
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
      })
    )
  )

  it.effect("that are invalid or too many are refused with a message; nothing is added, and the agent continues", () =>
    Effect.gen(function* () {
      const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`t${index}`, work()]))
      for (const [spawn, told] of [
        [{ tasks: { one: work({ agent: "agnet" }) } }, `Did you mean \\"agent\\"`],
        [{ tasks: { one: work({ context: ["two"] }) } }, `the task \\"two\\"`],
        [{ tasks: { "a/b": work() } }, "a name begins with a letter"],
        [{ tasks: { one: { description: "d" } as never } }, "expectedOutput is missing"],
        [{ tasks: many }, "one task can add 20"],
        [{ tasks: {} }, "no task"],
        [{ tasks: { one: work() }, need: 0 }, "need must be"],
        [{ tasks: { one: work() }, need: 2 }, "a whole number from 1 to 1"],
        [{ tasks: { one: work() }, rest: "kept" as never }, "rest must be"],
        [{ tasks: { one: work() }, timeout: "2 minuts" }, "timeout must be"],
        [{ tasks: { one: work({ dependsOn: ["two"] }), two: work({ context: ["one"] }) } }, "one -> two -> one"],
        [{ tasks: { one: work({ dependsOn: ["one"] }) } }, "depends on itself"],
        [{ tasks: { one: work({ description: "x".repeat(2_000_000) }) } }, "are too large"],
        [
          { tasks: { one: work({ output: JSON.parse('{"not":'.repeat(5_000) + "{}" + "}".repeat(5_000)) }) } },
          "too deep"
        ],
        [{ tasks: { one: work({ policy: { deny: ["send"] } } as never) } }, "policy is not a valid key"]
      ] as const) {
        yield* running(
          { a: { tools: ["spawn"] } },
          { answers: answers({}), tools: [spawner(spawn)] },
          Effect.fnUntraced(function* ({ asked, crewline, id }) {
            const view = yield* crewline.get(id)
            assert.deepStrictEqual([view.status, Object.keys(view.tasks)], ["completed", ["a"]])
            assert.include(lastMessage(asked.at(-1)!), told)
          })
        )
      }
    })
  )

  it.effect("require every approval that the task that added them requires", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      const free = World.tool("send", (args) => Effect.sync(() => (sent.push(args), null)))
      yield* running(
        { a: { tools: ["spawn", "send"], approvals: ["send"] } },
        {
          answers: (request) =>
            request.messages.length > 2
              ? World.text("done")
              : World.calls(request.caller!.taskId.endsWith("two") ? ["send", {}] : ["spawn", {}]),
          tools: [spawner({ tasks: { two: work({ tools: ["send"] }), one: work({ tools: ["spawn"] }) } }), free]
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          yield* pass(300)
          assert.deepStrictEqual(sent, [])
          const asks = yield* crewline.asks({ state: "open" })
          // At two levels of nesting, too.
          assert.deepStrictEqual(
            asks.map(({ taskId }) => taskId),
            ["a/1.1.0.two", "a/1.1.0.one/1.1.0.two"]
          )
          for (const ask of asks) yield* crewline.answer(ask.id, { answer: "approve" })
          yield* pass(300)
          assert.strictEqual(sent.length, 2)
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
        })
      )
    })
  )

  it.effect("cannot exceed the growth limit of an execution: the call receives an error, and the agent continues", () =>
    Effect.gen(function* () {
      const twenty = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`t${index}`, work()]))
      const names = Array.from({ length: 11 }, (_, index) => `p${index}`)
      yield* running(
        Object.fromEntries(names.map((name) => [name, { tools: ["spawn"] }])),
        {
          answers: (request) =>
            request.caller!.taskId.includes("/")
              ? World.text("x")
              : request.messages.length > 2
                ? World.text("done")
                : World.calls(["spawn", {}]),
          tools: [spawner({ tasks: twenty })]
        },
        Effect.fnUntraced(function* ({ asked, crewline, id }) {
          yield* pass(1_000)
          const view = yield* crewline.get(id)
          assert.strictEqual(view.status, "completed")
          assert.strictEqual(Object.keys(view.tasks).length, 11 + 200)
          assert.strictEqual(
            asked.filter((request) => lastMessage(request).includes("as many tasks as it can have")).length,
            1
          )
        })
      )
    })
  )

  it.effect(
    "that exceed the limit of an execution do not restart the time limit of the attempt, and nothing is asked twice",
    () =>
      Effect.gen(function* () {
        const twenty = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`t${index}`, work()]))
        const names = Array.from({ length: 10 }, (_, index) => `p${index}`)
        const slow = (answer: Llm.Answer) => Effect.delay(Effect.succeed(answer), 3_000)
        yield* running(
          {
            ...Object.fromEntries(names.map((name) => [name, { tools: ["spawn"] }])),
            last: { tools: ["spawn"], dependencies: names, timeoutMillis: 5_000 }
          },
          {
            answers: (request) => {
              const { taskId } = request.caller!
              const answer = request.messages.length > 2 ? World.text("done") : World.calls(["spawn", {}])
              return taskId.includes("/") ? World.text("x") : taskId === "last" ? slow(answer) : answer
            },
            tools: [spawner({ tasks: twenty })]
          },
          Effect.fnUntraced(function* ({ asked, events, task }) {
            yield* pass(10_000)
            const ofLast = asked.filter(({ caller }) => caller!.taskId === "last")
            assert.deepStrictEqual(
              ofLast.map(({ messages }) => messages.length),
              [2, 4]
            )
            assert.deepStrictEqual(
              ofType(yield* events, "TurnCompleted").filter(({ taskId }) => taskId === "last").length,
              1
            )
            const { error, status } = yield* task("last")
            assert.deepStrictEqual([status, error?.code], ["failed", "timeout"])
          })
        )
      })
  )

  it.effect("can be nested two levels deep", () =>
    running(
      { a: { tools: ["spawn"] } },
      {
        answers: (request) => (request.messages.length > 2 ? World.text("done") : World.calls(["spawn", {}])),
        tools: [spawner({ tasks: { x: work({ tools: ["spawn"] }) } })]
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(300)
        const view = yield* crewline.get(id)
        assert.strictEqual(view.status, "completed")
        assert.deepStrictEqual(Object.keys(view.tasks).toSorted(), ["a", "a/1.1.0.x", "a/1.1.0.x/1.1.0.x"])
        assert.isTrue(asked.some((request) => lastMessage(request).includes("2 levels deep")))
      })
    )
  )
})
