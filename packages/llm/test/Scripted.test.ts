import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Scripted from "../src/Scripted.ts"

const request = (fields: Partial<Llm.Request> = {}): Llm.Request => ({
  messages: [{ role: "user", content: "Hello" }],
  tools: [],
  toolChoice: "auto",
  ...fields
})

const by = (agent: string, taskId: string) => request({ caller: { executionId: "e", taskId, agent } })

const said = (answer: Llm.Answer) =>
  answer.parts.map((part) => (part.type === "text" ? part.text : part.type)).join("|")

describe("Scripted", () => {
  it.effect("follows its steps of any kind in order", () =>
    Effect.gen(function* () {
      const script = Scripted.make([
        "First.",
        Scripted.toolCalls(
          [
            { name: "a", params: { x: 1 } },
            { name: "b", params: "{oops", id: "mine" }
          ],
          { text: "Let me see." }
        ),
        Scripted.object({ ok: true }),
        Scripted.failure(new Llm.RateLimited({ description: "slow down", retryAfterMillis: 50 })),
        Scripted.reply(({ messages }) => `${messages.length} messages`),
        Scripted.text("cut", { finishReason: "length", usage: { outputTokens: 9 } })
      ])
      const ask = script.model.generate(request())
      assert.strictEqual(said(yield* ask), "First.")
      assert.deepStrictEqual(yield* ask, {
        parts: [
          { type: "text", text: "Let me see." },
          { type: "tool-call", id: "call-1", name: "a", params: { x: 1 } },
          { type: "tool-call", id: "mine", name: "b", params: "{oops" }
        ],
        finishReason: "tool-calls",
        model: "scripted/script",
        usage: { requests: 1, inputTokens: 3, cachedInputTokens: 0, outputTokens: 13, reasoningTokens: 0, costUsd: 0 }
      })
      assert.strictEqual(said(yield* ask), '{"ok":true}')
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error.reason._tag, "RateLimited")
      assert.strictEqual(said(yield* ask), "1 messages")
      const cut = yield* ask
      assert.strictEqual(cut.finishReason, "length")
      assert.strictEqual(cut.usage.outputTokens, 9)
      yield* script.assertConsumed
      assert.strictEqual(script.requests.length, 6)
    })
  )

  it.effect("gives each task its own part, in any order of tasks", () =>
    Effect.gen(function* () {
      const script = Scripted.make([
        Scripted.text("g1", { task: "gather" }),
        Scripted.text("g2", { task: "gather" }),
        Scripted.text("w1", { task: "write" }),
        Scripted.text("r1", { agent: "reviewer", when: ({ messages }) => messages.length === 1 }),
        "anyone"
      ])
      const answers = yield* Effect.forEach(
        [by("a", "write"), by("a", "gather"), by("reviewer", "check"), by("a", "gather"), by("a", "other")],
        (each) => Effect.map(script.model.generate(each), said),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(answers, ["w1", "g1", "r1", "g2", "anyone"])
      yield* script.assertConsumed
    })
  )

  it.effect("reports unused steps and unexpected calls", () =>
    Effect.gen(function* () {
      const script = Scripted.make([
        Scripted.text("for the writer", { agent: "writer" }),
        Scripted.toolCall("search", {})
      ])
      yield* script.model.generate(by("researcher", "gather"))
      const error = yield* Effect.flip(script.model.generate(by("researcher", "gather")))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.include(
        error.message,
        'no step for a call of agent "researcher" for task "gather" (last message, user: "Hello")'
      )
      assert.include(error.message, '1 step is left: agent "writer", "for the writer".')
      const complaint = yield* Effect.flip(script.assertConsumed)
      assert.include(complaint.message, 'Unexpected calls: a call of agent "researcher"')
      assert.include(complaint.message, '1 step is left: agent "writer"')
      assert.strictEqual(script.remaining.length, 1)
    })
  )

  it.effect("fails its layer if the script was not completed", () =>
    Effect.gen(function* () {
      const ask = Effect.flatMap(Llm.Llm, (llm) =>
        Effect.flatMap(llm.resolve("openai/gpt-5.2"), (model) => model.generate(request()))
      )
      const whole = yield* Effect.provide(ask, Scripted.make(["Hi."]).layer)
      assert.strictEqual(whole.model, "openai/gpt-5.2")
      const exit = yield* Effect.exit(Effect.provide(ask, Scripted.make(["Hi.", "And bye."]).layer))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), "And bye.")
    })
  )

  it.effect("delays, streams in words, and can be interrupted", () =>
    Effect.gen(function* () {
      const script = Scripted.make([Scripted.text("Sea otters do.", { delayMillis: 1_000 }), Scripted.never()], {
        wordDelayMillis: 10
      })
      const deltas: Array<string> = []
      const fiber = yield* Effect.forkChild(script.model.generate(request({ onDelta: (delta) => deltas.push(delta) })))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(deltas, [])
      yield* TestClock.adjust(11)
      assert.deepStrictEqual(deltas, ["Sea ", "otters "])
      yield* TestClock.adjust(10)
      assert.strictEqual(said(yield* Fiber.join(fiber)), "Sea otters do.")
      assert.strictEqual(deltas.join(""), "Sea otters do.")
      const never = yield* Effect.forkChild(script.model.generate(request()))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.interrupt(never)
      yield* script.assertConsumed
    })
  )

  it.effect("records requests as they were at that time", () =>
    Effect.gen(function* () {
      const script = Scripted.make(["a"])
      const messages = [{ role: "user" as const, content: "Hello" }]
      yield* script.model.generate(request({ messages }))
      messages.push({ role: "user", content: "more" })
      assert.deepStrictEqual(script.requests[0]?.messages, [{ role: "user", content: "Hello" }])
    })
  )
})
