import * as Llm from "@crewline/core/Llm"
import * as Tenant from "@crewline/core/Tenant"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Persistence from "effect/persistence/Persistence"
import * as FastCheck from "fast-check"
import * as ContextWindow from "../../src/ContextWindow.ts"
import * as PromptEstimate from "../../src/PromptEstimate.ts"
import * as Resilience from "../../src/Resilience.ts"
import * as Wrapped from "../Wrapped.ts"

type Messages = Llm.Request["messages"]

const opening: Messages = [
  { role: "system", content: "You are a researcher." },
  { role: "user", content: "Find out how warm it is." }
]

/**
 * A call of a tool and its result: about this many tokens, and a fact that a summary could keep.
 */
const turn = (index: number, words = 200): Messages => [
  { role: "assistant", content: [{ type: "tool-call", id: `c${index}`, name: "look", params: { day: index } }] },
  {
    role: "tool",
    content: [
      {
        type: "tool-result",
        id: `c${index}`,
        name: "look",
        isFailure: false,
        result: `fact-${index} ${"word ".repeat(words)}`
      }
    ]
  }
]

const conversation = (turns: number): Messages => [
  ...opening,
  ...Array.from({ length: turns }, (_, index) => turn(index)).flat()
]

const isSummary = (request: Llm.Request): boolean => JSON.stringify(request.messages).includes("You condense")

/**
 * A model that summarises by listing the facts in its input, and answers everything else with
 * "fine".
 */
const summarising = () =>
  Wrapped.model((request) =>
    Effect.succeed(
      Wrapped.answer(
        isSummary(request) ? [...new Set(JSON.stringify(request.messages).match(/fact-\d+/g))].join(" ") : "fine"
      )
    )
  )

const window = 2_000
const options = (more: Partial<ContextWindow.Options> = {}): ContextWindow.Options => ({
  windows: { [Wrapped.reference]: window },
  outputTokens: 100,
  strategy: ContextWindow.summarise({ summaryTokens: 200 }),
  ...more
})

