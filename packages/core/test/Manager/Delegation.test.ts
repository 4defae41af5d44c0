/** Agents that give work to coworkers: what becomes of their calls, and what they are told. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { lastMessage, ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const agent = (role: string, more: Partial<Plan.PlannedAgent> = {}): Plan.PlannedAgent => ({
  role,
  goal: `Be ${role}`,
  backstory: "",
  ...more
})

const agents = {
  lead: agent("Lead", { allowDelegation: true }),
  researcher: agent("Researcher", { tools: ["look"] }),
  writer: agent("Writer", { allowDelegation: true })
}
const plan = { agents }
const deep = { editor: agent("Editor", { allowDelegation: true }) }
const manager: Plan.PlannedManager = {
  ...Managed.manager,
  agent: "lead",
  allow: ["researcher", "writer", "editor"]
}
const look = World.tool("look", () => Effect.succeed("seen"), { idempotent: true })
const send = World.tool("send", () => Effect.succeed("sent"))

const work = (coworker: string, more: object = {}) =>
  ["delegate_work", { task: `Work of ${coworker}`, context: "Facts.", coworker, ...more }] as const

/**
 * The lead delegates with its first answer and is done with its second; the others answer as is
 * said.
 */
const answering =
  (first: Llm.Answer, others: (request: Llm.Request) => Llm.Answer | World.Reply = () => World.text("done")) =>
  (request: Llm.Request) => {
    if (request.caller!.taskId !== "a") return others(request)
    return request.messages.length > 2 ? World.text("finished") : first
  }

/** What the tools of the last turn returned, each with whether that is a failure. */
const told = (request: Llm.Request) => {
  const last = request.messages.at(-1)!
  return last.role === "tool"
    ? last.content.flatMap((part) => (part.type === "tool-result" ? [[part.isFailure, part.result] as const] : []))
    : []
}

const lead = { a: { agent: "lead" } }
const options = { plan, tools: [look, send] }
const ofTask = (asked: ReadonlyArray<Llm.Request>, id: string) => asked.filter(({ caller }) => caller!.taskId === id)
const offered = ({ tools }: Llm.Request) => tools.map(({ name }) => name)

