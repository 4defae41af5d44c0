/** Calls that need people, other tasks, signals or time: the task gives its worker back, and each call is made once, with what has come. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import type * as Ask from "../../src/Ask.ts"
import * as Crewline from "../../src/Crewline.ts"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Tool from "../../src/Tool.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import * as World from "../fake/World.ts"

const once: Plan.Retry = { attempts: 1, initialMillis: 1, factor: 1, maxMillis: 1 }
type Answers = ReadonlyArray<Llm.Answer | World.Reply>

/** Small steps: whoever wakes another in no time needs a turn of the scheduler for it, and hashing one of the platform. */
const pass = (millis: number) =>
  Effect.repeat(
    Effect.andThen(
      TestClock.adjust(Math.ceil(millis / 20)),
      Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
    ),
    { times: 19 }
  )

interface Run {
  readonly id: string
  readonly asked: ReadonlyArray<Llm.Request>
  readonly crewline: Crewline.Crewline["Service"]
  readonly events: Effect.Effect<ReadonlyArray<ExecutionEvent.ExecutionEvent>, EventLog.EventLogError>
  readonly task: (id?: string) => Effect.Effect<Crewline.TaskView, EventLog.EventLogError>
}

/** Starts the plan, and hands it over when nothing moves any more. */
const running = <A, E>(
  tasks: { readonly [id: string]: Partial<Plan.PlannedTask> },
  options: {
    readonly answers: { readonly [task: string]: Answers } | ((request: Llm.Request) => Llm.Answer | World.Reply)
    readonly tools?: ReadonlyArray<Toolbox.Tool>
    readonly plan?: Partial<Plan.Plan>
    readonly crewline?: Crewline.Options
  },
  use: (run: Run) => Effect.Effect<A, E>
) => {
  const asked: Array<Llm.Request> = []
  const { answers } = options
  const model = World.llm(typeof answers === "function" ? answers : World.script(answers), asked)
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const log = yield* EventLog.EventLog
    const { id } = yield* crewline.startPlan(
      World.plan(
        Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, { retry: once, ...task }])),
        options.plan
      )
    )
    yield* pass(100)
    return yield* use({
      id,
      asked,
      crewline,
      events: log.read(id),
      task: (name = "a") => Effect.map(crewline.get(id), (view) => view.tasks[name]!)
    })
  }).pipe(Effect.provide(World.world(model, World.toolbox(...(options.tools ?? [])), options.crewline)))
}

const ofType = <T extends ExecutionEvent.Type>(events: ReadonlyArray<ExecutionEvent.Followed>, type: T) =>
  events.filter((event): event is ExecutionEvent.Of<T> => event.type === type)

const lastMessage = (request: Llm.Request): string => JSON.stringify(request.messages.at(-1))

const send = (sent: Array<unknown>) =>
  Tool.make({
    name: "send",
    description: "Sends a letter.",
    parameters: Schema.Struct({ to: Schema.String }),
    approval: true,
    execute: ({ to }) => {
      sent.push(to)
      return `sent to ${to}`
    }
  })

const ann: Ask.Author = { name: "ann" }

