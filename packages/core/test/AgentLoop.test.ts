import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Fiber from "effect/Fiber"
import * as Crewline from "../src/Crewline.ts"
import * as EventLog from "../src/EventLog.ts"
import * as LocalEventLog from "../src/LocalEventLog.ts"
import * as Llm from "../src/Llm.ts"
import type * as Plan from "../src/Plan.ts"
import * as LocalTaskQueue from "../src/LocalTaskQueue.ts"
import * as Toolbox from "../src/Toolbox.ts"
import * as Workspace from "../src/Workspace.ts"
import * as World from "./fake/World.ts"
import { ofType } from "./fake/InMemory.ts"

const once: Plan.Retry = { attempts: 1, initialMillis: 1, factor: 1, maxMillis: 1 }

/** Runs one task `a` to its end; returns its view, its events and the requests to the model. */
const runTask = (
  task: Partial<Plan.PlannedTask>,
  answers: ReadonlyArray<Llm.Answer | World.Reply>,
  tools: ReadonlyArray<Toolbox.Tool> = []
) => {
  const asked: Array<Llm.Request> = []
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const handle = yield* crewline.startPlan(World.plan({ a: { retry: once, ...task } }))
    const fiber = yield* Effect.forkChild(Stream.runCollect(handle.events))
    for (let i = 0; i < 50 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust(100)
    const events = yield* Fiber.join(fiber)
    const view = yield* crewline.get(handle.id)
    return { task: view.tasks["a"]!, events, asked }
  }).pipe(Effect.provide(World.world(World.llm(World.script({ a: answers }), asked), World.toolbox(...tools))))
}

const lastMessage = (request: Llm.Request): string => JSON.stringify(request.messages.at(-1))

