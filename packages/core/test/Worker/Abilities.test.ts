/**
 * A worker leaves tasks to others if it lacks the tools or the functions, and logs it if no worker
 * takes them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Crew from "../../src/Crew.ts"
import type * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import * as Plan from "../../src/Plan.ts"
import * as Tool from "../../src/Tool.ts"
import * as Abilities from "../../src/Worker/Abilities.ts"
import * as FaultyLog from "../fake/FaultyLog.ts"
import * as Process from "../fake/Process.ts"
import * as World from "../fake/World.ts"
import { seconds } from "../fake/InMemory.ts"

/** Hashing takes a turn of the platform. */
const turn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
const pass = Effect.repeat(Effect.andThen(TestClock.adjust(10), turn), { times: 19 })

const inMemory = <A, E>(
  effect: Effect.Effect<A, E, EventLog.EventLog | Scope.Scope>,
  said: Array<string> = []
): Effect.Effect<A, E> => {
  const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
  return effect.pipe(Effect.scoped, Effect.provide([LocalEventLog.layerLocal, logger]))
}

const ofType = Effect.fnUntraced(function* <T extends ExecutionEvent.Type>(id: string, type: T) {
  const log = yield* EventLog.EventLog
  return (yield* log.read(id)).filter((event): event is ExecutionEvent.Of<T> => event.type === type)
})

const agents = { agent: { role: "Agent", goal: "Test", backstory: "" } }

describe("a task whose tools a worker lacks", () => {
  const send = World.tool("send", () => Effect.succeed("sent"))
  const plan = World.plan({ a: { tools: ["send"] }, plain: {} })
  const missing = 'the tool "send"'
  const isReport = (line: string) => line.includes("is waiting for a worker")

  it.effect("is logged once if no worker has taken it for a minute, and done by the first that can", () => {
    const said: Array<string> = []
    return inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const one = yield* Process.start({ queue, options: { worker: { name: "one" } } })
        const two = yield* Process.start({ queue, options: { worker: { name: "two" } } })
        const { id } = yield* one.crewline.startPlan(plan)
        yield* seconds(55)
        assert.deepStrictEqual(yield* ofType(id, "TaskUnserved"), [])
        assert.strictEqual((yield* two.crewline.get(id)).tasks["a"]!.waitingFor, undefined)
        yield* seconds(200)
        assert.deepStrictEqual(
          (yield* ofType(id, "TaskUnserved")).map(({ missing: what, taskId }) => [taskId, what]),
          [["a", missing]]
        )
        const { tasks } = yield* two.crewline.get(id)
        assert.deepStrictEqual([tasks["a"]!.status, tasks["plain"]!.status], ["pending", "completed"])
        assert.deepStrictEqual(tasks["a"]!.waitingFor, [{ kind: "worker", what: missing }])
        const reports = said.filter(isReport)
        assert.strictEqual(reports.length, 1)
        for (const part of [`"a"`, id, "60 s", missing]) assert.include(reports[0]!, part)

        yield* Process.start({ queue, tools: [send], options: { worker: { name: "able" } } })
        yield* seconds(30)
        const done = yield* one.crewline.get(id)
        assert.deepStrictEqual([done.status, done.tasks["a"]!.waitingFor], ["completed", undefined])
        const [start] = (yield* ofType(id, "TaskStarted")).filter(({ taskId }) => taskId === "a")
        assert.strictEqual(start!.worker, "able")
      }),
      said
    )
  })

  it.effect("is not logged if a worker takes it in time, or if it is cancelled", () => {
    const said: Array<string> = []
    return inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const { crewline } = yield* Process.start({ queue })
        const { id } = yield* crewline.startPlan(plan)
        yield* seconds(50)
        const able = yield* Process.start({ queue, tools: [send] })
        yield* seconds(100)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.deepStrictEqual(said.filter(isReport), [])

        yield* able.close
        const other = yield* crewline.startPlan(plan)
        yield* seconds(70)
        assert.strictEqual((yield* ofType(other.id, "TaskUnserved")).length, 1)
        yield* crewline.cancel(other.id)
        const cancelled = (yield* crewline.get(other.id)).tasks["a"]!
        assert.deepStrictEqual([cancelled.status, cancelled.waitingFor], ["cancelled", undefined])
      }),
      said
    )
  })

  it.effect("is logged, however many there are", () =>
    inMemory(
      Effect.gen(function* () {
        const abilities = Abilities.make({
          registry: { add: () => {}, find: () => undefined, forget: () => {} },
          toolbox: { list: Effect.succeed([]), get: () => Effect.die("not asked for") }
        })
        const names = Array.from({ length: 1_500 }, (_, index) => `t${index}`)
        const state = Execution.make({
          type: "ExecutionStarted",
          plan: World.plan(Object.fromEntries(names.map((name) => [name, {}]))),
          executionId: "exec",
          seq: 1,
          at: new Date(0).toISOString()
        })
        const reports: Array<string> = []
        // Each is handed back every five seconds.
        for (let round = 0; round < 30; round++) {
          for (const name of names) {
            const task = { ...Execution.task(state, name)!, unserved: reports.includes(name) ? missing : undefined }
            if ((yield* abilities.leave(state, task, missing)).isDue) reports.push(name)
          }
          if (round === 11) assert.deepStrictEqual(reports, [])
          yield* TestClock.adjust(5_000)
        }
        assert.deepStrictEqual(reports, names)
      })
    )
  )

  it.effect("is logged, too, if the worker that had them died while it ran", () =>
    inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const log = yield* EventLog.EventLog
        const { crewline } = yield* Process.start({ queue })
        const { id } = yield* crewline.startPlan(plan)
        yield* log.append(id, [{ type: "TaskStarted", taskId: "a", run: 1, attempt: 1, worker: "dead", crashes: 0 }])
        yield* seconds(75)
        assert.deepStrictEqual((yield* crewline.get(id)).tasks["a"]!.waitingFor, [{ kind: "worker", what: missing }])
      })
    )
  )

  it.effect("waits only for people while it waits for people, although the queue wakes it early", () => {
    const ask = Tool.make({
      name: "ask",
      description: "Asks.",
      ask: () => "Which?",
      execute: (_, { answer }) => String(answer)
    })
    const spawn = Tool.make({
      name: "spawn",
      description: "Spawns.",
      spawn: () => ({ tasks: { one: { description: "d", expectedOutput: "e" } }, need: 1 }),
      execute: () => "spawned"
    })
    const reply = (request: Llm.Request) =>
      request.caller!.taskId === "a" && request.messages.length === 2
        ? World.calls(["ask", {}], ["spawn", {}])
        : World.text("done")
    return inMemory(
      Effect.gen(function* () {
        const { queue } = yield* Process.sharedQueue()
        const tools = [ask, spawn]
        const hanging = World.llm((request) => (request.caller!.taskId === "a" ? reply(request) : Effect.never))
        const able = yield* Process.start({ queue, tools, model: hanging })
        const { id } = yield* able.crewline.startPlan(World.plan({ a: { tools: ["ask", "spawn"] } }))
        yield* pass
        yield* able.close
        // Added tasks need no tools; then the queue wakes the task that added them.
        const { crewline } = yield* Process.start({ queue, model: World.llm(reply) })
        yield* seconds(200)
        const waiting = (yield* crewline.get(id)).tasks
        assert.strictEqual(waiting["a/1.1.1.one"]!.status, "completed")
        assert.deepStrictEqual(
          waiting["a"]!.waitingFor?.map(({ kind }) => kind),
          ["question"]
        )
        yield* crewline.answer((yield* crewline.asks())[0]!.id, { answer: "reply", value: "this" })
        yield* seconds(70)
        assert.deepStrictEqual(
          (yield* crewline.get(id)).tasks["a"]!.waitingFor?.map(({ kind, what }) => [kind, what]),
          [["worker", 'the tools "ask", "spawn"']]
        )
        yield* Process.start({ queue, tools, model: World.llm(reply) })
        yield* seconds(30)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
      })
    )
  })
})

