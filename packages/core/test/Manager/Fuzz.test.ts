/**
 * A model that answers anything: random valid and invalid decisions, unknown coworkers, cycles,
 * endless questions, false claims of success, failures. Every execution ends within its limits, and
 * leaves no open task. `CREWLINE_FUZZ_CREWS=5000` runs more of them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import { ofType } from "../fake/Running.ts"
import * as World from "../fake/World.ts"
import * as Legal from "./Legal.ts"
import * as Random from "../simulation/Random.ts"

const executions = Number(process.env["CREWLINE_FUZZ_CREWS"] ?? 200)

const names = ["ann", "bob", "cat"] as const
const agents: Plan.Plan["agents"] = {
  ...Object.fromEntries(
    names.map((name) => [name, { role: `Role of ${name}`, goal: "g", backstory: "", allowDelegation: true as const }])
  ),
  boss: { role: "Boss", goal: "g", backstory: "" }
}

const make = (seed: number) => {
  const { below, chance, pick } = Random.make(Random.seedOf(seed, "crew"))
  const task = (index: number): Partial<Plan.PlannedTask> => ({
    agent: chance(0.4) ? "boss" : pick(names),
    retry: { attempts: pick([1, 2]), initialMillis: 10, factor: 1, maxMillis: 10 },
    maxTurns: pick([1, 3, 5]),
    maxRepairs: pick([0, 1]),
    onFailure: pick(["fail", "skip", "continue"]),
    ...(index > 0 && chance(0.5) ? { context: [`t${index - 1}`], dependencies: [`t${index - 1}`] } : {}),
    ...(chance(0.6) ? { reviewed: true as const } : {}),
    ...(chance(0.2) ? { output: { type: "object" } } : {}),
    ...(chance(0.2) ? { limits: { requests: 4 } } : {})
  })
  const tasks = Array.from({ length: 1 + below(3) }, (_, index) => {
    const one = task(index)
    return [`t${index}`, one.agent === "boss" ? { ...one, frame: { candidates: names } } : one] as const
  })
  const judged = chance(0.6) ? { acceptance: ["It is short.", "It is true."] } : {}
  const needed = new Set(tasks.flatMap(([, { dependencies = [] }]) => dependencies))
  const finals = tasks.map(([id]) => id).filter((id) => !needed.has(id))
  const isWritten = finals.length > 1 || chance(0.2)
  const result = isWritten
    ? [["result", { agent: "boss", office: "synthesise", maxTurns: 3, context: finals, ...judged }] as const]
    : []
  const all: ReadonlyArray<readonly [string, Partial<Plan.PlannedTask>]> = [
    ...tasks.map(([id, one]) => [id, isWritten || id !== finals[0] ? one : { ...one, ...judged }] as const),
    ...result
  ]
  const manager: Plan.PlannedManager = {
    agent: "boss",
    allow: names,
    depth: pick([1, 2]),
    recover: chance(0.8),
    maxRecoveries: pick([0, 1, 2]),
    maxRevisions: pick([0, 1, 2]),
    onUnaccepted: pick(["accept", "fail"]),
    maxStalls: pick([0, 1, 3])
  }
  const call = (): readonly [string, unknown] =>
    pick([
      ["delegate_work", { task: `work ${below(9)}`, context: "", coworker: pick([...names, "boss", "zed"]) }],
      ["ask_coworker", { question: "Why?", context: "c", coworker: pick([...names, "the Role of bob", ""]) }],
      ["delegate_work", { coworker: 7 }],
      ["delegate_work", "no object"],
      ["delegate_work", { task: "x", coworker: "ann", output_schema: { type: pick(["object", "nothing"]) } }],
      ["unknown", {}]
    ])
  const failure = () =>
    World.refuse({
      _tag: pick(["InvalidRequest", "Network"]),
      description: "no",
      isRetryable: chance(0.5)
    } as never)
  const assignment = () => ({ agent: pick([...names, "delegate", "zed"]), reason: "r" })
  const verdict = () => ({ verdict: pick(["accept", "revise", "maybe"]), reason: "r", feedback: pick(["", "more"]) })
  const recovery = () => ({
    choice: pick(["retry", "rewrite", "reassign", "replace", "continue", "skip", "abort"]),
    reason: "r",
    advice: pick(["", "try"]),
    description: pick(["", "new"]),
    agent: pick([...names]),
    tasks: [
      { name: "x", description: "d", expectedOutput: "e", agent: pick([...names]) },
      { name: pick(["y", "x", "a/b"]), description: "d", expectedOutput: "e", context: pick([[], ["x"], ["z"]]) }
    ]
  })
  const criterion = () => ({ passed: chance(0.6), reason: "r" })
  const criteria = () => ({ criterion_1: criterion(), ...(chance(0.9) ? { criterion_2: criterion() } : {}) })
  const part = () => ({
    name: pick(["x", "y", "a/b"]),
    task: "t",
    coworker: pick([...names, "zed"]),
    context: pick<ReadonlyArray<string>>([[], [], ["x"], ["y"]])
  })
  const replan = () => World.calls(["replan", { reason: "r", tasks: Array.from({ length: below(3) }, part) }])
  /** Mostly what was requested. */
  const decision = ({ caller, messages }: Llm.Request) => {
    const task = caller!.taskId
    const text = JSON.stringify(messages)
    if (chance(0.2)) return World.text(pick(["nonsense", "{}", "null", JSON.stringify(verdict())]))
    const decided = task.endsWith("/assign") ? assignment() : task.endsWith(".recover") ? recovery() : judgement(text)
    return World.text(JSON.stringify(decided))
  }
  const judgement = (asked: string) =>
    asked.includes("criterion_1")
      ? { ...(asked.includes("Review the output") ? verdict() : {}), ...criteria() }
      : verdict()
  const said = () => World.text(pick(["done", "{}", "", "I sent it.", "See https://a.example", '{"a":1}', "done"]))
  const answer = (request: Llm.Request): Llm.Answer | World.Reply => {
    const { caller, toolChoice, tools } = request
    if (chance(0.1)) return failure()
    if (caller!.agent === "boss" && /\/(assign|\d+\.recover|\d+\.\d+\.review\.manager)$/.test(caller!.taskId)) {
      return decision(request)
    }
    if (toolChoice !== "none" && tools.some(({ name }) => name === "replan")) return chance(0.8) ? replan() : said()
    return toolChoice !== "none" && chance(caller!.agent === "boss" ? 0.8 : 0.5)
      ? World.calls(...Array.from({ length: 1 + below(3) }, call))
      : said()
  }
  return {
    plan: World.plan(Object.fromEntries(all), { agents, manager, limits: { requests: 150 } }),
    manager,
    answer
  }
}

