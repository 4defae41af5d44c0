/**
 * The failure modes of MAST (Cemri et al., "Why Do Multi-Agent LLM Systems Fail?", 2025), one by
 * one: each is provoked and must be detected. Judgements that need a model use a scripted judge;
 * whether a real one would notice is a separate question.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Llm from "../../src/Llm.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Managed from "../fake/Managed.ts"
import * as Process from "../fake/Process.ts"
import { ann, lastMessage, ofType, once, pass, type Run, running } from "../fake/Running.ts"
import * as World from "../fake/World.ts"

const { accept, agent, failing, manager, revise } = Managed
const plan: Partial<Plan.Plan> = {
  agents: { agent: agent("Agent", { allowDelegation: true }), other: agent("Other"), boss: agent("Boss") },
  manager
}
const sent: Array<string> = []
const tools = [
  World.tool("look", () => Effect.succeed("seen"), { idempotent: true }),
  World.tool("send", () => Effect.sync(() => sent.push("letter")))
]
const delegate = ["delegate_work", { task: "Dig.", context: "", coworker: "other" }] as const

type Answers = { readonly [task: string]: ReadonlyArray<Llm.Answer | World.Reply> }

const planted = (
  title: string,
  given: { readonly tasks: { readonly [id: string]: Partial<Plan.PlannedTask> }; readonly answers: Answers },
  use: (run: Run) => Effect.Effect<void, unknown>
) =>
  it.effect(title, () =>
    running(given.tasks, { plan, tools, answers: given.answers }, (run) =>
      Effect.andThen(Effect.repeat(pass(500), { times: 2 }), use(run))
    )
  )

describe("is detected without a model, or impossible:", () => {
  planted(
    "1.1 disobey task specification: an output that is not what the task declares is not the output",
    {
      tasks: { a: { output: { type: "object", required: ["title"], properties: { title: { type: "string" } } } } },
      answers: { a: [World.text('{"heading":"x"}'), World.text('{"title":"x"}')] }
    },
    Effect.fnUntraced(function* ({ asked, events, task }) {
      assert.deepInclude(ofType(yield* events, "OutputRejected")[0], { by: "schema", turn: 1 })
      assert.include(lastMessage(asked[1]!), "title")
      assert.deepStrictEqual((yield* task()).output, { title: "x" })
    })
  )

  planted(
    "1.2 disobey role specification: an agent has its own tools, whatever it calls",
    { tasks: { a: { tools: ["look"] } }, answers: { a: [World.calls(["send", {}]), World.text("Not sent.")] } },
    Effect.fnUntraced(function* ({ asked }) {
      assert.deepStrictEqual(sent, [])
      assert.include(lastMessage(asked[1]!), "There is no tool")
      yield* Effect.void
    })
  )

  planted(
    "1.2 disobey role specification: a manager that does the work itself is told to delegate it",
    {
      tasks: { a: { agent: "boss", frame: { candidates: ["agent", "other"] } } },
      answers: {
        "a/assign": [World.text('{"agent":"delegate","reason":"r"}')],
        "a/assign/work": [World.text("I did it."), World.calls(delegate), World.text("Other did it.")],
        "a/assign/work/1.2.0.work": [World.text("done")]
      }
    },
    Effect.fnUntraced(function* ({ task }) {
      assert.strictEqual((yield* task()).output, "Other did it.")
    })
  )

  planted(
    "1.3 step repetition: the same call again and again ends the attempt",
    {
      tasks: { a: { tools: ["look"], maxTurns: 20, onFailure: "continue" } },
      answers: { a: Array.from({ length: 20 }, () => World.calls(["look", {}])), "a/1.recover": [failing] }
    },
    Effect.fnUntraced(function* ({ events, task }) {
      assert.strictEqual((yield* task()).error?.code, "tool-loop")
      assert.isBelow(ofType(yield* events, "TurnCompleted").length, 10)
    })
  )

  it.effect("1.4 loss of conversation history: a dying process loses nothing of it", () =>
    Effect.gen(function* () {
      const asked: Array<Llm.Request> = []
      const script = World.script({ a: [World.calls(["look", {}]), World.calls(["look", { more: 1 }])] })
      const model = World.llm(
        (request) =>
          request.messages.length > 4
            ? Effect.delay(Effect.succeed(World.text("Seen twice.")), 1_000)
            : script(request),
        asked
      )
      const parts = { model, tools }
      const first = yield* Process.startMortal(parts)
      const { id } = yield* first.crewline.startPlan(World.plan({ a: { retry: once, tools: ["look"] } }, plan))
      yield* pass(500)
      yield* first.kill
      const second = yield* Process.start(parts)
      yield* Effect.repeat(pass(5_000), { times: 10 })
      assert.strictEqual((yield* second.crewline.get(id)).output, "Seen twice.")
      const [, , before, after] = asked
      assert.deepStrictEqual(after!.messages, before!.messages)
    }).pipe(Effect.scoped, Effect.provide(LocalEventLog.layerLocal))
  )

  planted(
    "1.5 unaware of termination conditions: turns end, and the last one has no tools",
    {
      tasks: { a: { tools: ["look"], maxTurns: 3 } },
      answers: { a: [World.calls(["look", { n: 1 }]), World.calls(["look", { n: 2 }]), World.text("Enough.")] }
    },
    Effect.fnUntraced(function* ({ asked, task }) {
      assert.deepStrictEqual(
        asked.map(({ toolChoice }) => toolChoice),
        ["auto", "auto", "none"]
      )
      assert.strictEqual((yield* task()).output, "Enough.")
    })
  )

  planted(
    "2.1 conversation reset: whoever goes on after a failure goes on in the same conversation",
    {
      tasks: { a: { tools: ["look"] } },
      answers: {
        a: [World.calls(["look", {}]), failing, World.text("done")],
        "a/1.recover": [World.text('{"choice":"retry","reason":"r","advice":"Go on."}')]
      }
    },
    Effect.fnUntraced(function* ({ asked }) {
      const own = asked.filter(({ caller }) => caller!.taskId === "a")
      assert.deepStrictEqual(own[2]!.messages.slice(0, own[1]!.messages.length), own[1]!.messages)
      yield* Effect.void
    })
  )

  planted(
    "2.4 information withholding: a result is passed on whole, by whoever has it or not",
    {
      tasks: { a: {}, b: { context: ["a"] } },
      answers: {
        a: [World.calls(delegate), World.text("Nothing of note.")],
        "a/1.1.0.work": [World.text("The bridge is closed.")],
        b: [World.text("done")]
      }
    },
    Effect.fnUntraced(function* ({ asked, crewline, id }) {
      const told = (taskId: string) => asked.filter(({ caller }) => caller!.taskId === taskId).at(-1)!
      assert.include(lastMessage(told("a")), "The bridge is closed.")
      assert.include(lastMessage(told("b")), "Nothing of note.")
      // What an agent omits from its answer is still recorded.
      assert.strictEqual((yield* crewline.get(id)).tasks["a/1.1.0.work"]!.output, "The bridge is closed.")
    })
  )

  planted(
    "2.6 reasoning-action mismatch: an action that is claimed and was not taken is a doubt, and told as one",
    {
      tasks: { a: {} },
      answers: {
        a: [World.calls(delegate), World.text("It was not sent.")],
        "a/1.1.0.work": [World.text("I sent the letter.")]
      }
    },
    Effect.fnUntraced(function* ({ asked, task }) {
      assert.include(lastMessage(asked.at(-1)!), "claims an action")
      assert.deepInclude((yield* task("a/1.1.0.work")).doubts![0], { check: "claimedAction" })
    })
  )

  planted(
    "3.1 premature termination: an output that holds nothing is no success",
    {
      tasks: { a: {} },
      answers: { a: [World.calls(delegate), World.text("Nothing came.")], "a/1.1.0.work": [World.text("TBD")] }
    },
    Effect.fnUntraced(function* ({ asked, task }) {
      assert.include(lastMessage(asked.at(-1)!), "The output is empty")
      assert.deepInclude((yield* task("a/1.1.0.work")).doubts![0], { check: "emptyOutput" })
    })
  )

  planted(
    "3.2 no or incomplete verification: every output passes every check, what replaces it and each revision too",
    {
      tasks: { a: { output: { type: "integer" }, reviewed: true } },
      answers: {
        a: [failing],
        "a/1.recover": [World.text('{"choice":"reassign","reason":"r","agent":"other"}')],
        "a/1.recover/work": [World.text("seven"), World.text("7"), World.text("eight"), World.text("8")],
        "a/1.recover/work/1.2.review.manager": [revise("One more.")],
        "a/1.recover/work/2.4.review.manager": [accept]
      }
    },
    Effect.fnUntraced(function* ({ events, task }) {
      const all = yield* events
      assert.deepStrictEqual(
        ofType(all, "OutputRejected").map(({ by, turn }) => [by, turn]),
        [
          ["schema", 1],
          ["schema", 3]
        ]
      )
      assert.deepStrictEqual(
        ofType(all, "ReviewJudged").map(({ turn, verdict }) => [turn, verdict]),
        [
          [2, "revise"],
          [4, "accept"]
        ]
      )
      assert.strictEqual((yield* task()).output, 8)
    })
  )
})

describe("is sent back by the verdict of a judge:", () => {
  const reviewed = (
    title: string,
    feedback: string,
    { answers, second }: { readonly answers: Answers; readonly second: string },
    tasks: { readonly [id: string]: Partial<Plan.PlannedTask> } = { a: { reviewed: true } }
  ) =>
    planted(
      title,
      { tasks, answers },
      Effect.fnUntraced(function* ({ asked, events, task }) {
        assert.deepStrictEqual(
          ofType(yield* events, "ReviewJudged").map(({ by, verdict }) => [by, verdict]),
          [
            ["manager", "revise"],
            ["manager", "accept"]
          ]
        )
        assert.isTrue(asked.some((request) => lastMessage(request).includes(feedback)))
        assert.strictEqual((yield* task()).output, second)
      })
    )
  /** Sent back once, then accepted. */
  const judge = (feedback: string, turn = 2): Answers => ({
    "a/1.1.review.manager": [revise(feedback)],
    [`a/${turn}.${turn}.review.manager`]: [accept]
  })

  reviewed("2.2 fail to ask for clarification: the agent has guessed, and asks when it is told to", "Ask which year.", {
    answers: {
      a: [
        World.text("In 1999."),
        World.calls(["ask_coworker", { question: "Which year?", context: "", coworker: "other" }]),
        World.text("In 2001.")
      ],
      "a/2.2.0.work": [World.text("2001")],
      "a/1.1.review.manager": [revise("Ask which year.")],
      "a/3.3.review.manager": [accept]
    },
    second: "In 2001."
  })

  reviewed("2.3 task derailment: the output is about something else", "It is about otters.", {
    answers: { a: [World.text("Bears."), World.text("Otters.")], ...judge("It is about otters.") },
    second: "Otters."
  })

  reviewed(
    "2.5 ignored other agent's input: what an earlier task came to is not in it",
    "Use the facts.",
    {
      answers: {
        f: [World.text("The bridge is closed.")],
        a: [World.text("Cross it."), World.text("Go round.")],
        ...judge("Use the facts.")
      },
      second: "Go round."
    },
    { f: {}, a: { context: ["f"], reviewed: true } }
  )

  planted(
    "3.3 incorrect verification: no judge has the last word; a person is asked although the manager accepts",
    {
      tasks: { a: { reviewed: true, humanInput: { onSilence: "deny" } } },
      answers: {
        a: [World.text("Wrong."), World.text("Right.")],
        "a/1.1.review.manager": [accept],
        "a/3.2.review.manager": [accept]
      }
    },
    Effect.fnUntraced(function* ({ events, id, log, task }) {
      const answer = (verdict: object) =>
        Effect.gen(function* () {
          const asks = ofType(yield* events, "TaskSuspended").flatMap(({ asks = [] }) => asks)
          const { hash, id: ask } = asks.at(-1)!
          yield* log.append(id, [
            { type: "AskAnswered", ask, taskId: "a", hash, by: ann, ...(verdict as { answer: "accept" }) }
          ])
          yield* Effect.repeat(pass(20_000), { times: 5 })
        })
      yield* answer({ answer: "revise", feedback: "It is wrong." })
      yield* answer({ answer: "accept" })
      assert.strictEqual((yield* task()).output, "Right.")
    })
  )
})
