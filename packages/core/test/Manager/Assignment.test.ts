/** Tasks that name no agent: who does them, and what happens to their work. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Plan from "../../src/Plan.ts"
import * as Process from "../fake/Process.ts"
import { lastMessage, ofType, pass } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const crew = (more: { readonly [key: string]: unknown } = {}, task: object = {}) => ({
  name: "managed",
  process: "hierarchical",
  manager: { model: "fake/manager" },
  agents: {
    researcher: { role: "Researcher", goal: "Find facts", tools: ["look"] },
    writer: { role: "Writer", goal: "Write essays plainly", maxTurns: 7 },
    editor: { role: "Editor", goal: "Shorten" }
  },
  tasks: { write: { description: "Write an essay.", expectedOutput: "An essay.", retry: { attempts: 1 }, ...task } },
  ...more
})

const made = (data: unknown): Crew.Crew => Result.getOrThrow(Crew.fromJson(data))
const planOf = (data: unknown): Plan.Plan => Result.getOrThrow(Plan.make(made(data)))

const choice = (agent: string, reason = "It fits.") => World.text(JSON.stringify({ agent, reason }))

type Answer = (request: Llm.Request, asked: ReadonlyArray<Llm.Request>) => Llm.Answer | World.Reply

/** Starts the crew; `use` receives the result when no progress is possible. */
const running = <A>(
  data: unknown,
  answer: Answer,
  use: (run: {
    readonly view: Crewline.View
    readonly asked: ReadonlyArray<Llm.Request>
    readonly events: Parameters<typeof ofType>[0]
  }) => A,
  options: Crewline.Options = {}
) => {
  const asked: Array<Llm.Request> = []
  const look = World.tool("look", () => Effect.succeed("seen"), { idempotent: true })
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const { id } = yield* crewline.start(made(data))
    yield* pass(500)
    const view = yield* crewline.get(id)
    const log = yield* EventLog.EventLog
    use({ view, asked, events: yield* log.read(id) })
  }).pipe(Effect.provide(World.world(World.llm(answer, asked), World.toolbox(look), options)))
}

const offered = ({ tools }: Llm.Request) => tools.map(({ name }) => name)
const kinds = (events: Parameters<typeof ofType>[0]) =>
  events.map((event) => ("taskId" in event ? `${event.type} ${event.taskId}` : event.type))

describe("a plan with a manager", () => {
  it("has an agent for it, under a unique name, and knows the agents for assignment", () => {
    const plan = planOf(crew({ agents: { ...crew().agents, manager: { role: "M", goal: "g" } } }))
    assert.deepStrictEqual(plan.manager, {
      agent: "crew_manager",
      allow: ["researcher", "writer", "editor", "manager"],
      depth: 2,
      recover: true,
      maxRecoveries: 2,
      maxRevisions: 2,
      onUnaccepted: "accept"
    })
    assert.deepInclude(plan.agents["crew_manager"], { role: "Manager", model: "fake/manager" })
  })

  it("takes the tools of an agent of the crew that manages, and assigns it no work", () => {
    const plan = planOf(crew({ manager: { agent: "researcher", allow: ["researcher", "editor"], depth: 3 } }))
    assert.deepInclude(plan.manager, { agent: "researcher", allow: ["editor"], depth: 3 })
    assert.isUndefined(plan.agents["researcher"]!.tools)
    assert.deepInclude(plan.tasks[0], { agent: "editor" })
    assert.isUndefined(plan.tasks[0]!.frame)
  })

  it("asks no model if only one agent has the tools", () => {
    const plan = planOf(crew({}, { tools: ["look"] }))
    assert.deepInclude(plan.tasks[0], { agent: "researcher", tools: ["look"] })
    assert.isUndefined(plan.tasks[0]!.frame)
  })

  it("leaves the agents of other tasks open, with the declarations of the task itself", () => {
    const plan = planOf(crew({}, { maxTurns: 3, approvals: ["other"], tools: ["other"] }))
    assert.deepInclude(plan.tasks[0], { agent: "manager", tools: [] })
    assert.deepStrictEqual(plan.tasks[0]!.frame, {
      candidates: ["researcher", "writer", "editor"],
      tools: ["other"],
      maxTurns: 3,
      approvals: ["other"]
    })
  })
})

