/**
 * Incomplete, duplicated or malformed answers of models: how the agent handles them, and what is
 * sent back.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Crewline from "../../src/Crewline.ts"
import * as Llm from "../../src/Llm.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as Toolbox from "../../src/Toolbox.ts"
import { ofType } from "../fake/InMemory.ts"
import * as World from "../fake/World.ts"

const retry: Plan.Retry = { attempts: 2, initialMillis: 1, factor: 1, maxMillis: 60_000 }

const runTask = (
  task: Partial<Plan.PlannedTask>,
  answers: ReadonlyArray<Llm.Answer | World.Reply>,
  tools: ReadonlyArray<Toolbox.Tool> = []
) => {
  const asked: Array<Llm.Request> = []
  return Effect.gen(function* () {
    const crewline = yield* Crewline.Crewline
    const handle = yield* crewline.startPlan(World.plan({ a: { retry, ...task } }))
    const fiber = yield* Effect.forkChild(Stream.runCollect(handle.events))
    for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust(1_000)
    const events = yield* Fiber.join(fiber)
    return { task: (yield* crewline.get(handle.id)).tasks["a"]!, events, asked }
  }).pipe(Effect.provide(World.world(World.llm(World.script({ a: answers }), asked), World.toolbox(...tools))))
}

type Part = Exclude<Llm.Request["messages"][number]["content"], string>[number]

const ended = (finishReason: Llm.Answer["finishReason"], answer: Llm.Answer): Llm.Answer => ({
  ...answer,
  finishReason
})

describe("an incomplete answer", () => {
  it.effect.each(["error", "other"] as const)("ended by %s is a failure that is retried", (reason) =>
    Effect.gen(function* () {
      const { events, task } = yield* runTask({}, [ended(reason, World.text("The first half of")), World.text("All.")])
      assert.strictEqual(task.output, "All.")
      const [retried] = ofType(events, "TaskRetried")
      assert.strictEqual(retried?.error.code, "model-malformed-answer")
      assert.include(retried?.error.message, reason)
    })
  )

  it.effect("that was paused is continued, and all its parts form the answer", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* runTask({}, [
        ended("pause", World.text("Let me look. ")),
        ended("pause", World.text("Still looking. ")),
        World.text("Found it.")
      ])
      assert.strictEqual(task.output, "Let me look. Still looking. Found it.")
      assert.lengthOf(asked, 3)
      assert.deepStrictEqual(
        asked[2]!.messages.slice(-2),
        ["Let me look. ", "Still looking. "].map((text) => ({ role: "assistant", content: [{ type: "text", text }] }))
      )
    })
  )

  it.effect("truncated within a call is reported as truncated, not as invalid JSON", () =>
    Effect.gen(function* () {
      const { asked } = yield* runTask(
        { tools: ["stock"] },
        [ended("length", World.calls(["stock", '{"article":"a very lo'])), World.text("done")],
        [World.tool("stock", () => Effect.succeed(1))]
      )
      const told = JSON.stringify(asked[1]!.messages.at(-1))
      assert.include(told, "cut off in the middle of this call because it was too long")
      assert.notInclude(told, "not valid JSON")
    })
  )
})

describe("calls of a conversation", () => {
  it.effect("have unique ids, within one answer and across several", () =>
    Effect.gen(function* () {
      const same = (...articles: ReadonlyArray<string>): Llm.Answer => ({
        ...World.calls(),
        parts: articles.map((article) => ({ type: "tool-call", id: "call_0", name: "stock", params: { article } }))
      })
      const { asked, events } = yield* runTask(
        { tools: ["stock"] },
        [same("teapot", "cup"), same("pot"), World.text("done")],
        [World.tool("stock", ({ article }) => Effect.succeed(`${article as string}!`))]
      )
      const called = ofType(events, "ToolCalled")
      assert.strictEqual(new Set(called.map(({ callId }) => callId)).size, 3)
      // Each call has a separate result.
      const parts = asked[2]!.messages.flatMap(({ content }): ReadonlyArray<Part> =>
        typeof content === "string" ? [] : content
      )
      for (const part of parts) {
        if (part.type !== "tool-call") continue
        const results = parts.filter((each) => each.type === "tool-result" && each.id === part.id)
        const { article } = part.params as { article: string }
        assert.deepStrictEqual(
          results.map((each) => (each.type === "tool-result" ? each.result : "")),
          [`${article}!`]
        )
      }
    })
  )

  it.effect("are sent back with the data their provider added", () =>
    Effect.gen(function* () {
      const signed: Llm.Answer = {
        ...World.calls(),
        parts: [{ type: "tool-call", id: "c", name: "stock", params: {}, metadata: { some: { signature: "sig==" } } }]
      }
      const { asked } = yield* runTask(
        { tools: ["stock"] },
        [signed, World.text("done")],
        [World.tool("stock", () => Effect.succeed(1))]
      )
      assert.include(JSON.stringify(asked[1]!.messages), '"options":{"some":{"signature":"sig=="}}')
    })
  )
})

describe("JSON surrounded by text", () => {
  const output = {
    type: "object",
    properties: { title: { type: "string" }, n: { type: "integer" } },
    required: ["title", "n"],
    additionalProperties: false
  }
  const right = '{"title":"A","n":1}'

  it.effect.each([
    `Here it is:\n\n\`\`\`JSON\n${right}\n\`\`\`\nHope that helps [1]!`,
    `I filled the fields {title} and {n}: ${right}`,
    `${right}\n\nLet me know if {anything} is missing.`,
    `~~~js\n${right}\n~~~`,
    `\`\`\`json5\n${right}`,
    `First {"title":"draft"}, then [see: ${right}].`,
    `Use { to open, and " to quote: ${right}`,
    JSON.stringify(right),
    `{"title":"old","n":0} became ${right}`,
    `${right} (not {"title":1})`
  ])("is found in %j", (text) =>
    Effect.gen(function* () {
      const { asked, task } = yield* runTask({ output }, [World.text(text)])
      assert.deepStrictEqual(task.output, { title: "A", n: 1 })
      assert.lengthOf(asked, 1)
    })
  )

  it.effect("is reported with its own violations if it is invalid", () =>
    Effect.gen(function* () {
      const { asked } = yield* runTask({ output }, [World.text('Take this: {"title":7,"n":1}'), World.text(right)])
      assert.include(JSON.stringify(asked[1]!.messages.at(-1)), "/title")
    })
  )
})

describe("a provider that requests a long wait", () => {
  const limited = (retryAfterMillis: number) =>
    new Llm.LlmError({ model: "m", reason: new Llm.RateLimited({ description: "Daily limit.", retryAfterMillis }) })

  it.effect("beyond retry.max is not waited for, and the failure states the requested time", () =>
    Effect.gen(function* () {
      const { asked, task } = yield* runTask({}, [limited(86_400_000), World.text("late")])
      assert.strictEqual(task.status, "failed")
      assert.strictEqual(task.error?.code, "model-rate-limited")
      assert.include(task.error?.message, "asks for a wait of 24 h")
      assert.include(task.error?.message, "(retry.max) is 60 s")
      assert.lengthOf(asked, 1)
    })
  )

  it.effect("within it is waited for as requested", () =>
    Effect.gen(function* () {
      const { events, task } = yield* runTask({}, [limited(30_000), World.text("late")])
      assert.strictEqual(task.output, "late")
      assert.isAtLeast(ofType(events, "TaskRetried")[0]!.delayMillis, 30_000)
    })
  )
})

describe("the cache of answers", () => {
  it.effect("stores accepted answers, and nothing else", () =>
    Effect.gen(function* () {
      const kept: Array<string> = []
      const cached = (text: string, answer: Llm.Answer = World.text(text)): Llm.Answer => ({
        ...answer,
        accept: Effect.sync(() => void kept.push(text))
      })
      const output = { type: "object", required: ["title"] }
      const { asked } = yield* runTask(
        { output, cache: true, tools: ["look"], retry: { ...retry, refusals: true }, maxRepairs: 1 },
        [
          cached("no"),
          cached("no again"),
          cached("a call", World.calls(["look", {}])),
          cached("not yet"),
          cached('{"title":"A"}')
        ],
        [World.tool("look", () => Effect.succeed(1))]
      )
      assert.strictEqual(asked[0]!.cache, "when-accepted")
      assert.deepStrictEqual(kept, ["a call", '{"title":"A"}'])
    })
  )
})