describe("a task whose functions a worker lacks", () => {
  const crew = Crew.make({
    name: "checked",
    agents,
    tasks: {
      plain: { agent: "agent", description: "Do it.", expectedOutput: "Text." },
      judged: {
        agent: "agent",
        description: "Do it.",
        expectedOutput: "Text.",
        context: ["plain"],
        guardrails: [(text: string) => (text === "judged" ? true : "no")]
      }
    }
  })

  it.effect("is left to a worker that has them, and the others log once what to do", () => {
    const said: Array<string> = []
    return inMemory(
      Effect.gen(function* () {
        const { asked, queue } = yield* Process.sharedQueue()
        const plan = Plan.make(crew)
        assert.strictEqual(plan._tag, "Success")
        const blind = yield* Process.start({ queue, options: { worker: { name: "blind" } } })
        const handle = yield* blind.crewline.startPlan((plan as { readonly success: Plan.Plan }).success)
        yield* seconds(60)
        const waiting = yield* blind.crewline.get(handle.id)
        assert.deepStrictEqual(
          [waiting.tasks["plain"]!.status, waiting.tasks["judged"]!.status],
          ["completed", "pending"]
        )
        // It is requested repeatedly, but with pauses.
        assert.isAtMost(asked.get("release") ?? 0, 25)
        yield* Process.start({ queue, options: { worker: { name: "able" }, crews: [crew] } })
        yield* seconds(30)
        assert.strictEqual((yield* handle.result).output, "judged")
        assert.deepStrictEqual(
          (yield* ofType(handle.id, "TaskStarted")).map(({ taskId, worker }) => [taskId, worker]),
          [
            ["plain", "blind"],
            ["judged", "able"]
          ]
        )
        const told = said.filter((line) => line.includes('crew "checked"'))
        assert.strictEqual(told.length, 1)
        assert.include(told[0]!, "Crewline.layer({ crews: [crew] })")
      }),
      said
    )
  })

  it.effect("runs after a restart of the process that received the crew, without an explicit resume", () =>
    inMemory(
      Effect.gen(function* () {
        const first = yield* Process.start({ model: World.llm(() => Effect.never) })
        const { id } = yield* first.crewline.start(crew)
        yield* TestClock.adjust(1)
        yield* first.close
        const second = yield* Process.start({ options: { crews: [crew] } })
        yield* seconds(20)
        assert.strictEqual((yield* second.crewline.get(id)).status, "completed")
      })
    )
  )
})

