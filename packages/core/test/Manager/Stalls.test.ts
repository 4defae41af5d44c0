/** A manager without progress: it replans once, and then ends with the results so far. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { lastMessage, ofType, once, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const plan = (more: Partial<Plan.PlannedManager> = {}): Partial<Plan.Plan> => ({
  ...Managed.plan({ allow: ["ann", "bob"], recover: false, maxStalls: 1, ...more }),
  agents: { ann: Managed.agent("Researcher"), bob: Managed.agent("Writer"), boss: Managed.agent("Boss") }
})
const delegated = { a: { agent: "boss", delegates: true as const } }

const give = (task: string, coworker = "ann") =>
  World.calls(["delegate_work", { task, context: "", coworker }, `give ${task} ${coworker}`])
/** An unknown agent: nothing is delegated. */
const nobody = (number: number) => give(`work ${number}`, "zed")
const replan = (...tasks: ReadonlyArray<object>) => World.calls(["replan", { reason: "Smaller parts.", tasks }, "plan"])
const part = (name: string, more: object = {}) => ({ name, task: `Do ${name}.`, coworker: "ann", ...more })

/** The manager gives one answer after another; all other agents answer with their task. */
const answering = (said: ReadonlyArray<Llm.Answer | World.Reply>) => {
  let index = 0
  return ({ caller }: Llm.Request) =>
    caller!.agent === "boss" ? said[index++]! : World.text(`${caller!.taskId} is done`)
}
const ofBoss = (asked: ReadonlyArray<Llm.Request>) => asked.filter(({ caller }) => caller!.agent === "boss")
const offered = ({ toolChoice, tools }: Llm.Request) => (toolChoice === "none" ? [] : tools.map(({ name }) => name))
const usual = ["delegate_work", "ask_coworker"]
const kinds = (events: Parameters<typeof ofType>[0]) =>
  events.flatMap((event) =>
    "taskId" in event
      ? [`${event.type} ${event.taskId}${event.type === "ToolCalled" && event.isFailure ? " failed" : ""}`]
      : []
  )