describe("delegated work", () => {
  const calls = World.calls(
    work("Researcher"),
    ["ask_coworker", { question: "How long?", context: "", coworker: "the writer" }],
    work("researcher", { expected_output: "A number.", output_schema: { type: "integer" } })
  )

  it.effect("has no more time than the task that waits for it, where its model never answers", () =>
    running(
      { a: { agent: "lead", timeoutMillis: 5_000 } },
      { ...options, answers: answering(World.calls(work("Researcher")), () => Effect.never) },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(60_000)
        const view = yield* crewline.get(id)
        assert.deepInclude(view.tasks["a/1.1.0.work"], { status: "failed" })
        assert.strictEqual(view.status, "completed")
        const [[isFailure, result] = [false, ""]] = told(ofTask(asked, "a").at(-1)!)
        assert.isTrue(isFailure)
        assert.include(String(result), "5000 ms")
      })
    )
  )

  it.effect("runs in parallel, as tasks of the coworkers, and its results come back as they are", () =>
    running(
      lead,
      {
        ...options,
        answers: answering(calls, ({ caller }) =>
          Effect.delay(Effect.succeed(World.text(caller!.taskId === "a/1.1.2.work" ? "42" : caller!.agent)), 1_000)
        )
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id, task }) {
        assert.strictEqual((yield* task()).status, "waiting")
        assert.strictEqual(asked.length, 4)
        yield* pass(2_000)
        const view = yield* crewline.get(id)
        assert.strictEqual(view.status, "completed")
        assert.deepInclude(view.tasks["a/1.1.0.work"], {
          parent: "a",
          kind: "work",
          agent: "researcher",
          title: "Work of Researcher",
          output: "researcher"
        })
        assert.deepInclude(view.tasks["a/1.1.1.work"], { agent: "writer", title: "How long?" })
        assert.deepStrictEqual(told(asked.at(-1)!), [
          [false, "researcher"],
          [false, "writer"],
          [false, 42]
        ])
        // What the coworker is given is what the call names, with its own role and tools.
        const [first] = ofTask(asked, "a/1.1.0.work")
        assert.include(JSON.stringify(first!.messages[0]), "You are Researcher.")
        assert.include(lastMessage(first!), "Work of Researcher\\n\\nContext:\\nFacts.")
        assert.notInclude(lastMessage(first!), "Do a.")
        assert.deepStrictEqual(offered(first!), ["look"])
        assert.include(lastMessage(ofTask(asked, "a/1.1.2.work")[0]!), "Expected output: A number.")
        assert.deepStrictEqual(
          (yield* events).filter(({ type }) => type.startsWith("Task")).map(({ type }) => type),
          [
            "TaskStarted",
            "TaskSuspended",
            "TaskStarted",
            "TaskStarted",
            "TaskStarted",
            "TaskCompleted",
            "TaskCompleted",
            "TaskCompleted",
            "TaskStarted",
            "TaskCompleted"
          ]
        )
      })
    )
  )

  it.effect("goes on in another process when its own is killed, and no model is asked twice", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const slow = World.text("slow work")
      const model = World.llm(
        answering(World.calls(work("researcher"), work("writer")), ({ caller }) =>
          caller!.agent === "writer" ? Effect.delay(Effect.succeed(slow), 1_000) : World.text("quick work")
        ),
        asked
      )
      const first = yield* Process.startMortal({ model, tools: [look] })
      const { id } = yield* first.crewline.startPlan(World.plan({ a: { agent: "lead", retry: once } }, plan))
      yield* pass(100)
      yield* first.kill
      yield* TestClock.adjust(500)
      const second = yield* Process.start({ model, tools: [look] })
      yield* Effect.repeat(pass(5_000), { times: 20 })
      const view = yield* second.crewline.get(id)
      assert.strictEqual(view.status, "completed")
      assert.deepStrictEqual(
        told(ofTask(asked, "a").at(-1)!).map(([, result]) => result),
        ["quick work", "slow work"]
      )
      // Only the call that was in flight is made again.
      assert.deepStrictEqual(asked.map(({ caller }) => caller!.taskId).toSorted(), [
        "a",
        "a",
        "a/1.1.0.work",
        "a/1.1.1.work",
        "a/1.1.1.work"
      ])
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )

  it.effect("is asked for by the names that other frameworks use, too", () =>
    running(
      lead,
      {
        ...options,
        answers: answering(
          World.calls(
            ["delegate_work_to_coworker", { task: "Dig", context: "", coworker: ["Researcher"] }],
            ["ask_question_to_coworker", { question: "Why?", context: "", coworker: "WRITER" }]
          )
        )
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        const view = yield* crewline.get(id)
        assert.deepStrictEqual(Object.keys(view.tasks), ["a", "a/1.1.0.work", "a/1.1.1.work"])
        assert.deepStrictEqual(offered(asked[0]!), ["delegate_work", "ask_coworker"])
      })
    )
  )

  it.effect("is not what agents without allowDelegation may do", () =>
    running(
      { a: { agent: "researcher", tools: ["look"] } },
      { ...options, answers: answering(World.calls(work("writer"))) },
      ({ asked }) => {
        assert.deepStrictEqual(offered(asked[0]!), ["look"])
        assert.include(JSON.stringify(told(asked.at(-1)!)), `There is no tool \\"delegate_work\\"`)
        return Effect.void
      }
    )
  )

  it.effect("finishes three deep with one slot", () =>
    running(
      { a: { agent: "lead" } },
      {
        ...options,
        plan: { agents: { ...agents, ...deep }, manager: { ...manager, depth: 3 } },
        crewline: { worker: { concurrency: 1 } },
        answers: ({ caller, messages }) => {
          const next = { lead: "writer", writer: "editor", editor: "researcher" }[caller!.agent]
          if (next !== undefined && messages.length <= 2) return World.calls(work(next))
          return World.text(next === undefined ? "found" : `${caller!.agent} is done`)
        }
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.output], ["completed", "lead is done"])
        const [first, second, third] = ["a/1.1.0.work", "a/1.1.0.work/1.1.0.work", "a/1.1.0.work/1.1.0.work/1.1.0.work"]
        assert.deepStrictEqual(Object.keys(view.tasks), ["a", first, second, third])
        // Down, and up again.
        assert.deepStrictEqual(
          asked.map(({ caller }) => caller!.taskId),
          ["a", first, second, third, second, first, "a"]
        )
      })
    )
  )
})