describe("AgentLoop", () => {
  describe("tools", () => {
    it.effect("run in parallel, and their results are sent in the order of the calls", () =>
      Effect.gen(function* () {
        const { asked, events, task } = yield* runTask(
          { tools: ["slow", "fast"] },
          [World.calls(["slow", { n: 1 }], ["fast", { n: 2 }]), World.text("done")],
          [
            World.tool("slow", (args) => Effect.delay(Effect.succeed({ slow: args["n"]! }), 100)),
            World.tool("fast", (args) => Effect.succeed({ fast: args["n"]! }), { idempotent: true })
          ]
        )
        assert.strictEqual(task.output, "done")
        assert.deepStrictEqual(
          ofType(events, "ToolCalled").map((event) => event.tool),
          ["fast", "slow"]
        )
        assert.match(lastMessage(asked[1]!), /"slow":1.*"fast":2/)
        // Only the call that must not be repeated is announced before it runs.
        assert.deepStrictEqual(
          ofType(events, "ToolStarted").map((event) => event.tool),
          ["slow"]
        )
        assert.strictEqual(ofType(events, "ToolCalled")[1]!.durationMillis, 100)
      })
    )

    it.effect("failures, unknown tools and invalid arguments are reported to the model, not thrown", () =>
      Effect.gen(function* () {
        const { asked, task } = yield* runTask(
          { tools: ["broken"] },
          [World.calls(["broken", {}], ["ghost", {}], ["broken", "{not json"]), World.text("I give up")],
          [World.tool("broken", () => Effect.fail(new Toolbox.ToolFailed({ message: "no such city" })))]
        )
        assert.strictEqual(task.status, "completed")
        const message = lastMessage(asked[1]!)
        assert.include(message, "no such city")
        assert.include(message, 'There is no tool \\"ghost\\". Your tools: broken.')
        assert.include(message, "not valid JSON")
      })
    )

    it.effect("a tool that throws fails the task with its message", () =>
      Effect.gen(function* () {
        const { task } = yield* runTask(
          { tools: ["bug"] },
          [World.calls(["bug", {}])],
          [World.tool("bug", () => Effect.die(new Error("off by one")))]
        )
        assert.strictEqual(task.error!.code, "defect")
        assert.include(task.error!.message, "off by one")
      })
    )

    it.effect("the same call with the same result is refused, and then the attempt fails", () =>
      Effect.gen(function* () {
        let runs = 0
        const again = World.calls(["look", { at: 1 }])
        const { asked, events, task } = yield* runTask(
          { tools: ["look"], maxTurns: 25 },
          Array.from({ length: 20 }, () => again),
          [
            World.tool("look", () =>
              Effect.sync(() => {
                runs++
                return "nothing"
              })
            )
          ]
        )
        assert.strictEqual(task.error!.code, "tool-loop")
        assert.strictEqual(runs, 3)
        assert.include(lastMessage(asked[4]!), "You have made this very call 3 times")
        assert.strictEqual(ofType(events, "ToolStarted").length, 3)
      })
    )

    it.effect("a call with changing results may be repeated", () =>
      Effect.gen(function* () {
        let runs = 0
        const { task } = yield* runTask(
          { tools: ["poll"], maxTurns: 25 },
          [...Array.from({ length: 8 }, () => World.calls(["poll", {}])), World.text("ready")],
          [World.tool("poll", () => Effect.sync(() => ++runs))]
        )
        assert.strictEqual(task.output, "ready")
        assert.strictEqual(runs, 8)
      })
    )

    it.effect("the last turn allows no tool calls, and without an answer the task fails", () =>
      Effect.gen(function* () {
        const { asked, task } = yield* runTask(
          { tools: ["look"], maxTurns: 2 },
          [World.calls(["look", { n: 1 }]), World.calls(["look", { n: 2 }])],
          [World.tool("look", () => Effect.succeed(1))]
        )
        assert.deepStrictEqual(
          asked.map((request) => request.toolChoice),
          ["auto", "none"]
        )
        assert.strictEqual(task.error!.code, "max-turns")
      })
    )

    it.effect("a tool that this process lacks fails with a clear message", () =>
      Effect.gen(function* () {
        const { task } = yield* runTask({ tools: ["nowhere"] }, [])
        assert.strictEqual(task.error!.code, "unknown-tool")
        assert.include(task.error!.message, "nowhere")
      })
    )
  })

  describe("typed output", () => {
    const output = { type: "object", properties: { score: { type: "integer" } }, required: ["score"] }

    it.effect("is validated, sent back with the violations, and stored as JSON", () =>
      Effect.gen(function* () {
        const { asked, events, task } = yield* runTask({ output }, [
          World.text("it is good"),
          World.text('{"score":"high"}'),
          World.text('Here you are:\n```json\n{"score": 7}\n```')
        ])
        assert.deepStrictEqual(task.output, { score: 7 })
        assert.include(lastMessage(asked[1]!), "The answer cannot be read as JSON")
        assert.include(lastMessage(asked[2]!), "/score")
        assert.strictEqual(ofType(events, "OutputRejected").length, 2)
      })
    )

    it.effect("fails after the maximum number of repairs", () =>
      Effect.gen(function* () {
        const { task } = yield* runTask({ output, maxRepairs: 1 }, [World.text("no"), World.text("no")])
        assert.strictEqual(task.error!.code, "output-invalid")
        assert.strictEqual(task.usage.requests, 2)
      })
    )

    it.effect("is not retried if it never fits, unless the task asks for that", () =>
      Effect.gen(function* () {
        const never = Array.from({ length: 20 }, () => World.text("no"))
        const retry = { attempts: 3, initialMillis: 1, factor: 1, maxMillis: 1 }
        const { task } = yield* runTask({ output, maxRepairs: 3, retry }, never)
        assert.include({ ...task, code: task.error!.code }, { attempts: 1, code: "output-invalid" })
        assert.strictEqual(task.usage.requests, 4)
        const { task: again } = yield* runTask({ output, maxRepairs: 3, retry: { ...retry, refusals: true } }, never)
        assert.strictEqual(again.usage.requests, 12)
      })
    )

    it.effect("requests JSON output of the provider only when no tool can be called", () =>
      Effect.gen(function* () {
        const { asked } = yield* runTask(
          { output, tools: ["look"], maxTurns: 2 },
          [World.calls(["look", {}]), World.text('{"score":1}')],
          [World.tool("look", () => Effect.succeed(1))]
        )
        assert.deepStrictEqual(
          asked.map((request) => request.output !== undefined),
          [false, true]
        )
      })
    )
  })

  it.effect("an empty or truncated answer is sent back", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* runTask({}, [World.text("  "), World.text("long, lo", "length"), World.text("ok")])
      assert.strictEqual(task.output, "ok")
      assert.include(lastMessage(asked[1]!), "empty")
      assert.include(lastMessage(asked[2]!), "cut off")
    })
  )

  it.effect("a refusal of the content filter is final", () =>
    Effect.gen(function* () {
      const { task } = yield* runTask({}, [World.text("I", "content-filter")])
      assert.strictEqual(task.error!.code, "model-content-refused")
      assert.strictEqual(task.usage.requests, 1)
    })
  )

  describe("a guardrail in plain language", () => {
    const guardrails: ReadonlyArray<Plan.Guardrail> = [{ kind: "sentence", text: "Name a source." }]

    it.effect("is judged by the model, and the violation is sent back to the agent", () =>
      Effect.gen(function* () {
        const { asked, events, task } = yield* runTask({ guardrails }, [
          World.text("Otters float."),
          World.text('{"accepted":false,"complaint":"no source"}'),
          World.text("Otters float (Kenyon 1969)."),
          World.text('{"accepted":true,"complaint":""}')
        ])
        assert.include(JSON.stringify(task.output), "Kenyon")
        assert.include(lastMessage(asked[2]!), "no source")
        assert.deepStrictEqual(
          ofType(events, "GuardrailJudged").map((event) => event.accepted),
          [false, true]
        )
        assert.strictEqual(task.usage.requests, 4)
      })
    )

    it.effect("that refuses every time fails the task", () =>
      Effect.gen(function* () {
        const no = World.text('{"accepted":false,"complaint":"no source"}')
        const { task } = yield* runTask({ guardrails, maxRepairs: 1 }, [World.text("a"), no, World.text("b"), no])
        assert.strictEqual(task.error!.code, "guardrail-refused")
        assert.include(task.error!.message, "no source")
      })
    )

    it.effect("whose judge returns no verdict fails with a separate code", () =>
      Effect.gen(function* () {
        const { task } = yield* runTask({ guardrails }, [World.text("a"), World.text("hm")])
        assert.strictEqual(task.error!.code, "guardrail-unavailable")
      })
    )
  })

  it.effect("each reason of a model failure has a code", () =>
    Effect.gen(function* () {
      const reasons = [
        [new Llm.ContextTooLong({ description: "x" }), "model-context-too-long"],
        [new Llm.QuotaExhausted({ description: "x" }), "model-quota-exhausted"],
        [new Llm.Overloaded({ description: "x" }), "model-overloaded"]
      ] as const
      for (const [reason, code] of reasons) {
        const { task } = yield* runTask({}, [World.refuse(reason)])
        assert.strictEqual(task.error!.code, code)
      }
    })
  )

  describe("resumed", () => {
    const shared = Layer.provideMerge(
      LocalTaskQueue.layerLocal,
      Layer.merge(LocalEventLog.layerLocal, Workspace.layerNone)
    )
    const process = (
      reply: Parameters<typeof World.llm>[0],
      asked: Array<Llm.Request>,
      tools: ReadonlyArray<Toolbox.Tool>
    ) =>
      Crewline.layer({ sweepMillis: 100 }).pipe(
        Layer.provide([World.llm(reply, asked), World.toolbox(...tools), LocalTaskQueue.layerLocal])
      )

    it.effect("requests no recorded answer again, and repeats no call that must not be repeated", () =>
      Effect.gen(function* () {
        const asked: Array<Llm.Request> = []
        let charged = 0
        const tools = [
          World.tool("read", () => Effect.succeed("text"), { idempotent: true }),
          World.tool("charge", () =>
            Effect.andThen(
              Effect.sync(() => void charged++),
              Effect.never
            )
          )
        ]
        const context = yield* Layer.build(shared)
        // The first process stops while it waits for the second tool, which cannot tell the stop
        // from a crash.
        const id = yield* Effect.scoped(
          Effect.gen(function* () {
            const crewline = yield* Crewline.Crewline
            const handle = yield* crewline.startPlan(World.plan({ a: { tools: ["read", "charge"], retry: once } }))
            yield* TestClock.adjust(10)
            return handle.id
          }).pipe(
            Effect.provide(
              process(World.script({ a: [World.calls(["read", {}, "1"], ["charge", {}, "2"])] }), asked, tools)
            )
          )
        ).pipe(Effect.provideContext(context))
        const log = yield* Effect.provideContext(Effect.service(EventLog.EventLog), context)
        assert.strictEqual((yield* log.read(id)).at(-1)!.type, "TaskReleased")
        const events = yield* Effect.gen(function* () {
          const crewline = yield* Crewline.Crewline
          const fiber = yield* Effect.forkChild(Stream.runCollect(crewline.follow(id)))
          yield* TestClock.adjust(200)
          return yield* Fiber.join(fiber)
        }).pipe(
          Effect.provide(process(World.script({ a: [World.text("done")] }), asked, tools)),
          Effect.provideContext(context)
        )
        assert.strictEqual(charged, 1)
        assert.strictEqual(asked.length, 2)
        assert.strictEqual(ofType(events, "ToolCalled").filter((event) => event.tool === "read").length, 1)
        assert.include(lastMessage(asked[1]!), "not known")
        assert.strictEqual(ofType(events, "TaskStarted").at(-1)!.run, 2)
        assert.strictEqual(ofType(events, "TaskStarted").at(-1)!.attempt, 1)
        assert.strictEqual(events.at(-1)!.type, "ExecutionEnded")
      }).pipe(Effect.scoped)
    )
  })
})

