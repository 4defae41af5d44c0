import type { Notice } from "@crewline/core/ExecutionEvent"
import type * as Limits from "@crewline/core/Limits"
import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FastCheck from "fast-check"
import * as TestClock from "effect/testing/TestClock"
import * as Budget from "../src/Budget.ts"
import * as BudgetStore from "../src/BudgetStore.ts"
import * as PromptEstimate from "../src/PromptEstimate.ts"

const limit = (limits: Limits.Limits, spent?: Limits.Scoped["spent"]): Limits.Scoped => ({
  scope: "execution",
  key: "e1",
  ...limits,
  ...(spent && { spent })
})
const request = (
  limits: Limits.Scoped,
  text = "How warm is it in Oslo?",
  more?: Partial<Llm.Request>
): Llm.Request => ({
  messages: [{ role: "user", content: text }],
  tools: [],
  toolChoice: "none",
  limits: [limits],
  ...more
})

/** Counts requests as a provider does; writes the maximum allowed length. */
const provider = (options: { readonly delay?: () => number; readonly length?: () => number } = {}) => {
  const seen = { tokens: 0, requests: 0, asked: [] as Array<Llm.Request> }
  const model: Llm.Model = {
    reference: "openai/gpt-4o",
    generate: Effect.fnUntraced(function* (asked) {
      const inputTokens = (yield* PromptEstimate.counter).request(asked)
      const outputTokens = Math.min(options.length?.() ?? 1_000_000, asked.options!.maxOutputTokens!)
      seen.requests += 1
      seen.asked.push(asked)
      // A provider counts what it wrote, even if the caller is gone.
      seen.tokens += inputTokens + outputTokens
      yield* Effect.sleep(options.delay?.() ?? 0)
      const usage = { requests: 1, inputTokens, cachedInputTokens: 0, outputTokens, reasoningTokens: 0, costUsd: null }
      return { parts: [{ type: "text", text: "Warm." }], finishReason: "stop", usage, model: "gpt-4o" }
    })
  }
  return { model, seen }
}

const outcome = (effect: Effect.Effect<Llm.Answer, Llm.LlmError>) =>
  Effect.match(effect, { onFailure: (error) => error.reason._tag, onSuccess: () => "Answered" })

/** Many concurrent calls; some are interrupted. */
const crowd = Effect.fnUntraced(function* (store: BudgetStore.BudgetStore, total: number, seed: ReadonlyArray<number>) {
  let at = 0
  const next = () => seed[at++ % seed.length]!
  const { model, seen } = provider({ delay: () => next() % 50, length: () => next() })
  const budgeted = Budget.make({ store, waitMillis: 2_000 })(model)
  const call = (): Effect.Effect<unknown> => {
    const generate = outcome(budgeted.generate(request(limit({ tokens: total }), "word ".repeat(next() % 90))))
    return next() % 7 === 0 ? Effect.timeoutOption(generate, next() % 30) : generate
  }
  const fiber = yield* Effect.forkChild(
    Effect.forEach(Array.from({ length: 200 }), call, { concurrency: "unbounded", discard: true })
  )
  yield* TestClock.adjust(10_000)
  yield* Fiber.join(fiber)
  return seen
})