describe("approvals", () => {
  it.effect("bind to one call each, in whatever order they are answered; nothing is made before, and each once", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      yield* running(
        { a: { tools: ["send"] } },
        {
          answers: {
            a: [World.calls(["send", { to: "x" }], ["send", { to: "y" }], ["send", { to: "z" }]), World.text("done")]
          },
          tools: [send(sent)]
        },
        Effect.fnUntraced(function* ({ asked, crewline, events, id, task }) {
          assert.strictEqual((yield* crewline.get(id)).status, "waiting")
          const asks = yield* crewline.asks({ state: "open" })
          assert.deepStrictEqual(
            asks.map(({ shown }) => (shown as { arguments: unknown }).arguments),
            [{ to: "x" }, { to: "y" }, { to: "z" }]
          )
          assert.deepStrictEqual(
            (yield* task()).waitingFor,
            asks.map(({ id, title }) => ({ kind: "approval", id, title }))
          )
          const [x, y, z] = asks
          yield* crewline.answer(z!.id, { answer: "deny", reason: "not him" }, { by: ann })
          yield* pass(50)
          yield* crewline.answer(x!.id, { answer: "edit", arguments: { to: "xx" }, hash: x!.hash }, { by: ann })
          yield* pass(50)
          assert.deepStrictEqual(sent, [])
          const closed = yield* crewline.answer(y!.id, { answer: "approve" }, { by: ann })
          assert.deepStrictEqual([closed.state, closed.answer?.answer, closed.answeredBy], ["answered", "approve", ann])
          yield* pass(100)
          assert.sameMembers(sent, ["xx", "y"])
          assert.strictEqual((yield* crewline.get(id)).output, "done")
          assert.strictEqual(asked.length, 2)
          const told = lastMessage(asked[1]!)
          for (const part of ["changed the arguments", "sent to xx", "sent to y", "denied", "not him"])
            assert.include(told, part)
          const recorded = ofType(yield* events, "ToolCalled").map((event) => [event.arguments, event.isFailure])
          assert.deepStrictEqual(
            recorded.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)),
            [
              [{ to: "xx" }, false],
              [{ to: "y" }, false],
              [{ to: "z" }, true]
            ]
          )
        })
      )
    })
  )

  it.effect("are refused their own ways: another answer, other contents, twice, late, unknown", () =>
    running(
      { a: { tools: ["send"] } },
      { answers: { a: [World.calls(["send", { to: "x" }]), World.text("done")] }, tools: [send([])] },
      Effect.fnUntraced(function* ({ crewline }) {
        const [ask] = yield* crewline.asks()
        const fails = (id: string, answer: Ask.Answer) => Effect.map(Effect.flip(crewline.answer(id, answer)), String)
        assert.include(yield* fails(ask!.id, { answer: "accept" }), `one of "approve", "edit", "deny"`)
        assert.include(yield* fails(ask!.id, { answer: "edit" }), "needs arguments")
        assert.include(yield* fails(ask!.id, { answer: "edit", arguments: { to: 7 } }), "arguments/to")
        assert.include(yield* fails(ask!.id, { answer: "approve", feedback: "x" }), "takes no feedback")
        assert.include(yield* fails(ask!.id, { answer: "approve", hash: "0" }), "something else")
        assert.include(yield* fails("nobody~a~1.1.0", { answer: "approve" }), "There is no ask")
        assert.include(yield* fails("nonsense", { answer: "approve" }), "There is no ask")
        yield* crewline.answer(ask!.id, { answer: "deny" }, { by: ann })
        assert.include(yield* fails(ask!.id, { answer: "approve" }), `ann has answered it with "deny"`)
      })
    )
  )

  it.effect("of a tool for the whole run are asked for once", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      yield* running(
        { a: { tools: ["send"] } },
        {
          answers: { a: [World.calls(["send", { to: "x" }]), World.calls(["send", { to: "y" }]), World.text("done")] },
          tools: [send(sent)]
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          const [ask] = yield* crewline.asks()
          yield* crewline.answer(ask!.id, { answer: "approve", scope: "run" })
          yield* pass(100)
          assert.deepStrictEqual(sent, ["x", "y"])
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
          assert.strictEqual((yield* crewline.asks()).length, 1)
        })
      )
    })
  )

  it.effect(
    "are declared by the crew too, and decided by a function of the arguments; broken calls are never shown",
    () =>
      Effect.gen(function* () {
        const made: Array<unknown> = []
        const pay = Tool.make({
          name: "pay",
          description: "Pays.",
          parameters: Schema.Struct({ amount: Schema.Finite }),
          approval: ({ amount }) => amount > 100,
          execute: ({ amount }) => void made.push(amount)
        })
        const look = World.tool("look", () => Effect.sync(() => (made.push("look"), null)))
        yield* running(
          { a: { tools: ["pay", "look"], approvals: ["look"] } },
          {
            answers: {
              a: [
                World.calls(
                  ["pay", { amount: 5 }],
                  ["pay", { amount: "much" }],
                  ["pay", { amount: 500 }],
                  ["look", {}]
                ),
                World.text("done")
              ]
            },
            tools: [pay, look]
          },
          Effect.fnUntraced(function* ({ crewline }) {
            // Those that need nobody run at once.
            assert.deepStrictEqual(made, [5])
            const asks = yield* crewline.asks()
            assert.deepStrictEqual(
              asks.map(({ tool }) => tool),
              ["pay", "look"]
            )
            for (const { id } of asks) yield* crewline.answer(id, { answer: "approve" })
            yield* pass(100)
            assert.sameMembers(made, [5, 500, "look"])
          })
        )
      })
  )
})

const question = (options: { readonly timeout?: string; readonly default?: string } = {}) =>
  Tool.make({
    name: "ask",
    description: "Asks.",
    parameters: Schema.Struct({ what: Schema.String }),
    answer: Schema.Literals(["red", "green"]),
    ask: ({ what }) => ({ question: what, ...options }) as never,
    execute: ({ what }, { answer }) => `${what}: ${answer}`
  })