describe("details of a model call", () => {
  it.effect("are recorded with the turn, or with the failure", () =>
    Effect.gen(function* () {
      const noticing = (request: Llm.Request, fail: boolean): World.Reply =>
        Effect.suspend(() => {
          request.onNotice!({ kind: "fell-back", model: "fake/1", message: "asked fake/2, key sk-canary1234567890" })
          return fail
            ? World.refuse(new Llm.BudgetExceeded({ description: "no more" }))
            : Effect.succeed(World.text("ok"))
        })
      for (const fail of [false, true]) {
        const events = yield* Effect.gen(function* () {
          const crewline = yield* Crewline.Crewline
          const handle = yield* crewline.startPlan(World.plan({ a: {} }))
          return yield* Stream.runCollect(handle.events)
        }).pipe(Effect.provide(World.world(World.llm((request) => noticing(request, fail)))))
        const [noticed] = ofType(events, "ModelNoticed")
        assert.strictEqual(noticed!.notice.kind, "fell-back")
        assert.notInclude(noticed!.notice.message, "canary")
        assert.strictEqual(ofType(events, "TaskFailed").length, fail ? 1 : 0)
      }
    })
  )
})

describe("limits and the cache", () => {
  it.effect("apply to every call, each under its key", () => {
    const asked: Array<Llm.Request> = []
    return Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const plan = World.plan(
        { a: { limits: { tokens: 10 }, cache: true }, b: { dependencies: ["a"] } },
        {
          limits: { requests: 5 },
          agents: { agent: { role: "Agent", goal: "Test", backstory: "", limits: { costUsd: 1 } } }
        }
      )
      const handle = yield* crewline.startPlan(plan)
      yield* handle.result
      assert.deepStrictEqual(
        asked[0]!.limits!.map(({ costUsd, key, requests, scope, tokens }) =>
          JSON.parse(JSON.stringify({ tokens, costUsd, requests, scope, key }))
        ),
        [
          { tokens: 10, scope: "task", key: `${handle.id}/task/a` },
          { costUsd: 1, scope: "agent", key: `${handle.id}/agent/agent` },
          { requests: 5, scope: "execution", key: handle.id }
        ]
      )
      assert.strictEqual(asked[0]!.cache, "when-accepted")
      assert.deepStrictEqual(
        asked[1]!.limits!.map((limit) => limit.scope),
        ["agent", "execution"]
      )
      assert.isUndefined(asked[1]!.cache)
      // The spending in the log is passed along, so that a budget survives the process that counted
      // it.
      assert.deepStrictEqual(
        asked[0]!.limits!.map(({ spent }) => spent?.requests),
        [0, 0, 0]
      )
      const { usage } = yield* handle.result
      const spent = { tokens: (usage.inputTokens + usage.outputTokens) / 2, requests: 1, costUsd: usage.costUsd }
      assert.isAbove(spent.tokens, 0)
      assert.deepStrictEqual(
        asked[1]!.limits!.map((limit) => limit.spent),
        [spent, spent]
      )
    }).pipe(Effect.provide(World.world(World.llm(() => World.text("x"), asked))))
  })
})
