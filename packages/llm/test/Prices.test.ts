import { assert, describe, it } from "vitest"
import * as ContextWindow from "../src/ContextWindow.ts"
import * as Prices from "../src/Prices.ts"

describe("Prices", () => {
  it("are known by the ids of a maker's models, dated ones by their names", () => {
    const prices = Prices.of("openai")
    assert.deepStrictEqual(prices["gpt-4o-mini"], Prices.known["openai/gpt-4o-mini"])
    assert.notProperty(prices, "claude-haiku-4-5")
    const usage = { inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 100_000 }
    assert.closeTo(Prices.cost(prices, "gpt-4o-mini", usage)!, 0.6 * 0.15 + 0.4 * 0.075 + 0.1 * 0.6, 1e-9)
    assert.strictEqual(Prices.cost(prices, "gpt-4o-mini-2024-07-18", usage), Prices.cost(prices, "gpt-4o-mini", usage))
  })

  it("have a source, and the date of its last check", () => {
    for (const [reference, price] of Object.entries(Prices.known)) {
      assert.match(price.source, /^https:\/\//, reference)
      assert.match(price.asOf, /^20\d\d-[01]\d-[0-3]\d$/, reference)
      // The window is known, too: both are needed to bound a call.
      assert.property(ContextWindow.known, reference)
      for (const rates of price.long === undefined ? [price] : [price, price.long]) {
        assert.isAbove(rates.output, rates.input, reference)
        assert.isBelow(rates.cachedInput ?? 0, rates.input, reference)
        assert.isAtLeast(rates.cacheWrite ?? rates.input, rates.input, reference)
      }
    }
    assert.deepInclude(Prices.known["anthropic/claude-sonnet-4-5"], {
      input: 3,
      cachedInput: 0.3,
      cacheWrite: 3.75,
      cacheWriteHour: 6,
      output: 15
    })
  })

  it("include cache writes, for five minutes or an hour, and long prompts", () => {
    const price = {
      input: 4,
      cachedInput: 1,
      cacheWrite: 5,
      cacheWriteHour: 8,
      output: 10,
      long: { above: 1_000, input: 8, output: 20 }
    }
    const usage = { inputTokens: 700, cachedInputTokens: 200, cacheWriteInputTokens: 400, outputTokens: 50 }
    const rest = 100 * 4 + 200 * 1 + 50 * 10
    assert.closeTo(Prices.costAt(price, usage), (rest + 400 * 5) / 1e6, 1e-12)
    assert.closeTo(
      Prices.costAt(price, { ...usage, cacheWriteHourInputTokens: 300 }),
      (rest + 100 * 5 + 300 * 8) / 1e6,
      1e-12
    )
    // The whole prompt is more expensive, not only the excess; tokens without a separate rate count
    // as input.
    assert.closeTo(Prices.costAt(price, { ...usage, inputTokens: 1_001 }), (1_001 * 8 + 50 * 20) / 1e6, 1e-12)
    assert.strictEqual(Prices.dearestInput(price), 8)
    assert.strictEqual(Prices.ratesAt(price, 1_000), price)
  })

  it("that are missing are unknown, never zero", () => {
    assert.isNull(Prices.cost(Prices.of("openai"), "gpt-99", { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1 }))
    assert.isNull(Prices.cost(undefined, "gpt-4o", { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1 }))
    assert.isUndefined(Prices.find("acme/large"))
    assert.strictEqual(Prices.find("acme/large", { large: { input: 1, output: 2 } })?.input, 1)
  })
})