describe("questions", () => {
  it.effect("are answered as the schema says, and reach the tool", () =>
    running(
      { a: { tools: ["ask"] } },
      { answers: { a: [World.calls(["ask", { what: "Which?" }]), World.text("done")] }, tools: [question()] },
      Effect.fnUntraced(function* ({ asked, crewline }) {
        const [ask] = yield* crewline.asks()
        assert.deepInclude(ask!, { kind: "question", title: "Which?", onSilence: "deny" })
        const error = yield* Effect.flip(crewline.answer(ask!.id, { answer: "reply", value: "blue" }))
        assert.include(String(error), "value")
        yield* crewline.answer(ask!.id, { answer: "reply", value: "green" })
        yield* pass(100)
        assert.include(lastMessage(asked[1]!), "Which?: green")
      })
    )
  )

  it.effect("that nobody answers in time fail, or get their default; the others keep waiting", () =>
    running(
      { a: { tools: ["ask", "later", "open"] } },
      {
        answers: {
          a: [
            World.calls(["ask", { what: "A" }], ["later", { what: "B" }], ["open", { what: "C" }]),
            World.text("done")
          ]
        },
        tools: [
          question({ timeout: "10 seconds" }),
          { ...question({ timeout: "20 seconds", default: "red" }), name: "later" },
          { ...question(), name: "open" }
        ]
      },
      Effect.fnUntraced(function* ({ asked, crewline, events }) {
        yield* pass(15_000)
        assert.deepStrictEqual(
          (yield* crewline.asks({ state: "open" })).map(({ title }) => title),
          ["B", "C"]
        )
        yield* pass(10_000)
        const open = yield* crewline.asks({ state: "open" })
        assert.deepStrictEqual(
          open.map(({ title }) => title),
          ["C"]
        )
        yield* crewline.answer(open[0]!.id, { answer: "deny", reason: "ask my boss" })
        yield* pass(100)
        const told = lastMessage(asked[1]!)
        for (const part of ["Nobody answered in time", "B: red", "ask my boss"]) assert.include(told, part)
        assert.deepStrictEqual(
          ofType(yield* events, "TaskStarted").map(({ woke }) => woke),
          [undefined, "timeout", "timeout", "satisfied"]
        )
        assert.strictEqual(asked.length, 2)
      })
    )
  )
})

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

/** What a call has come to, told to the model. */
const resultOf = (request: Llm.Request) =>
  JSON.parse(
    (request.messages.at(-1) as unknown as { content: ReadonlyArray<{ result: string }> }).content[0]!.result
  ) as { readonly [name: string]: { readonly status: string; readonly output?: unknown; readonly error?: string } }

