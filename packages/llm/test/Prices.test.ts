import { assert, describe, it } from "vitest"
import * as Prices from "../src/Prices.ts"

describe("Prices", () => {
  it("of a maker are known by the ids of its models, dated ones by their names", () => {
    const prices = Prices.of("openai")
    assert.deepStrictEqual(prices["gpt-4o-mini"], Prices.known["openai/gpt-4o-mini"])
    assert.notProperty(prices, "claude-haiku-4-5")
    const usage = { inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 100_000 }
    assert.closeTo(Prices.cost(prices, "gpt-4o-mini", usage)!, 0.6 * 0.15 + 0.4 * 0.075 + 0.1 * 0.6, 1e-9)
    assert.strictEqual(Prices.cost(prices, "gpt-4o-mini-2024-07-18", usage), Prices.cost(prices, "gpt-4o-mini", usage))
  })

  it("that nobody gave are unknown, never zero", () => {
    assert.isNull(Prices.cost(Prices.of("openai"), "gpt-99", { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1 }))
    assert.isNull(Prices.cost(undefined, "gpt-4o", { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1 }))
    assert.isUndefined(Prices.find("acme/large"))
    assert.strictEqual(Prices.find("acme/large", { large: { input: 1, output: 2 } })?.input, 1)
  })
})