describe("a task that names no agent", () => {
  const answer: Answer = ({ caller }) => (caller!.agent === "manager" ? choice("writer") : World.text("An essay."))

  it.effect("is done by the agent that the manager chooses, as a task of that agent", () =>
    running(crew(), answer, ({ asked, events, view }) => {
      assert.strictEqual(view.status, "completed")
      assert.strictEqual(view.output, "An essay.")
      assert.deepStrictEqual(Object.keys(view.tasks), ["write", "write/assign", "write/assign/work"])
      assert.deepInclude(view.tasks["write"], { assigned: { agent: "writer", by: "manager", reason: "It fits." } })
      assert.deepInclude(view.tasks["write/assign"], { kind: "office", agent: "manager", parent: "write" })
      assert.deepInclude(view.tasks["write/assign/work"], {
        kind: "work",
        agent: "writer",
        parent: "write",
        title: "write"
      })
      assert.strictEqual(view.tasks["write/assign"]!.usage.requests, 1)
      const [who, work] = asked
      assert.strictEqual(asked.length, 2)
      assert.deepStrictEqual([offered(who!), offered(work!)], [[], []])
      assert.include(JSON.stringify(work!.messages[0]), "You are Writer.")
      assert.deepStrictEqual(kinds(events), [
        "ExecutionStarted",
        "TaskStarted write",
        "TaskSuspended write",
        "TaskStarted write/assign",
        "TurnCompleted write/assign",
        "TaskCompleted write/assign",
        "TaskStarted write",
        "AgentAssigned write",
        "TaskSuspended write",
        "TaskStarted write/assign/work",
        "TurnCompleted write/assign/work",
        "TaskCompleted write/assign/work",
        "TaskStarted write",
        "TaskCompleted write",
        "ExecutionEnded"
      ])
      const suspended = ofType(events, "TaskSuspended")
      assert.deepStrictEqual(
        suspended.map((event) => event.for.kind),
        ["assignment", "work"]
      )
      assert.strictEqual(suspended[1]!.spawn[0]!.maxTurns, 7)
    })
  )

  it.effect("is assigned with the outputs of earlier tasks, which its work receives, too", () =>
    running(
      crew({
        tasks: {
          dig: { description: "Dig.", expectedOutput: "Facts.", agent: "researcher" },
          write: { description: "Write.", expectedOutput: "An essay.", context: ["dig"] }
        }
      }),
      ({ caller }) =>
        caller!.taskId === "dig"
          ? World.text("Otters swim.")
          : caller!.agent === "manager"
            ? choice("editor")
            : World.text("x"),
      ({ asked, view }) => {
        assert.strictEqual(view.status, "completed")
        assert.strictEqual(asked.length, 3)
        for (const request of asked.slice(1)) assert.include(lastMessage(request), "Otters swim.")
        assert.include(lastMessage(asked[1]!), "- researcher: Researcher. Goal: Find facts. Tools: look.")
      }
    )
  )

  it.effect("goes to the best match if the manager gives no valid answer; its answers are repaired first", () =>
    running(
      crew(),
      ({ caller }) => (caller!.agent === "manager" ? choice("plumber") : World.text("An essay.")),
      ({ asked, events, view }) => {
        assert.strictEqual(view.status, "completed")
        assert.deepStrictEqual(
          ofType(events, "AgentAssigned").map(({ agent, by }) => [agent, by]),
          [["writer", "matcher"]]
        )
        assert.strictEqual(ofType(events, "TaskFailed").length, 1)
        assert.strictEqual(view.tasks["write/assign"]!.error?.code, "output-invalid")
        const ofManager = asked.filter(({ caller }) => caller!.agent === "manager")
        assert.strictEqual(ofManager.length, 3)
        assert.include(lastMessage(ofManager[1]!), "not accepted")
      }
    )
  )

  it.effect("is split up by the manager, who may only delegate, and must do so first", () => {
    let turns = 0
    return running(
      crew(),
      ({ caller }) => {
        if (caller!.taskId === "write/assign") return choice("delegate")
        if (caller!.agent !== "manager") return World.text(`Part of ${caller!.agent}.`)
        turns++
        if (turns === 1) return World.text("I did it myself.")
        return turns === 2
          ? World.calls(
              ["delegate_work", { task: "Facts", context: "", coworker: "researcher" }],
              ["delegate_work", { task: "Text", context: "", coworker: "writer" }]
            )
          : World.text("Both parts.")
      },
      ({ asked, events, view }) => {
        assert.strictEqual(view.output, "Both parts.")
        const work = "write/assign/work"
        assert.deepInclude(view.tasks[work], { agent: "manager", kind: "work" })
        assert.deepInclude(view.tasks[`${work}/1.2.0.work`], { agent: "researcher", parent: work })
        assert.deepInclude(view.tasks[`${work}/1.2.1.work`], { agent: "writer", parent: work })
        assert.deepStrictEqual(
          ofType(events, "OutputRejected").map(({ by, turn }) => [by, turn]),
          [["guardrail", 1]]
        )
        const own = asked.filter(({ caller }) => caller!.taskId === work)
        assert.deepStrictEqual(offered(own[0]!), ["delegate_work", "ask_coworker"])
        assert.include(lastMessage(own[1]!), "Nothing of this task was delegated yet")
      }
    )
  })

  it.effect("is done by an agent named delegate, and splitting up uses a different word", () => {
    const agents = { delegate: { role: "Delegate", goal: "Speak" }, clerk: { role: "Clerk", goal: "Write" } }
    return running(
      crew({ agents }),
      ({ caller }) => (caller!.taskId === "write/assign" ? choice("delegate") : World.text("done")),
      ({ asked, view }) => {
        assert.strictEqual(view.tasks["write/assign/work"]!.agent, "delegate")
        for (const part of [
          '\\"delegate\\",\\"clerk\\",\\"delegate_parts\\"]',
          'Choose \\"delegate_parts\\" only when'
        ])
          assert.include(lastMessage(asked[0]!), part)
      }
    )
  })

  it.effect("fails with its work, by its own policy", () =>
    running(
      crew({
        tasks: {
          write: {
            description: "Write.",
            expectedOutput: "x",
            onFailure: "continue",
            retry: { attempts: 2, initial: 0 }
          },
          after: { description: "After.", expectedOutput: "x", agent: "editor", context: ["write"] }
        }
      }),
      ({ caller }) =>
        caller!.agent === "manager"
          ? choice("writer")
          : caller!.agent === "writer"
            ? World.refuse({ _tag: "Network", description: "gone", isRetryable: true } as never)
            : World.text("done"),
      ({ asked, events, view }) => {
        assert.deepStrictEqual(
          [view.status, view.tasks["write"]!.status, view.tasks["after"]!.status],
          ["completed", "failed", "completed"]
        )
        assert.strictEqual(view.tasks["write"]!.error?.code, "model-network")
        // Retried by the work, and not again by the task that waits for it.
        assert.strictEqual(ofType(events, "TaskRetried").length, 1)
        assert.strictEqual(asked.filter(({ caller }) => caller!.agent === "writer").length, 2)
        assert.include(lastMessage(asked.at(-1)!), "This task failed")
      }
    )
  )

  it.effect("needs one worker slot, however many such tasks there are", () =>
    running(
      crew({
        tasks: Object.fromEntries(["a", "b", "c"].map((name) => [name, { description: name, expectedOutput: "x" }]))
      }),
      answer,
      ({ view }) => assert.strictEqual(view.status, "completed"),
      { worker: { concurrency: 1 } }
    )
  )

  it.effect("continues in another process when its own is killed, and no request is repeated", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const model = World.llm(
        (request, all) => Effect.delay(Effect.succeed(answer(request, all) as Llm.Answer), 1_000),
        asked
      )
      const tools = [World.tool("look", () => Effect.succeed("seen"))]
      const first = yield* Process.startMortal({ model, tools })
      const { id } = yield* first.crewline.start(made(crew()))
      // The manager has answered, and the work has started.
      yield* pass(1_500)
      yield* first.kill
      const second = yield* Process.start({ model, tools })
      yield* Effect.repeat(pass(5_000), { times: 20 })
      assert.strictEqual((yield* second.crewline.get(id)).output, "An essay.")
      assert.deepStrictEqual(
        asked.map(({ caller }) => caller!.taskId),
        ["write/assign", "write/assign/work", "write/assign/work"]
      )
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )
})

describe("a crew whose manager cannot manage is refused:", () => {
  it.each([
    [
      "an only agent that manages",
      crew({ manager: { agent: "a" }, agents: { a: { role: "r", goal: "g" } } }),
      "no-agents"
    ],
    ["nobody allowed", crew({ manager: { model: "fake/m", allow: [] } }), "no-agents"],
    ["work of the manager", crew({ manager: { agent: "writer" } }, { agent: "writer" }), "invalid-value"],
    ["an agent of the server", crew({ manager: { agentId: "agent_1" } }), "unknown-agent"]
  ])("%s", (_, data, code) => {
    const result = Crew.fromJson(data)
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result))
      assert.deepStrictEqual(
        result.failure.problems.map((problem) => problem.code),
        [code as never]
      )
  })
})