const step = Effect.andThen(
  TestClock.adjust(50),
  Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 0)))
)

/** The summary of an ended execution. */
const check = (
  events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
  view: Crewline.View,
  plan: Plan.Plan,
  manager: Plan.PlannedManager
) => {
  const open = Object.entries(view.tasks).filter(([, { status }]) => !/completed|failed|skipped|cancelled/.test(status))
  assert.deepStrictEqual(open, [], "a task is left behind")
  assert.isUndefined(Legal.problem(plan, events))
  const spawned = new Map(ofType(events, "TaskSuspended").flatMap(({ spawn }) => spawn.map((task) => [task.id, task])))
  const work = [...spawned.values()].filter(({ id, office }) => office === undefined && !id.endsWith("/assign/work"))
  assert.isAtMost(work.length, 200, "more tasks than an execution may grow by")
  const count = (type: "RecoveryChosen" | "ReviewJudged", is: (event: never) => boolean = () => true) => {
    const counts = new Map<string, number>()
    for (const event of ofType(events, type)) {
      if (is(event as never)) counts.set(event.taskId, (counts.get(event.taskId) ?? 0) + 1)
    }
    return Math.max(0, ...counts.values())
  }
  assert.isAtMost(count("RecoveryChosen"), manager.maxRecoveries, "recovered too often")
  const isRevision = ({ verdict }: ExecutionEvent.ReviewJudged) => verdict === "revise"
  assert.isAtMost(count("ReviewJudged", isRevision), manager.maxRevisions, "sent back too often")
  for (const id of Object.keys(view.tasks)) {
    const task = spawned.get(id) ?? plan.tasks.find((each) => each.id === id)!
    const turns = ofType(events, "TurnCompleted").filter(({ taskId }) => taskId === id).length
    const stretches = task.retry.attempts + manager.maxRecoveries + manager.maxRevisions
    assert.isAtMost(turns, task.maxTurns * stretches, `${id} took too many turns`)
    assert.isTrue(task.office === undefined || view.tasks[id]!.agent === "boss", "the office of somebody else")
    assert.isTrue(
      view.tasks[id]!.agent !== "boss" ||
        view.tasks[id]!.kind === "office" ||
        task.frame !== undefined ||
        task.delegates === true,
      "the manager works"
    )
  }
  // Each task ends once, without later events.
  const ended = new Set<string>()
  for (const event of events) {
    if (!("taskId" in event)) continue
    assert.isFalse(
      ended.has(event.taskId) && event.type !== "TurnCompleted",
      `${event.type} of ${event.taskId} after its end`
    )
    if (/^Task(Completed|Failed|Skipped|Cancelled)$/.test(event.type)) ended.add(event.taskId)
  }
}