describe("a spawned task that uses the functions of a declared one", () => {
  const judged: Array<unknown> = []
  const text = { agent: "agent", description: "Do it.", expectedOutput: "Text." } as const
  const crew = Crew.make({
    name: "modelled",
    agents,
    tasks: {
      number: {
        ...text,
        output: Schema.Struct({ n: Schema.NumberFromString }),
        guardrails: [({ n }: { readonly n: number }) => (judged.push(n), n > 1 ? true : "too small")]
      },
      short: { ...text, guardrails: [(said: string) => (judged.push(said), said.length < 5 ? true : "too long")] },
      a: { ...text, dependsOn: ["number", "short"], tools: ["spawn"] }
    }
  })
  const spawned = (codeOf: string) => ({ description: "d", expectedOutput: "e", codeOf })
  const spawn = Tool.make({
    name: "spawn",
    description: "Spawns.",
    spawn: () => ({ tasks: { one: spawned("number"), two: spawned("short") } }),
    execute: (_, { tasks }) => JSON.stringify(tasks)
  })
  const one = "a/1.1.0.one"
  const two = "a/1.1.0.two"
  const replyOf = ({ caller, messages }: Llm.Request): Llm.Answer => {
    const isFirst = messages.length === 2
    switch (caller!.taskId) {
      case "number":
        return World.text('{"n":"7"}')
      case "short":
        return World.text("text")
      case one:
        return World.text(isFirst ? '{"n":"1"}' : '{"n":"2"}')
      case two:
        return World.text(isFirst ? "a long text" : "fine")
      default:
        return isFirst ? World.calls(["spawn", {}]) : World.text("done")
    }
  }
  const plan = Effect.fromResult(Plan.make(crew, { tools: ["spawn"] }))
  const outputs = (view: Crewline.View) => [view.status, view.tasks[one]!.output, view.tasks[two]!.output]

  it.effect("finds its output schema and its guardrails", () =>
    inMemory(
      Effect.gen(function* () {
        judged.length = 0
        const asked: Array<Llm.Request> = []
        const model = World.llm(replyOf, asked)
        const { crewline } = yield* Process.start({ tools: [spawn], model, options: { crews: [crew] } })
        const { id } = yield* crewline.startPlan(yield* plan)
        yield* pass
        assert.deepStrictEqual(outputs(yield* crewline.get(id)), ["completed", { n: "2" }, "fine"])
        // As decoded by the schema.
        assert.sameMembers(judged, [7, "text", 1, 2, "a long text", "fine"])
        const again = asked.filter(({ caller, messages }) => caller!.taskId.includes("/") && messages.length > 2)
        assert.sameMembers(
          again.map(({ messages }) => /too (small|long)/.exec(JSON.stringify(messages.at(-1)))?.[0]),
          ["too long", "too small"]
        )
      })
    )
  )

  /**
   * Like a database: the texts of spawned tasks are not in events that are read without payloads.
   */
  const bare = FaultyLog.layer({
    read: (next, id, options) =>
      options?.payloads !== false
        ? next(id, options)
        : Effect.map(next(id, options), (events) =>
            events.map((event) =>
              event.type !== "TaskSuspended"
                ? event
                : { ...event, spawn: event.spawn.map((task) => ({ ...task, guardrails: [] })) }
            )
          )
  })

  it.effect("is left by workers that lack them to one that has them", () =>
    Effect.gen(function* () {
      const { queue } = yield* Process.sharedQueue()
      const able = { queue, tools: [spawn], options: { crews: [crew] } }
      const hanging = World.llm((request) => (request.caller!.taskId.includes("/") ? Effect.never : replyOf(request)))
      const first = yield* Process.start({ ...able, model: hanging })
      const { id } = yield* first.crewline.startPlan(yield* plan)
      yield* pass
      const blind = yield* Process.start({ queue, tools: [spawn], model: World.llm(replyOf) })
      yield* first.close
      yield* seconds(10)
      const { tasks } = yield* blind.crewline.get(id)
      assert.deepStrictEqual([tasks[one]!.status, tasks[two]!.status], ["pending", "pending"])
      yield* Process.start({ ...able, model: World.llm(replyOf) })
      yield* seconds(30)
      assert.deepStrictEqual(outputs(yield* blind.crewline.get(id)), ["completed", { n: "2" }, "fine"])
    }).pipe(Effect.scoped, Effect.provide(bare))
  )
})
