/** Tokens written to the cache as reported by OpenAI's two APIs, which newer models charge for. */
import { describe, expect, it } from "vitest"
import * as ChatAnswer from "../src/OpenAi/ChatAnswer.ts"
import * as ResponsesAnswer from "../src/OpenAi/ResponsesAnswer.ts"

const context = {
  model: "m",
  prices: { m: { input: 4, cachedInput: 1, cacheWrite: 5, output: 10 } },
  origin: "https://api.openai.com",
  isTool: () => false,
  outputTool: undefined
}
const details = { cached_tokens: 200, cache_write_tokens: 400 }

const chat = (prompt_tokens_details: object) =>
  ChatAnswer.fromText(
    context,
    JSON.stringify({
      choices: [{ message: { content: "Fine." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 700, completion_tokens: 50, prompt_tokens_details }
    })
  )

const responses = (input_tokens_details: object) =>
  ResponsesAnswer.fromText(
    context,
    JSON.stringify({
      status: "completed",
      output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "Fine." }] }],
      usage: { input_tokens: 700, output_tokens: 50, input_tokens_details }
    })
  )

describe.each([
  ["chat completions", chat],
  ["responses", responses]
])("usage of %s", (_, answer) => {
  it("includes tokens written to the cache, and charges them", () => {
    const { usage } = answer(details)
    expect(usage).toMatchObject({ inputTokens: 700, cachedInputTokens: 200, cacheWriteInputTokens: 400 })
    expect(usage.costUsd).toBeCloseTo((100 * 4 + 200 * 1 + 400 * 5 + 50 * 10) / 1e6, 12)
  })

  it("omits them if nothing was written", () => {
    const { usage } = answer({ cached_tokens: 200 })
    expect(usage).not.toHaveProperty("cacheWriteInputTokens")
    expect(usage.costUsd).toBeCloseTo((500 * 4 + 200 * 1 + 50 * 10) / 1e6, 12)
  })
})