describe("the schema that delegated work is held to", () => {
  const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] }
  const given = (title: string, output: unknown, isTyped: boolean) =>
    it.effect(title, () =>
      running(
        lead,
        {
          ...options,
          answers: ({ caller, messages }) =>
            caller!.taskId !== "a"
              ? World.text('{"n":1}')
              : messages.length > 2
                ? World.text("done")
                : World.calls(work("writer", { output_schema: output }))
        },
        Effect.fnUntraced(function* ({ asked, crewline, id }) {
          yield* pass(500)
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
          const [, child] = asked
          assert.strictEqual(JSON.stringify(child!.messages).includes("JSON Schema"), isTyped)
        })
      )
    )
  given("is the one of the call", schema, true)
  given("is that also as a text, as models write objects in objects", JSON.stringify(schema), true)
  for (const nothing of [null, "", " ", {}, "{}", [], true])
    given(`is none where the model leaves it out: ${JSON.stringify(nothing)}`, nothing, false)
})

describe("what is not allowed is answered with what is, and adds no task:", () => {
  const refused = (title: string, call: readonly [string, object], says: string) =>
    it.effect(title, () =>
      running(
        lead,
        { ...options, answers: answering(World.calls(call)) },
        Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
          const view = yield* crewline.get(id)
          assert.deepStrictEqual([view.status, Object.keys(view.tasks)], ["completed", ["a"]])
          const [[isFailure, result]] = told(asked.at(-1)!) as [readonly [boolean, string]]
          assert.isTrue(isFailure)
          assert.include(result, says)
          assert.deepStrictEqual(
            (yield* events).map(({ type }) => type),
            [
              "ExecutionStarted",
              "TaskStarted",
              "TurnCompleted",
              "ToolCalled",
              "TurnCompleted",
              "TaskCompleted",
              "ExecutionEnded"
            ]
          )
        })
      )
    )
  const all = "You can delegate to: researcher (Researcher), writer (Writer)."
  refused("an unknown coworker", work("plumber"), `There is no coworker "plumber". ${all}`)
  refused("a misspelt one", work("reseacher"), `Did you mean "researcher"? ${all}`)
  refused("oneself", work("Lead"), `You cannot delegate to yourself. ${all}`)
  refused("nobody", ["delegate_work", { task: "x" }], `There is no coworker ""`)
  refused("no task", ["delegate_work", { task: " ", coworker: "writer" }], "needs task")
  refused("no question", ["ask_coworker", { coworker: "writer" }], "needs question")
  refused("a schema that is none", work("writer", { output_schema: { type: "whole" } }), "not a valid JSON Schema")

  for (const schema of ["object", 3, [1], "[1]", '{"type":"whole"}'])
    refused(
      `a schema that is no object: ${JSON.stringify(schema)}`,
      work("writer", { output_schema: schema }),
      "not a valid JSON Schema"
    )

  it.effect("a loop over the chain, and more depth than two", () => {
    const loops = [work("lead"), work("researcher")] as const
    return running(
      { a: { agent: "lead" } },
      {
        ...options,
        plan: {
          agents: { ...agents, researcher: agent("Researcher", { allowDelegation: true }), editor: agent("Ed") }
        },
        answers: (request) => {
          if (request.messages.length > 2) return World.text("done")
          switch (request.caller!.agent) {
            case "lead":
              return World.calls(work("writer"))
            case "writer":
              return World.calls(...loops)
            default:
              return World.calls(work("editor"))
          }
        }
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(500)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual(Object.keys(view.tasks), ["a", "a/1.1.0.work", "a/1.1.0.work/1.1.1.work"])
        const [, second] = ofTask(asked, "a/1.1.0.work")
        assert.include(told(second!)[0]![1], "lead is waiting for this work already (lead -> writer)")
        const [deepest, answer] = ofTask(asked, "a/1.1.0.work/1.1.1.work")
        assert.deepStrictEqual(offered(deepest!), [])
        assert.include(told(answer!)[0]![1], "2 levels deep")
      })
    )
  })

  it.effect("more than twenty tasks of one", () =>
    running(
      lead,
      {
        ...options,
        answers: answering(World.calls(...Array.from({ length: 22 }, (_, n) => work("writer", { task: `Part ${n}` }))))
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(500)
        assert.strictEqual(Object.keys((yield* crewline.get(id)).tasks).length, 21)
        assert.deepStrictEqual(
          told(asked.at(-1)!).map(([isFailure]) => isFailure),
          Array.from({ length: 22 }, (_, index) => index >= 20)
        )
        assert.include(told(asked.at(-1)!)[21]![1], "one task can add 20")
      })
    )
  )
})

