import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import * as Usage from "../src/Usage.ts"

describe("Usage", () => {
  const call: Usage.Usage = { ...Usage.zero, requests: 1, inputTokens: 10, cachedInputTokens: 2, costUsd: 0.5 }

  it("adds tokens written to a cache, if reported", () => {
    const written = { ...call, cacheWriteInputTokens: 3 }
    expect(Usage.add(call, call)).not.toHaveProperty("cacheWriteInputTokens")
    expect(Usage.add(call, written)).toMatchObject({ requests: 2, inputTokens: 20, cacheWriteInputTokens: 3 })
    expect(Usage.add(written, call)).toEqual(Usage.add(call, written))
    expect(Usage.add(written, written)).toMatchObject({ cacheWriteInputTokens: 6, costUsd: 1 })
  })

  it("reads records from before this figure existed", () => {
    const decode = Schema.decodeUnknownSync(Usage.Usage)
    expect(decode(JSON.parse(JSON.stringify(call)))).toEqual(call)
  })
})