describe("a manager without progress", () => {
  it.effect("makes one new plan, whose tasks start at once except those that read others, and continues", () =>
    running(
      delegated,
      {
        plan: plan(),
        answers: answering([
          nobody(1),
          nobody(2),
          replan(part("facts"), part("text", { coworker: "the writer", context: ["facts"] }), part("title")),
          World.text("All done.")
        ])
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(1_000)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.output], ["completed", "All done."])
        assert.isUndefined(view.tasks["a"]!.doubts)
        const own = ofBoss(asked)
        assert.deepStrictEqual(own.map(offered), [usual, usual, ["replan"], usual])
        assert.include(lastMessage(own[2]!), "If you have all that you need, answer.\\n\\nIn 2 turns in a row nothing")
        assert.include(lastMessage(own[3]!), '\\"facts\\":\\"a/1.3.0.facts is done\\"'.replaceAll("\\", ""))
        const all = yield* events
        assert.deepInclude(view.tasks["a/1.3.0.text"], { agent: "bob", parent: "a", title: "text" })
        assert.deepStrictEqual(kinds(all), [
          "TaskStarted a",
          "TurnCompleted a",
          "ToolCalled a failed",
          "TurnCompleted a",
          "ToolCalled a failed",
          "TurnCompleted a",
          "TaskSuspended a",
          "TaskStarted a/1.3.0.facts",
          "TurnCompleted a/1.3.0.facts",
          "TaskCompleted a/1.3.0.facts",
          "TaskStarted a/1.3.0.title",
          "TurnCompleted a/1.3.0.title",
          "TaskCompleted a/1.3.0.title",
          "TaskStarted a/1.3.0.text",
          "TurnCompleted a/1.3.0.text",
          "TaskCompleted a/1.3.0.text",
          "TaskStarted a",
          "ToolCalled a",
          "TurnCompleted a",
          "TaskCompleted a"
        ])
      })
    )
  )

  it.effect("gives tasks of the plan any names", () =>
    running(
      delegated,
      {
        plan: plan(),
        answers: answering([nobody(1), nobody(2), replan(part("__proto__"), part("constructor")), World.text("Done.")])
      },
      Effect.fnUntraced(function* ({ asked, task }) {
        yield* pass(1_000)
        assert.strictEqual((yield* task()).output, "Done.")
        for (const name of ["__proto__", "constructor"])
          assert.include(lastMessage(ofBoss(asked)[3]!), `"${name}":"a/1.3.0.${name} is done"`)
      })
    )
  )

  it.effect("is instructed in the crew's own words, if there are any", () =>
    running(
      delegated,
      {
        plan: plan({ prompts: { replan: "Think again." } }),
        answers: answering([give("x"), nobody(1), nobody(2), replan(part("y")), World.text("All done.")])
      },
      Effect.fnUntraced(function* ({ asked, events }) {
        yield* pass(1_000)
        assert.include(lastMessage(ofBoss(asked)[3]!), "Think again.\\n\\nIn 2 turns")
        const own = ofType(yield* events, "TurnCompleted").filter(({ taskId }) => taskId === "a")
        assert.strictEqual(own[3]!.prompt, "replan/own")
        assert.notStrictEqual(own[2]!.prompt, "replan/own")
        assert.notStrictEqual(own[4]!.prompt, "replan/own")
      })
    )
  )

  it.effect("counts repeated delegation as no progress, and anything new as progress", () =>
    running(
      delegated,
      {
        plan: plan(),
        answers: answering([
          give("x"),
          give("x"),
          give("y"),
          give("x"),
          give("y"),
          World.text("The plan is not needed: this is all.")
        ])
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(1_000)
        assert.deepStrictEqual(ofBoss(asked).map(offered), [usual, usual, usual, usual, usual, ["replan"]])
        const view = yield* crewline.get(id)
        assert.strictEqual(view.output, "The plan is not needed: this is all.")
        assert.isUndefined(view.partial)
      })
    )
  )

  it.effect("ends with the results so far when it stalls again, marked as partial, and says so", () =>
    running(
      delegated,
      {
        plan: plan(),
        answers: answering([
          give("x"),
          nobody(1),
          nobody(2),
          replan(part("y")),
          nobody(3),
          give("x"),
          World.text("Only x and y.")
        ])
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(1_000)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.partial, view.output], ["completed", true, "Only x and y."])
        assert.deepInclude(view.tasks["a"]!.doubts![0], { check: "stalled" })
        const own = ofBoss(asked)
        assert.deepStrictEqual(own.map(offered), [usual, usual, usual, ["replan"], usual, usual, []])
        assert.include(lastMessage(own.at(-1)!), "You are still not getting on (2 turns in a row)")
        const turns = ofType(yield* events, "TurnCompleted").filter(({ taskId }) => taskId === "a")
        assert.deepStrictEqual(
          turns.map(({ isLast }) => isLast),
          [undefined, undefined, undefined, undefined, undefined, undefined, true]
        )
        const work = (id: string) => [`TaskStarted ${id}`, `TurnCompleted ${id}`, `TaskCompleted ${id}`]
        const refused = ["TurnCompleted a", "ToolCalled a failed"]
        const done = (id: string) => [
          "TurnCompleted a",
          "TaskSuspended a",
          ...work(id),
          "TaskStarted a",
          "ToolCalled a"
        ]
        assert.deepStrictEqual(kinds(yield* events), [
          "TaskStarted a",
          ...done("a/1.1.0.work"),
          ...refused,
          ...refused,
          ...done("a/2.4.0.y"),
          ...refused,
          ...done("a/3.6.0.work"),
          "TurnCompleted a",
          "TaskCompleted a"
        ])
      })
    )
  )

  it.effect("corrects a plan with an invalid part, and starts nothing of it before", () =>
    running(
      delegated,
      {
        plan: plan(),
        answers: answering([
          give("x"),
          nobody(1),
          nobody(2),
          replan(part("y"), part("z", { coworker: "zed" })),
          replan(part("y", { context: ["z"] }), part("z", { context: ["y"] })),
          replan(part("y"), part("y")),
          World.text("Only x.")
        ])
      },
      Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
        yield* pass(1_000)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual(Object.keys(view.tasks), ["a", "a/1.1.0.work"])
        assert.deepStrictEqual([view.partial, view.output], [true, "Only x."])
        assert.deepStrictEqual(ofBoss(asked).map(offered).slice(3), [["replan"], ["replan"], ["replan"], []])
        const told = ofType(yield* events, "ToolCalled").filter(({ tool }) => tool === "replan")
        for (const [index, part] of ['no coworker "zed"', "cannot be added", "two of that name"].entries())
          assert.include(JSON.stringify(told[index]!.result).replaceAll("\\", ""), part)
      })
    )
  )

  it.effect("fails if there are no results to end with", () =>
    running(
      { a: { ...delegated.a, retry: once } },
      {
        plan: plan(),
        answers: answering([1, 2, 3, 4, 5].map(nobody).concat([World.text("I did it myself.")]))
      },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        yield* pass(1_000)
        const { error } = yield* crewline.get(id)
        assert.strictEqual(error!.code, "stalled")
        assert.include(error!.message, "Nothing of this task was delegated yet")
        assert.strictEqual(asked.length, 6)
      })
    )
  )

  it.effect("is partial even if the manager itself reports the task as done", () =>
    running(
      { a: { agent: "boss", frame: { candidates: ["ann", "bob"] } } },
      {
        plan: plan({ maxStalls: 0 }),
        answers: answering([
          World.text('{"agent":"delegate","reason":"r"}'),
          give("x"),
          nobody(1),
          nobody(2),
          nobody(3),
          nobody(4),
          World.text("Only x.")
        ])
      },
      Effect.fnUntraced(function* ({ crewline, id }) {
        yield* pass(1_000)
        const view = yield* crewline.get(id)
        assert.deepStrictEqual([view.status, view.partial, view.output], ["completed", true, "Only x."])
        assert.deepInclude(view.tasks["a"]!.doubts![0], { check: "stalled" })
      })
    )
  )

  it.effect("cannot plan again before it is instructed to", () =>
    running(
      delegated,
      { plan: plan(), answers: answering([replan(part("y")), give("x"), World.text("x.")]) },
      Effect.fnUntraced(function* ({ crewline, events, id }) {
        yield* pass(1_000)
        assert.deepStrictEqual(Object.keys((yield* crewline.get(id)).tasks), ["a", "a/1.2.0.work"])
        const [first] = ofType(yield* events, "ToolCalled")
        assert.include(JSON.stringify(first!.result), "A new plan is made only when you are told to.")
      })
    )
  )

  it.effect("keeps its counts, and repeats no request, when the process is killed while the new plan runs", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const answer = answering([
        give("x"),
        nobody(1),
        nobody(2),
        replan(part("y"), part("z")),
        nobody(3),
        nobody(4),
        World.text("Only x, y and z.")
      ])
      const parts = {
        model: World.llm((request) => {
          const said = answer(request)
          return Effect.delay(Effect.isEffect(said) ? said : Effect.succeed(said), 1_000)
        }, asked)
      }
      const first = yield* Process.startMortal(parts)
      const { id } = yield* first.crewline.startPlan(World.plan({ a: { ...delegated.a, retry: once } }, plan()))
      yield* Effect.repeat(pass(1_000), { times: 4 })
      yield* pass(500)
      assert.deepStrictEqual(
        asked.slice(-2).map(({ caller }) => caller!.taskId),
        ["a/1.4.0.y", "a/1.4.0.z"].map((id) => id.replace("1.4", "2.4"))
      )
      yield* first.kill
      const second = yield* Process.start(parts)
      yield* Effect.repeat(pass(5_000), { times: 20 })
      const view = yield* second.crewline.get(id)
      assert.deepStrictEqual([view.status, view.partial, view.output], ["completed", true, "Only x, y and z."])
      assert.strictEqual(ofBoss(asked).length, 7)
      assert.isAtMost(asked.length, 7 + 3 + 2)
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )
})

it("the limit is declared by the crew", () => {
  const planOf = (manager: object) =>
    Result.getOrThrow(
      Plan.make(
        Result.getOrThrow(
          Crew.fromJson({
            name: "c",
            manager: { model: "fake/boss", ...manager },
            agents: { a: { role: "r", goal: "g" } },
            tasks: { one: { description: "d", expectedOutput: "e" } }
          })
        )
      )
    )
  assert.strictEqual(planOf({ maxStalls: 0 }).manager!.maxStalls, 0)
  // Plans of executions that started before limits existed have none either.
  assert.isUndefined(planOf({}).manager!.maxStalls)
  assert.strictEqual(Plan.defaultMaxStalls, 3)
})
