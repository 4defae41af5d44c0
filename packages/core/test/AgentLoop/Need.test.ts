/**
 * Calls that wait for a person's answer, for a signal or for time: each is made once, with the
 * awaited value.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Llm from "../../src/Llm.ts"
import * as Tool from "../../src/Tool.ts"
import { lastMessage, ofType, pass, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

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
  it.effect("are answered according to the schema, and reach the tool", () =>
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

  it.effect("without an answer in time fail, or get their default; the others keep waiting", () =>
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

const circle: { self?: unknown } = {}
circle.self = circle

describe("an ask of a tool", () => {
  it.effect.each<[string, unknown, string]>([
    ["no question", undefined, "must return a question"],
    ["a blank one", { question: " " }, "must return a question"],
    ["one that is too long", { question: "x".repeat(2_000_000) }, "is longer than"],
    ["a time limit that is none", { question: "q", timeout: "1 huor" }, "timeout must be a duration"],
    ["a negative time limit", { question: "q", timeout: -1 }, "timeout must be a duration"],
    ["a time limit without an end", { question: "q", timeout: 1e300 }, "at most 100 years"],
    ["a default that is not JSON", { question: "q", default: 1n }, "is not JSON"],
    ["a default that contains itself", { question: "q", default: circle }, "nested too deep"]
  ])("is refused and reported to the agent when it is %s; no person is asked", ([, asked, told]) => {
    const tool = Tool.make({
      name: "ask",
      description: "Asks.",
      ask: () => asked as never,
      execute: (_, { answer }) => answer
    })
    return running(
      { a: { tools: ["ask"] } },
      { answers: { a: [World.calls(["ask", {}]), World.text("done")] }, tools: [tool] },
      Effect.fnUntraced(function* ({ asked, crewline, id }) {
        assert.include(lastMessage(asked[1]!), told)
        assert.deepStrictEqual(yield* crewline.asks(), [])
        assert.strictEqual((yield* crewline.get(id)).status, "completed")
      })
    )
  })

  it.effect("has a title of one line, however long the question is, and is shown completely", () => {
    const long = `Which?\n\u001b[31m${"x".repeat(1_000)}`
    return running(
      { a: { tools: ["ask"] } },
      { answers: { a: [World.calls(["ask", { what: long }])] }, tools: [question()] },
      Effect.fnUntraced(function* ({ crewline }) {
        const [ask] = yield* crewline.asks()
        assert.match(ask!.title, /^Which\? \[31mx+…$/)
        assert.lengthOf(ask!.title, 200)
        assert.deepInclude(ask!.shown as object, { question: long })
      })
    )
  })

  it.effect("may be shown with any deadline that a custom tool specifies", () => {
    const endless = {
      ...World.tool("ask", () => Effect.succeed(1)),
      need: () => Effect.succeed({ _tag: "Question", question: "q", schema: {}, timeoutMillis: 1e300 } as const)
    }
    return running(
      { a: { tools: ["ask"] } },
      { answers: { a: [World.calls(["ask", {}])] }, tools: [endless] },
      Effect.fnUntraced(function* ({ crewline, task }) {
        const [ask] = yield* crewline.asks()
        assert.strictEqual(ask!.deadline, "+275760-09-13T00:00:00.000Z")
        assert.deepInclude((yield* task()).waitingFor![0]!, { until: ask!.deadline! })
      })
    )
  })
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

  it.effect("a signal reaches the call with its value, and only declared names are accepted", () =>
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

  it.effect("a signal that came first needs no wait; a missing one is awaited only until its limit", () =>
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

  it.effect("a signal that the task does not declare cannot be awaited", () =>
    running(waits([]), { answers, tools: [waiter] }, ({ asked }) =>
      Effect.sync(() => assert.include(lastMessage(asked[1]!), "does not declare the signal"))
    )
  )

  it.effect("the time limit of an attempt includes work, not waiting", () =>
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