describe("ContextWindow.summarise", () => {
  it.effect("replaces the oldest turns with a summary, charges it, and reports it", () =>
    Effect.gen(function* () {
      const { asked, model } = summarising()
      const said = Wrapped.notices()
      const limits = [{ scope: "task" as const, key: "t", tokens: 1_000_000 }]
      const caller = { executionId: "e", taskId: "t", agent: "a" }
      const self = ContextWindow.make(options())(model)
      const answer = yield* self.generate(
        Wrapped.request("", { messages: conversation(6), tools: [], limits, caller, cache: true, ...said })
      )
      const [summary = assert.fail(), call = assert.fail()] = asked
      assert.strictEqual(asked.length, 2)
      // The same limits apply to it, and it is a call of this task.
      assert.deepStrictEqual(summary.limits, limits)
      assert.deepStrictEqual(summary.caller, caller)
      assert.strictEqual(summary.options?.maxOutputTokens, 200)
      const [stands, ...turns] = call.messages.slice(opening.length)
      assert.deepStrictEqual(call.messages.slice(0, opening.length), opening)
      assert.include(JSON.stringify(stands), "fact-0 fact-1")
      const left = conversation(6).slice(opening.length)
      assert.isAbove(turns.length, 0)
      assert.deepStrictEqual(turns, left.slice(left.length - turns.length))
      assert.deepStrictEqual(answer.usage, {
        ...Wrapped.answer("").usage,
        requests: 2,
        inputTokens: 20,
        outputTokens: 10
      })
      assert.deepStrictEqual(said.kinds(), ["context-trimmed"])
      assert.match(said.all[0]!.message, /The first \d of 6 turns were replaced by a summary\./)
    })
  )

  it.effect("pays for a summary once, and creates the next one from it and the turns since", () =>
    Effect.gen(function* () {
      const { asked, model } = summarising()
      const self = ContextWindow.make(options())(model)
      for (let turns = 1; turns <= 30; turns++) {
        yield* self.generate(Wrapped.request("", { messages: conversation(turns) }))
        const sent = JSON.stringify(asked.at(-1)!.messages)
        // Every fact is still known, from a summary or the original.
        for (let fact = 0; fact < turns; fact++) assert.include(sent, `fact-${fact}`)
      }
      const summaries = asked.filter(isSummary)
      assert.strictEqual(asked.length, 30 + summaries.length)
      assert.isAbove(summaries.length, 2)
      assert.isBelow(summaries.length, 15)
      // No turn is summarised twice.
      const results = summaries.flatMap(({ messages }) => JSON.stringify(messages).match(/fact-\d+ word/g) ?? [])
      assert.strictEqual(new Set(results).size, results.length)
    })
  )

  it.effect(
    "finds the summary again for a task that is resumed elsewhere with a shared store, but for no other tenant",
    () =>
      Effect.gen(function* () {
        const backing = yield* Persistence.BackingPersistence
        const store = yield* backing.make("summaries")
        const first = summarising()
        const request = () => Wrapped.request("", { messages: structuredClone(conversation(6)) })
        const withStore = () => options({ strategy: "summarise", store })
        yield* ContextWindow.make(withStore())(first.model).generate(request())
        assert.strictEqual(first.asked.filter(isSummary).length, 1)
        // Another process: only the store is left.
        const second = summarising()
        yield* ContextWindow.make(withStore())(second.model).generate(request())
        assert.strictEqual(second.asked.filter(isSummary).length, 0)
        assert.deepStrictEqual(second.asked.at(-1)!.messages, first.asked.at(-1)!.messages)
        const without = summarising()
        yield* ContextWindow.make(options({ strategy: "summarise" }))(without.model).generate(request())
        assert.strictEqual(without.asked.filter(isSummary).length, 1)
        const other = summarising()
        yield* ContextWindow.make(withStore())(other.model)
          .generate(request())
          .pipe(Effect.provideService(Tenant.Current, "other"))
        assert.strictEqual(other.asked.filter(isSummary).length, 1)
      }).pipe(Effect.provide(Persistence.layerBackingMemory), Effect.scoped)
  )

  it.effect("drops turns if summarising fails, with the reason", () =>
    Effect.gen(function* () {
      const refused = Wrapped.failure(new Llm.BudgetExceeded({ description: "nothing is left" }))
      const { asked, model } = Wrapped.model((request) =>
        isSummary(request) ? Effect.fail(refused) : Effect.succeed(Wrapped.answer("fine"))
      )
      const said = Wrapped.notices()
      const dropped = Wrapped.succeeding()
      const request = Wrapped.request("", { messages: conversation(6), ...said })
      const answer = yield* ContextWindow.make(options())(model).generate(request)
      yield* ContextWindow.make(options({ strategy: "drop" }))(dropped.model).generate(request)
      assert.deepStrictEqual(asked.at(-1)!.messages, dropped.asked[0]!.messages)
      assert.strictEqual(answer.usage.requests, 1)
      assert.include(said.all[0]!.message, "could not be summarised: nothing is left")
    })
  )

  it.effect("uses several calls for input that exceeds one", () =>
    Effect.gen(function* () {
      const { asked, model } = summarising()
      // A long task resumed by a process without a summary of it.
      yield* ContextWindow.make(options())(model).generate(Wrapped.request("", { messages: conversation(20) }))
      assert.isAbove(asked.filter(isSummary).length, 2)
      const sent = JSON.stringify(asked.at(-1)!.messages)
      for (let fact = 0; fact < 20; fact++) assert.include(sent, `fact-${fact}`)
    })
  )

  it.effect("makes no call if nothing can be gained", () =>
    Effect.gen(function* () {
      const { asked, model } = summarising()
      const self = ContextWindow.make(options())(model)
      // The last turn fills the window, and there is only one.
      yield* self.generate(Wrapped.request("", { messages: [...conversation(2), ...turn(2, 1_250)] }))
      yield* self.generate(Wrapped.request("", { messages: [...opening, ...turn(0, 1_500)] }))
      assert.strictEqual(asked.filter(isSummary).length, 0)
    })
  )

  it.effect("applies the limits and telemetry of every call", () =>
    Effect.gen(function* () {
      const { model } = summarising()
      const wrap = yield* Resilience.make({ contextWindow: options() })
      const limits = [{ scope: "task" as const, key: "t", requests: 3 }]
      const self = wrap(model)
      const metrics = yield* self
        .generate(Wrapped.request("", { messages: conversation(6), limits }))
        .pipe(Effect.andThen(Metric.snapshot), Effect.provideService(Metric.MetricRegistry, new Map()))
      const calls = metrics.map(({ id, state }) => (id.endsWith("duration") && "count" in state ? state.count : 0))
      assert.include(calls, 2)
      // Two of three requests are spent: one more is allowed, and no second one.
      yield* self.generate(Wrapped.request("short", { limits }))
      const { reason } = yield* Effect.flip(self.generate(Wrapped.request("short", { limits })))
      assert.strictEqual(reason._tag, "BudgetExceeded")
    })
  )

  it.effect("keeps calls with their results, the opening and the last turn, and fits, for any summary of a model", () =>
    Effect.gen(function* () {
      const counter = yield* PromptEstimate.counter
      const context = yield* Effect.context<never>()
      const shape = FastCheck.record({ words: FastCheck.integer({ min: 0, max: 600 }), tool: FastCheck.boolean() })
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.array(shape, { minLength: 1, maxLength: 20 }),
            FastCheck.integer({ min: 400, max: 5_000 }),
            FastCheck.integer({ min: 0, max: 600 }),
            async (shapes, size, summaryWords) => {
              const groups = shapes.map(({ tool, words }, index): Messages =>
                tool
                  ? turn(index, words)
                  : [
                      { role: "assistant", content: [{ type: "text", text: "word ".repeat(words) }] },
                      { role: "user", content: "Your answer was not accepted." }
                    ]
              )
              const { asked, model } = Wrapped.model((request) =>
                Effect.succeed(Wrapped.answer(isSummary(request) ? "fact ".repeat(summaryWords) : "fine"))
              )
              const self = ContextWindow.make({
                windows: { [Wrapped.reference]: size },
                outputTokens: 100,
                strategy: ContextWindow.summarise({ summaryTokens: 200 })
              })(model)
              // Gradually, as a task grows.
              for (let count = 1; count <= groups.length; count++) {
                const messages = [...opening, ...groups.slice(0, count).flat()]
                await Effect.runPromiseWith(context)(self.generate(Wrapped.request("", { messages })))
                const sent = asked.at(-1)!.messages
                assert.deepStrictEqual(sent.slice(0, opening.length), opening)
                const rest = sent.slice(opening.length)
                const [head] = rest
                const turns = JSON.stringify(head).includes("Summary of the earlier part") ? rest.slice(1) : rest
                const kept = groups.slice(0, count).findIndex((_, first) => {
                  return groups.slice(first, count).flat().length === turns.length
                })
                assert.isAtLeast(kept, 0)
                assert.deepStrictEqual(turns, groups.slice(kept, count).flat())
                const tokens = (of: Messages) =>
                  counter.request(Wrapped.request("", { messages: of })) * PromptEstimate.margin("fake")
                if (turns.length > groups[count - 1]!.length) assert.isAtMost(Math.floor(tokens(sent)), size - 100)
              }
              for (const request of asked.filter(isSummary)) {
                const tokens = counter.request(request) * PromptEstimate.margin("fake")
                assert.isAtMost(Math.floor(tokens), size)
              }
            }
          ),
          { numRuns: 60 }
        )
      )
    })
  )
})