describe("who delegated is told the truth", () => {
  const failing = World.refuse({ _tag: "InvalidRequest", description: "no such thing", isRetryable: false } as never)

  it.effect("about a failure: code, message, attempts; the others go on", () =>
    running(
      lead,
      {
        ...options,
        answers: answering(World.calls(work("researcher"), work("writer")), ({ caller }) =>
          caller!.agent === "writer" ? failing : World.text("found")
        )
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        const view = yield* crewline.get(id)
        assert.strictEqual(view.status, "completed")
        const [good, bad] = told(asked.at(-1)!)
        assert.deepStrictEqual(good, [false, "found"])
        assert.isTrue(bad![0])
        assert.include(bad![1], "writer failed after 1 attempt (model-invalid-request): fake/1: no such thing")
        assert.deepStrictEqual(
          ofType(yield* events, "TaskFailed").map(({ taskId }) => taskId),
          ["a/1.1.1.work"]
        )
      })
    )
  )

  const doubted = (
    title: string,
    output: string,
    more: { readonly says: string; readonly plan?: Partial<Plan.Plan> }
  ) =>
    it.effect(title, () =>
      running(
        lead,
        {
          ...options,
          plan: { ...plan, ...more.plan },
          answers: answering(World.calls(work("writer")), () => World.text(output))
        },
        Effect.fnUntraced(function* ({ asked, events, task }) {
          const isOff = more.plan !== undefined
          const [[isFailure, result]] = told(asked.at(-1)!) as [readonly [boolean, string]]
          assert.strictEqual(isFailure, !isOff)
          assert.include(result, more.says)
          assert.include(result, output)
          const completed = ofType(yield* events, "TaskCompleted").find(({ taskId }) => taskId === "a/1.1.0.work")!
          assert.strictEqual(completed.doubts?.length, isOff ? undefined : 1)
          assert.deepStrictEqual((yield* task("a/1.1.0.work")).doubts, completed.doubts)
        })
      )
    )
  doubted("about an output that is empty", "{}", { says: "The output is empty" })
  doubted("about an action that no tool has taken", "I sent the letter.", { says: `claims an action ("I sent")` })
  doubted("about a source that nobody has shown", "See https://x.example.", { says: `"https://x.example"` })
  doubted("unless the check is turned off", "I sent the letter.", {
    says: "I sent the letter.",
    plan: { checksOff: ["claimedAction"] }
  })

  it.effect("and no tool that acted is doubted", () =>
    running(
      lead,
      {
        ...options,
        plan: { agents: { ...agents, writer: agent("Writer", { tools: ["send"] }) } },
        answers: answering(World.calls(work("writer")), (request) =>
          request.messages.length > 2 ? World.text("I sent the letter.") : World.calls(["send", {}])
        )
      },
      ({ asked }) => {
        assert.deepStrictEqual(told(asked.at(-1)!), [[false, "I sent the letter."]])
        return Effect.void
      }
    )
  )
})