describe("tasks that a call adds", () => {
  const answers = (children: { readonly [name: string]: Llm.Answer | World.Reply }) => (request: Llm.Request) => {
    const task = request.caller!.taskId
    if (task !== "a") return children[task.split(".").at(-1)!]!
    return request.messages.length > 2 ? World.text("done") : World.calls(["spawn", {}])
  }
  const late = (text: string) => Effect.delay(Effect.succeed(World.text(text)), 5_000)
  const failing = World.refuse({ _tag: "InvalidRequest", description: "no", isRetryable: false } as never)

  it.effect("run at once with what their agents bring, and the call gets what they came to", () =>
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

  it.effect("of which one is enough: the others are cancelled, a failed one does not count", () =>
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
        // `two` is skipped with `one`: what is left is `three`.
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

  it.effect("that are not needed any more are stopped, with their calls", () =>
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

  it.effect("wait no longer than the call says", () =>
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

  it.effect("for an agent that is not there, or too many of them, are refused with words; nothing is added", () =>
    Effect.gen(function* () {
      const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`t${index}`, work()]))
      for (const [spawn, told] of [
        [{ tasks: { one: work({ agent: "agnet" }) } }, `Did you mean \\"agent\\"`],
        [{ tasks: { one: work({ context: ["two"] }) } }, `the task \\"two\\"`],
        [{ tasks: { "a/b": work() } }, "a name begins with a letter"],
        [{ tasks: { one: { description: "d" } as never } }, "expectedOutput is missing"],
        [{ tasks: many }, "one task can add 20"],
        [{ tasks: {} }, "no task"],
        [{ tasks: { one: work() }, need: 0 }, "need must be"]
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

  it.effect("no more than an execution may grow by: the call is told, and the agent goes on", () =>
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

  it.effect("go two levels deep", () =>
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

describe("signals and time", () => {
  const waiter = Tool.make({
    name: "wait",
    description: "Waits.",
    wait: () => ({ signal: "paid", timeout: "10 seconds" }),
    execute: (_, { received }) => `received ${JSON.stringify(received)}`
  })
  const waits = (signals: ReadonlyArray<string> = ["paid"]) => ({ a: { tools: ["wait"], signals } })
  const answers = { a: [World.calls(["wait", {}]), World.text("done")] }

  it.effect("a signal reaches the call with its value, and only declared names are taken", () =>
    running(
      waits(),
      { answers, tools: [waiter] },
      Effect.fnUntraced(function* ({ asked, crewline, id, task }) {
        assert.deepStrictEqual((yield* task()).waitingFor, [
          { kind: "signal", id: "paid" },
          { kind: "time", until: "1970-01-01T00:00:10.000Z" }
        ])
        for (const name of ["piad", "a/1.1.0.timer", ""])
          assert.strictEqual((yield* Effect.flip(crewline.signal(id, name, 1)))._tag, "UnknownSignal")
        yield* crewline.signal(id, "paid", { amount: 7 })
        yield* crewline.signal(id, "paid", { amount: 8 })
        yield* pass(100)
        assert.include(lastMessage(asked[1]!), `received {\\"amount\\":7}`)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
      })
    )
  )

  it.effect("a signal that came first needs no wait; one that never comes is waited for no longer than said", () =>
    Effect.gen(function* () {
      yield* running(
        { before: {}, a: { tools: ["wait"], signals: ["paid"], dependencies: ["before"] } },
        {
          answers: { before: [Effect.delay(Effect.succeed(World.text("x")), 1_000)], ...answers },
          tools: [waiter]
        },
        Effect.fnUntraced(function* ({ asked, crewline, events, id }) {
          yield* crewline.signal(id, "paid", 1)
          yield* pass(2_000)
          assert.include(lastMessage(asked.at(-1)!), "received 1")
          assert.deepStrictEqual(ofType(yield* events, "TaskSuspended"), [])
        })
      )
      yield* running(
        waits(),
        { answers, tools: [waiter] },
        Effect.fnUntraced(function* ({ asked, crewline, id }) {
          yield* pass(11_000)
          assert.include(lastMessage(asked[1]!), "received undefined")
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
        })
      )
    })
  )

  it.effect("a signal that the task does not declare cannot be waited for", () =>
    running(waits([]), { answers, tools: [waiter] }, ({ asked }) =>
      Effect.sync(() => assert.include(lastMessage(asked[1]!), "does not declare the signal"))
    )
  )

  it.effect("the time limit of an attempt counts work, not waiting", () =>
    Effect.gen(function* () {
      const slow = (millis: number, answer: Llm.Answer) => Effect.delay(Effect.succeed(answer), millis)
      const pausing = Tool.make({
        name: "wait",
        description: "Waits.",
        wait: () => ({ timeout: "1 minute" }),
        execute: () => "waited"
      })
      yield* running(
        { a: { tools: ["wait"], timeoutMillis: 5_000 } },
        { answers: { a: [slow(2_000, World.calls(["wait", {}])), slow(2_000, World.text("done"))] }, tools: [pausing] },
        Effect.fnUntraced(function* ({ crewline, id }) {
          yield* pass(70_000)
          assert.strictEqual((yield* crewline.get(id)).status, "completed")
        })
      )
      // Seven seconds of work in two legs.
      yield* running(
        { a: { tools: ["wait"], timeoutMillis: 5_000 } },
        { answers: { a: [slow(3_000, World.calls(["wait", {}])), slow(4_000, World.text("done"))] }, tools: [pausing] },
        Effect.fnUntraced(function* ({ crewline, id, task }) {
          yield* pass(80_000)
          assert.strictEqual((yield* crewline.get(id)).status, "failed")
          assert.strictEqual((yield* task()).error?.code, "timeout")
        })
      )
    })
  )
})

describe("a person's review", () => {
  it.effect("accepts, or sends back with feedback in the same conversation", () =>
    running(
      { a: { humanInput: { onSilence: "deny" } }, b: { context: ["a"] } },
      { answers: { a: [World.text("first"), World.text("second")], b: [World.text("b")] } },
      Effect.fnUntraced(function* ({ asked, crewline, events, id, task }) {
        const [ask] = yield* crewline.asks({ state: "open" })
        assert.deepInclude(ask!, { kind: "review", onSilence: "deny" })
        assert.deepInclude(ask!.shown as object, { output: "first" })
        assert.strictEqual((yield* task()).output, undefined)
        yield* crewline.answer(ask!.id, { answer: "revise", feedback: "shorter" })
        yield* pass(100)
        const [again] = yield* crewline.asks({ state: "open" })
        assert.deepInclude(again!.shown as object, { output: "second" })
        assert.notStrictEqual(again!.id, ask!.id)
        assert.include(lastMessage(asked[1]!), "shorter")
        assert.include(JSON.stringify(asked[1]!.messages), "first")
        yield* crewline.answer(again!.id, { answer: "accept" })
        yield* pass(100)
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
        assert.strictEqual((yield* task()).output, "second")
        assert.strictEqual(ofType(yield* events, "TurnCompleted").length, 3)
      })
    )
  )

  it.effect("one revision too many fails the task, and silence means what was declared", () =>
    Effect.gen(function* () {
      yield* running(
        { a: { humanInput: { onSilence: "deny" }, maxTurns: 1 } },
        { answers: { a: [1, 2, 3, 4].map((n) => World.text(`answer ${n}`)) } },
        Effect.fnUntraced(function* ({ crewline, task }) {
          for (let n = 0; n < 3; n++) {
            const [ask] = yield* crewline.asks({ state: "open" })
            yield* crewline.answer(ask!.id, { answer: "revise", feedback: `no ${n}` })
            yield* pass(100)
          }
          const { error, status } = yield* task()
          assert.deepStrictEqual([status, error?.code], ["failed", "review-refused"])
          assert.include(error!.message, "no 2")
        })
      )
      for (const [onSilence, status] of [
        ["deny", "failed"],
        ["accept", "completed"]
      ] as const) {
        yield* running(
          { a: { humanInput: { onSilence, timeoutMillis: 1_000 } } },
          { answers: { a: [World.text("x")] } },
          Effect.fnUntraced(function* ({ crewline, id }) {
            yield* pass(2_000)
            assert.strictEqual((yield* crewline.get(id)).status, status)
            assert.strictEqual((yield* crewline.asks({ state: "closed" })).length, 1)
          })
        )
      }
    })
  )

  it.effect("sees only what schema and guardrails have accepted", () =>
    running(
      { a: { humanInput: { onSilence: "deny" }, output: { type: "object", required: ["ok"] } } },
      { answers: { a: [World.text("no json"), World.text('{"ok":1}')] } },
      Effect.fnUntraced(function* ({ crewline }) {
        const asks = yield* crewline.asks()
        assert.deepStrictEqual(
          asks.map(({ shown }) => (shown as { output: unknown }).output),
          [{ ok: 1 }]
        )
      })
    )
  )
})

describe("whatever waits", () => {
  it.effect("holds no place: with one, another crew runs at once beside a hundred suspended tasks", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 100 }, (_, index) => `t${index}`)
      yield* running(
        Object.fromEntries(names.map((name) => [name, { tools: ["send"] }])),
        {
          answers: (request) => (request.tools.length === 0 ? World.text("other") : World.calls(["send", { to: "x" }])),
          tools: [send([])],
          crewline: { worker: { concurrency: 1 } }
        },
        Effect.fnUntraced(function* ({ crewline, id }) {
          for (let n = 0; n < 50 && (yield* crewline.asks({ limit: 200 })).length < 100; n++) yield* pass(100)
          assert.strictEqual((yield* crewline.asks({ limit: 200 })).length, 100)
          const other = yield* crewline.startPlan(World.plan({ a: {} }))
          const result = yield* Effect.forkChild(other.result)
          yield* pass(100)
          assert.strictEqual((yield* Fiber.join(result)).output, "other")
          yield* crewline.cancel(id)
          assert.deepStrictEqual(yield* crewline.asks({ state: "open" }), [])
        })
      )
    })
  )

  it.effect("is listed as waiting while other tasks go on", () =>
    running(
      { a: { tools: ["send"] }, slow: {} },
      {
        answers: {
          a: [World.calls(["send", { to: "x" }]), World.text("done")],
          slow: [Effect.delay(Effect.succeed(World.text("x")), 60_000)]
        },
        tools: [send([])]
      },
      Effect.fnUntraced(function* ({ crewline, id }) {
        const [one] = yield* crewline.list({ status: ["waiting"] })
        assert.deepStrictEqual([one?.id, one?.status, one?.waitingFor], [id, "running", "person"])
        yield* crewline.answer((yield* crewline.asks())[0]!.id, { answer: "approve" })
        assert.deepStrictEqual(yield* crewline.list({ status: ["waiting"] }), [])
      })
    )
  )

  it.effect("appends nothing where nothing waits", () =>
    running(
      { a: { tools: ["plain"] } },
      {
        answers: { a: [World.calls(["plain", {}]), World.text("done")] },
        tools: [World.tool("plain", () => Effect.succeed(1), { idempotent: true })]
      },
      Effect.fnUntraced(function* ({ events }) {
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
})
