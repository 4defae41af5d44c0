/**
 * A hierarchical crew as one would write it in CrewAI: three agents, four tasks, one of them with
 * `async_execution=True`, and `manager_llm`. It is the crew of `docs/managers.md`, "Next to
 * CrewAI".
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as Llm from "../../src/Llm.ts"
import { lastMessage, ofType, pass } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const role = (name: string) => ({ role: name, goal: `Be a good ${name}` })
const task = (description: string, more: object = {}) => ({ description, expectedOutput: "Text.", ...more })

const crew = Result.getOrThrow(
  Crew.fromJson({
    name: "briefing",
    process: "hierarchical",
    manager: { model: "fake/manager" },
    agents: { researcher: role("Researcher"), analyst: role("Analyst"), writer: role("Writer") },
    tasks: {
      facts: task("Gather facts about otters."),
      questions: task("List what newcomers ask.", { agent: "analyst" }),
      findings: task("Answer the questions from the facts.", { context: ["facts", "questions"] }),
      brief: task("Write a brief.", { agent: "writer", context: ["findings"] })
    }
  })
)

const chosen: Readonly<Record<string, string>> = { "facts/assign": "researcher", "findings/assign": "analyst" }

it.effect(
  "a manager assigns tasks without an agent, two tasks run in parallel, and each agent does its own work",
  () => {
    const asked: Array<Llm.Request> = []
    const busy = { now: 0, most: 0 }
    const model = World.llm(({ caller }) => {
      const agent = chosen[caller!.taskId]
      if (agent !== undefined) return World.text(JSON.stringify({ agent, reason: `It is a matter for the ${agent}.` }))
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          busy.most = Math.max(busy.most, ++busy.now)
        }),
        () => Effect.delay(Effect.succeed(World.text(`${caller!.agent} on ${caller!.taskId}`)), 1_000),
        () => Effect.sync(() => void busy.now--)
      )
    }, asked)
    return Effect.gen(function* () {
      const crewline = yield* Crewline.Crewline
      const { id } = yield* crewline.start(crew)
      yield* Effect.repeat(pass(1_000), { times: 5 })
      const view = yield* crewline.get(id)
      assert.deepStrictEqual([view.status, view.output], ["completed", "writer on brief"])
      const log = yield* EventLog.EventLog
      assert.deepStrictEqual(
        ofType(yield* log.read(id), "AgentAssigned").map(({ agent, by, reason, taskId }) => [
          taskId,
          agent,
          by,
          reason
        ]),
        [
          ["facts", "researcher", "manager", "It is a matter for the researcher."],
          ["findings", "analyst", "manager", "It is a matter for the analyst."]
        ]
      )
      // The asynchronous task beside the other, and nothing else in parallel.
      assert.strictEqual(busy.most, 2)
      // The manager decides twice, and does no work.
      const ofManager = asked.filter(({ caller }) => caller!.agent === "manager")
      assert.deepStrictEqual(
        ofManager.map(({ caller, tools }) => [caller!.taskId, tools.length]),
        [
          ["facts/assign", 0],
          ["findings/assign", 0]
        ]
      )
      const findings = asked.find(({ caller }) => caller!.taskId === "findings/assign/work")!
      assert.include(lastMessage(findings), "researcher on facts/assign/work")
      assert.include(lastMessage(findings), "analyst on questions")
    }).pipe(Effect.provide(World.world(model)))
  }
)