describe("Budget", () => {
  it.effect("200 concurrent calls never spend more than the exact limit, in any order", () =>
    Effect.gen(function* () {
      yield* PromptEstimate.counter
      const context = yield* Effect.context<never>()
      let most = 0
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.integer({ min: 50, max: 60_000 }),
            FastCheck.array(FastCheck.integer({ min: 1, max: 900 }), { minLength: 11, maxLength: 61 }),
            async (total, seed) => {
              const { tokens } = await Effect.runPromiseWith(context)(crowd(BudgetStore.makeLocal(), total, seed))
              most = Math.max(most, tokens / total)
              assert.isAtMost(tokens, total)
            }
          ),
          { numRuns: 25 }
        )
      )
      // Refusing every call would not be enough.
      assert.isAbove(most, 0.9)
    })
  )

  it.effect("does not make a call that could exceed the limit, and reports it", () =>
    Effect.gen(function* () {
      const { model, seen } = provider()
      const notices: Array<Notice> = []
      const asked = request(limit({ tokens: 100 }), undefined, {
        options: { maxOutputTokens: 500 },
        onNotice: (notice) => notices.push(notice)
      })
      const error = yield* Effect.flip(Budget.make()(model).generate(asked))
      assert.strictEqual(error.reason._tag, "BudgetExceeded")
      assert.isFalse(error.reason.isRetryable)
      assert.match(error.message, /execution \(e1\) has 100 tokens left of 100 \(0 spent\).*could use 5\d\d tokens/)
      const { estimate, ...exceeded } = error.reason._tag === "BudgetExceeded" ? error.reason.exceeded! : assert.fail()
      assert.deepStrictEqual(exceeded, { scope: "execution", key: "e1", dimension: "tokens", limit: 100, spent: 0 })
      assert.isAbove(estimate, 500)
      assert.deepStrictEqual(
        notices.map(({ kind }) => kind),
        ["budget-refused"]
      )
      assert.strictEqual(seen.requests, 0)
    })
  )

  it.effect("reserves enough for a last call if configured", () =>
    Effect.gen(function* () {
      const { model } = provider({ length: () => 10 })
      const budgeted = Budget.make()(model)
      const ask = (limits: Limits.Limits, key: string, leavesRoom: boolean) =>
        budgeted.generate(
          request(
            { ...limit(limits), key, name: "execution", ...(leavesRoom ? { leavesRoomFor: 1 } : {}) },
            undefined,
            {
              options: { maxOutputTokens: 100 }
            }
          )
        )
      assert.strictEqual(yield* outcome(ask({ requests: 2 }, "calls", true)), "Answered")
      const { reason } = yield* Effect.flip(ask({ requests: 2 }, "calls", true))
      assert.deepStrictEqual(reason._tag === "BudgetExceeded" ? reason.exceeded : undefined, {
        scope: "execution",
        key: "calls",
        name: "execution",
        dimension: "requests",
        limit: 2,
        spent: 1,
        estimate: 1
      })
      assert.strictEqual(yield* outcome(ask({ requests: 2 }, "calls", false)), "Answered")
      assert.strictEqual(yield* outcome(ask({ requests: 2 }, "calls", false)), "BudgetExceeded")
      assert.strictEqual(yield* outcome(ask({ tokens: 200 }, "tokens", true)), "BudgetExceeded")
      assert.strictEqual(yield* outcome(ask({ tokens: 200 }, "tokens", false)), "Answered")
      assert.strictEqual(yield* outcome(ask({ tokens: 400 }, "more", true)), "Answered")
    })
  )

  it.effect("caps an answer of unlimited length to the remaining budget", () =>
    Effect.gen(function* () {
      const { model, seen } = provider()
      const answer = yield* Budget.make()(model).generate(request(limit({ tokens: 300 })))
      assert.isBelow(seen.asked[0]!.options!.maxOutputTokens!, 300)
      assert.isAtMost(answer.usage.inputTokens + answer.usage.outputTokens, 300)
    })
  )

  it.effect("counts requests, including failed ones", () =>
    Effect.gen(function* () {
      const reason = new Llm.Overloaded({ description: "busy" })
      const failing: Llm.Model = {
        reference: "openai/gpt-4o",
        generate: () => Effect.fail(new Llm.LlmError({ model: "openai/gpt-4o", reason }))
      }
      const model = Budget.make()(failing)
      const asked = request(limit({ requests: 2, tokens: 5_000 }))
      const outcomes = yield* Effect.forEach([1, 2, 3], () => outcome(model.generate(asked)))
      assert.deepStrictEqual(outcomes, ["Overloaded", "Overloaded", "BudgetExceeded"])
    })
  )

  it.effect("counts money, and calls no model without a price under such a limit", () =>
    Effect.gen(function* () {
      const { model, seen } = provider({ length: () => 100 })
      const budgeted = Budget.make({ waitMillis: 0 })(model)
      // An answer of 4,096 tokens at $10 a million, and the prompt at $2.5.
      const asked = request(limit({ costUsd: 0.042 }), undefined, { options: { maxOutputTokens: 4_096 } })
      const { usage } = yield* budgeted.generate(asked)
      assert.closeTo(usage.costUsd!, (usage.inputTokens * 2.5 + 100 * 10) / 1_000_000, 1e-9)
      assert.strictEqual(yield* outcome(budgeted.generate(asked)), "BudgetExceeded")
      assert.strictEqual(seen.requests, 1)
      const unknown = yield* Effect.flip(
        Budget.make()({ ...model, reference: "openai/gpt-99" }).generate(request(limit({ costUsd: 100 })))
      )
      assert.include(unknown.message, "price of openai/gpt-99 is unknown")
      const priced = Budget.make({ prices: { "gpt-99": { input: 1, output: 1 } } })({
        ...model,
        reference: "openai/gpt-99"
      })
      assert.strictEqual(yield* outcome(priced.generate(request(limit({ costUsd: 100 })))), "Answered")
    })
  )

  it.effect("charges the cost in the answer, including cache writes, or the application's own price", () =>
    Effect.gen(function* () {
      const usage = {
        requests: 1,
        inputTokens: 1_000,
        cachedInputTokens: 0,
        cacheWriteInputTokens: 800,
        outputTokens: 0,
        reasoningTokens: 0
      }
      const answering = (costUsd: number | null): Llm.Model => ({
        reference: "anthropic/claude-haiku-4-5",
        generate: () => Effect.succeed({ parts: [], finishReason: "stop", model: "m", usage: { ...usage, costUsd } })
      })
      const charged = Effect.fnUntraced(function* (costUsd: number | null, options: Budget.Options = {}) {
        const settled: Array<number> = []
        const local = BudgetStore.makeLocal()
        const store: BudgetStore.BudgetStore = {
          ...local,
          settle: (reservation, used) => {
            settled.push(used.nanoUsd)
            return local.settle(reservation, used)
          }
        }
        const self = Budget.make({ ...options, store })(answering(costUsd))
        const answer = yield* self.generate(request(limit({ costUsd: 1 })))
        assert.closeTo(settled[0]!, answer.usage.costUsd! * 1e9, 1)
        return settled[0]!
      })
      // Written for an hour: known only from the answer itself.
      assert.strictEqual(yield* charged(0.0018), 1_800_000)
      assert.strictEqual(yield* charged(null), (200 * 1 + 800 * 1.25) * 1_000)
      const prices = { "claude-haiku-4-5": { input: 2, output: 4 } }
      assert.strictEqual(yield* charged(0.0018, { prices }), 1_000 * 2 * 1_000)
    })
  )

  it.effect("reserves the higher price for long prompts", () =>
    Effect.gen(function* () {
      const prices = { "gpt-4o": { input: 1, output: 1, long: { above: 2_000, input: 10, output: 1 } } }
      const { model } = provider({ length: () => 1 })
      const budgeted = Budget.make({ prices })(model)
      const ask = (words: number) =>
        outcome(
          budgeted.generate(
            request(limit({ costUsd: 0.01 }), "word ".repeat(words), { options: { maxOutputTokens: 10 } })
          )
        )
      assert.strictEqual(yield* ask(1_000), "Answered")
      assert.strictEqual(yield* ask(3_000), "BudgetExceeded")
    })
  )

  it.effect("includes the spending in the log from before a restart", () =>
    Effect.gen(function* () {
      const { model, seen } = provider({ length: () => 10 })
      const budgeted = Budget.make()(model)
      const before = { tokens: 990, requests: 3, costUsd: null }
      const asked = request(limit({ tokens: 1_000 }, before))
      assert.strictEqual(yield* outcome(budgeted.generate(asked)), "BudgetExceeded")
      assert.strictEqual(seen.requests, 0)
      const blind = yield* Effect.flip(budgeted.generate(request(limit({ costUsd: 5 }, before))))
      assert.include(blind.message, "is unknown: a model without a price")
    })
  )

  it.effect("charges an interrupted call completely, and lets others wait for returned reservations", () =>
    Effect.gen(function* () {
      const { model, seen } = provider({ delay: () => 1_000, length: () => 10 })
      const budgeted = Budget.make()(model)
      const asked = (tokens: number) =>
        request(limit({ tokens: 1_000 }), undefined, { options: { maxOutputTokens: tokens } })
      const first = yield* Effect.forkChild(outcome(budgeted.generate(asked(900))))
      const second = yield* Effect.forkChild(outcome(budgeted.generate(asked(500))))
      yield* TestClock.adjust(900)
      assert.strictEqual(seen.requests, 1)
      yield* TestClock.adjust(3_000)
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["Answered", "Answered"])
      const third = yield* Effect.forkChild(outcome(budgeted.generate(asked(800))))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(third)
      assert.strictEqual(yield* outcome(budgeted.generate(asked(200))), "BudgetExceeded")
    })
  )

  it.effect("corrects low estimates after an answer", () =>
    Effect.gen(function* () {
      const usage = {
        requests: 1,
        inputTokens: 500,
        cachedInputTokens: 0,
        outputTokens: 5,
        reasoningTokens: 0,
        costUsd: null
      }
      const model: Llm.Model = {
        reference: "other/x",
        generate: () => Effect.succeed({ parts: [], finishReason: "stop", usage, model: "x" })
      }
      const asked = request(limit({ tokens: 1_000 }), undefined, { options: { maxOutputTokens: 100 } })
      const budgeted = Budget.make()(model)
      assert.strictEqual(yield* outcome(budgeted.generate(asked)), "Answered")
      assert.strictEqual(yield* outcome(budgeted.generate(asked)), "BudgetExceeded")
    })
  )

  it.effect("forwards a call unchanged without limits", () =>
    Effect.gen(function* () {
      const asked: Llm.Request = { messages: [], tools: [], toolChoice: "none" }
      let seen: Llm.Request | undefined
      const model: Llm.Model = { reference: "a/b", generate: (each) => ((seen = each), Effect.die("enough")) }
      yield* Effect.exit(Budget.make()(model).generate(asked))
      assert.strictEqual(seen, asked)
    })
  )
})