describe("with any answers of the model", () => {
  it.effect(
    `${executions} executions end within their limits`,
    () =>
      Effect.gen(function* () {
        const seen = new Set<string>()
        for (let seed = 1; seed <= executions; seed++) {
          const { answer, manager, plan } = make(seed)
          yield* Effect.gen(function* () {
            const crewline = yield* Crewline.Crewline
            const log = yield* EventLog.EventLog
            const { id } = yield* crewline.startPlan(plan)
            let view = yield* crewline.get(id)
            for (let steps = 0; view.endedAt === undefined; steps++) {
              if (steps > 3_000) assert.fail(`seed ${seed} does not end: ${JSON.stringify(view.tasks)}`)
              yield* step
              view = yield* crewline.get(id)
            }
            const events = yield* log.read(id)
            seen.add(view.status)
            for (const { by } of ofType(events, "AgentAssigned")) seen.add(`assigned by ${by}`)
            for (const { by, criteria = [], verdict } of ofType(events, "ReviewJudged")) {
              seen.add(`${verdict} by ${by}`)
              for (const each of criteria) seen.add(`criterion ${each.verdict}`)
            }
            for (const { isFailure, tool } of ofType(events, "ToolCalled"))
              if (tool === "replan") seen.add(isFailure ? "no plan" : "plan")
            if (view.tasks["result"]?.status === "completed") seen.add("written")
            for (const { choice } of ofType(events, "RecoveryChosen")) seen.add(choice)
            for (const { doubts = [] } of ofType(events, "TaskCompleted"))
              for (const { check } of doubts) seen.add(check)
            try {
              check(events, view, plan, manager)
            } catch (error) {
              throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
            }
          }).pipe(Effect.provide(World.world(World.llm(answer))))
        }
        // Every possible outcome occurs.
        assert.includeMembers(
          [...seen],
          [
            "completed",
            "failed",
            "assigned by manager",
            "assigned by matcher",
            "accept by manager",
            "revise by manager",
            "accept by policy",
            "reject by policy",
            "retry",
            "rewrite",
            "reassign",
            "replace",
            "continue",
            "skip",
            "abort",
            "emptyOutput",
            "claimedAction",
            "citedSource",
            "review",
            "stalled",
            "plan",
            "no plan",
            "written",
            "criterion passed",
            "criterion failed",
            "criterion unknown"
          ]
        )
      }),
    { timeout: 600_000 }
  )
})
