import type * as Limits from "@crewline/core/Limits"
import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as Providers from "../src/Providers.ts"
import * as Resilience from "../src/Resilience.ts"
import * as Wrapped from "./Wrapped.ts"

const limit = (limits: Limits.Limits): ReadonlyArray<Limits.Scoped> => [{ scope: "execution", key: "e", ...limits }]

const flaky = (failures: number) =>
  Wrapped.model((_, call) =>
    call <= failures ? Effect.fail(Wrapped.overloaded) : Effect.succeed(Wrapped.answer("fine"))
  )

const settled = Effect.fnUntraced(function* (call: Effect.Effect<Llm.Answer, Llm.LlmError>, millis = 600_000) {
  const fiber = yield* Effect.forkChild(Wrapped.outcome(call))
  yield* TestClock.adjust(millis)
  return yield* Fiber.join(fiber)
})

describe("Resilience", () => {
  it.effect("every attempt of a retry is counted by the budget and limited by the rate", () =>
    Effect.gen(function* () {
      const wrap = yield* Resilience.make({ quotas: { fake: { requestsPerMinute: 6 } }, retry: { initialMillis: 1 } })
      const { model, times } = flaky(2)
      const wrapped = wrap(model)
      const said = Wrapped.notices()
      const limits = limit({ requests: 4 })
      assert.strictEqual(yield* settled(wrapped.generate(Wrapped.request("x", { limits, ...said }))), "fine")
      assert.isAtLeast(times[1]! - times[0]!, 10_000)
      assert.isAtLeast(times[2]! - times[1]!, 10_000)
      assert.deepStrictEqual(said.kinds(), ["retried", "limited", "retried", "limited"])
      assert.strictEqual(yield* settled(wrapped.generate(Wrapped.request("x", { limits }))), "fine")
      assert.strictEqual(yield* settled(wrapped.generate(Wrapped.request("x", { limits }))), "BudgetExceeded")
      assert.strictEqual(times.length, 4)
    })
  )

  it.effect("a cache hit uses no limit and no budget", () =>
    Effect.gen(function* () {
      const wrap = yield* Resilience.make({ quotas: { fake: { requestsPerMinute: 1 } } })
      const { model, times } = Wrapped.succeeding()
      const wrapped = wrap(model)
      const request = Wrapped.request("x", { cache: true, limits: limit({ requests: 1 }) })
      for (let call = 0; call < 5; call++) {
        assert.strictEqual(yield* Wrapped.outcome(wrapped.generate(request)), "fine")
      }
      assert.strictEqual(times.length, 1)
    })
  )

  it.effect("a caller that shares another's answer pays nothing, and one that takes over its request pays", () =>
    Effect.gen(function* () {
      const wrap = yield* Resilience.make({ retry: false })
      const { asked, model } = Wrapped.model((_, call) =>
        call === 3 ? Effect.never : Effect.andThen(Effect.sleep(100), Effect.succeed(Wrapped.answer("fine")))
      )
      const wrapped = wrap(model)
      const ask = (who: string, question: string) =>
        Wrapped.outcome(
          wrapped.generate(
            Wrapped.request(question, { cache: true, limits: [{ scope: "execution", key: who, requests: 1 }] })
          )
        )
      const later = <A>(effect: Effect.Effect<A>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(effect)
          yield* TestClock.adjust(600_000)
          return yield* Fiber.join(fiber)
        })
      const together = (...all: ReadonlyArray<ReturnType<typeof ask>>) =>
        later(Effect.all(all, { concurrency: "unbounded" }))
      // The second shares the answer, and still has its one call for another question.
      assert.deepStrictEqual(yield* together(ask("a", "x"), ask("b", "x")), ["fine", "fine"])
      assert.deepStrictEqual(yield* together(ask("a", "y"), ask("b", "y")), ["BudgetExceeded", "fine"])
      assert.strictEqual(asked.length, 2)
      assert.deepStrictEqual(yield* together(ask("b", "z"), ask("a", "x")), ["BudgetExceeded", "fine"])
      // An interrupted call may have been charged; a caller that waited for it makes its own.
      const interrupted = yield* Effect.forkChild(ask("c", "w"), { startImmediately: true })
      const waiting = yield* Effect.forkChild(ask("d", "w"), { startImmediately: true })
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual(yield* later(Fiber.join(waiting)), "fine")
      assert.strictEqual(asked.length, 4)
      assert.deepStrictEqual(yield* together(ask("c", "v"), ask("d", "v"), ask("c", "w")), [
        "BudgetExceeded",
        "BudgetExceeded",
        "fine"
      ])
    })
  )

  it.effect("an open breaker selects the next model of a chain, and a time limit counts as a failure", () =>
    Effect.gen(function* () {
      const wrap = yield* Resilience.make({
        circuitBreaker: { failures: 2 },
        retry: false,
        timeout: { wholeMillis: 100 }
      })
      const hanging = Wrapped.model(() => Effect.never)
      const second = Wrapped.succeeding()
      const llm = Providers.make({
        providers: [
          { name: "a", model: () => ({ ...hanging.model, reference: "a/1" }) },
          { name: "b", model: () => ({ ...second.model, reference: "b/2" }) }
        ],
        defaultModel: "a/1",
        wrap
      })
      const chain = yield* llm.resolve(["a/1", "b/2"])
      const said = Wrapped.notices()
      for (let call = 0; call < 3; call++) {
        assert.strictEqual(yield* settled(chain.generate(Wrapped.request("x", said)), 100), "fine")
      }
      assert.strictEqual(hanging.asked.length, 2)
      assert.deepStrictEqual(said.kinds(), ["fell-back", "breaker-opened", "fell-back", "breaker-refused", "fell-back"])
    })
  )

  it.effect("an exhausted budget ends the chain", () =>
    Effect.gen(function* () {
      const wrap = yield* Resilience.make()
      const { asked, model } = Wrapped.succeeding()
      const llm = Providers.make({
        providers: [{ name: "fake", model: () => model }],
        defaultModel: "fake/model",
        wrap
      })
      const chain = yield* llm.resolve(["fake/model", "fake/other"])
      assert.strictEqual(
        yield* Wrapped.outcome(chain.generate(Wrapped.request("x", { limits: limit({ tokens: 5 }) }))),
        "BudgetExceeded"
      )
      assert.strictEqual(asked.length, 0)
    })
  )

  it.effect("omits disabled wrappers", () =>
    Effect.gen(function* () {
      const wrap = yield* Resilience.make({
        responseCache: false,
        contextWindow: false,
        retry: false,
        circuitBreaker: false,
        budget: false,
        telemetry: false,
        timeout: false
      })
      const { model } = Wrapped.succeeding()
      assert.strictEqual(wrap(model), model)
    })
  )

  it.effect("the application's wrappers go before those of the environment", () =>
    Effect.gen(function* () {
      const wrapped: Array<string> = []
      const wrappers = Layer.succeed(Resilience.Wrappers, {
        wrap: (model) => {
          wrapped.push(model.reference)
          return model
        },
        account: () => (model) => model
      })
      const resolved = Effect.flatMap(Llm.Llm, (llm) => llm.resolve("scripted/demo"))
      yield* Effect.provide(resolved, Layer.provide(Providers.layerConfig, wrappers))
      assert.deepStrictEqual(wrapped, ["scripted/demo"])
    })
  )

  it.effect("respects the limits a provider reports if a quota is adaptive, and only then", () =>
    Effect.gen(function* () {
      const waits = (quotas: Resilience.Options["quotas"]) =>
        Effect.gen(function* () {
          const { model } = Wrapped.model((request) => {
            request.onRateLimits?.([{ of: "requests", limit: 60, remaining: 0, resetMillis: 60_000 }])
            return Effect.succeed(Wrapped.answer("fine"))
          })
          const limited = (yield* Resilience.make(quotas === undefined ? {} : { quotas }))(model)
          const said = Wrapped.notices()
          const fiber = yield* Effect.forkChild(
            Effect.forEach([1, 2], () => limited.generate(Wrapped.request("Hello", said)))
          )
          yield* TestClock.adjust(60_000)
          yield* Fiber.join(fiber)
          return said.kinds()
        })
      assert.deepStrictEqual(yield* waits({ fake: { adaptive: true } }), ["limited"])
      assert.deepStrictEqual(yield* waits({ "fake/model": { tokensPerMinute: 1_000_000 } }), ["limited"])
      assert.deepStrictEqual(yield* waits({ other: { adaptive: true } }), [])
      assert.deepStrictEqual(yield* waits(undefined), [])
    })
  )

  it.effect("reads quotas from the environment, and reports invalid ones", () =>
    Effect.gen(function* () {
      const read = (variables: { readonly [name: string]: string }) =>
        Effect.provideService(Resilience.config, ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))
      assert.deepStrictEqual(yield* read({}), { quotas: {}, retry: false })
      assert.deepStrictEqual(
        yield* read({
          CREWLINE_REQUESTS_PER_MINUTE: "openai=500, anthropic/claude = 50",
          CREWLINE_MODEL_CONCURRENCY: "openai=8",
          CREWLINE_MODEL_MAX_ATTEMPTS: "3"
        }),
        {
          quotas: { openai: { requestsPerMinute: 500, concurrency: 8 }, "anthropic/claude": { requestsPerMinute: 50 } },
          retry: { maxAttempts: 3 }
        }
      )
      assert.deepStrictEqual(
        yield* read({ CREWLINE_REQUESTS_PER_MINUTE: "openai=auto", CREWLINE_TOKENS_PER_MINUTE: "openai=9000" }),
        { quotas: { openai: { adaptive: true, tokensPerMinute: 9_000 } }, retry: false }
      )
      assert.deepStrictEqual(yield* read({ CREWLINE_CONTEXT: " summarise " }), {
        quotas: {},
        retry: false,
        contextWindow: { strategy: "summarise" }
      })
      assert.deepStrictEqual(yield* read({ CREWLINE_CONTEXT: "drop" }), yield* read({ CREWLINE_CONTEXT: "" }))
      const strange = yield* Effect.flip(read({ CREWLINE_CONTEXT: "forget" }))
      assert.include(strange.message, 'CREWLINE_CONTEXT must be drop or summarise, not "forget"')
      const nonsense = yield* Effect.flip(read({ CREWLINE_MODEL_CONCURRENCY: "openai=auto" }))
      assert.include(nonsense.message, 'CREWLINE_MODEL_CONCURRENCY: invalid limit "openai=auto"')
      const error = yield* Effect.flip(read({ CREWLINE_TOKENS_PER_MINUTE: "lots" }))
      assert.include(error.message, 'CREWLINE_TOKENS_PER_MINUTE: invalid limit "lots", expected provider=number')
    })
  )
})
