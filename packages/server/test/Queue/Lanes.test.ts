import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Lanes from "../../src/Queue/Lanes.ts"

describe("Lanes", () => {
  it("are parsed as documented", () => {
    assert.deepStrictEqual(Lanes.parse("openai:4,default:16", 1), Result.succeed({ openai: 4, default: 16 }))
    assert.deepStrictEqual(Lanes.parse(" my.own-1:2 , default:0", 0), Result.succeed({ "my.own-1": 2, default: 0 }))
    assert.strictEqual(Lanes.toText({ openai: 4, default: 16 }), "openai:4,default:16")
  })

  it.each([
    ["", 'Invalid lane ""'],
    ["openai", 'Invalid lane "openai"'],
    ["openai:", 'Invalid lane "openai:"'],
    ["openai:-1", 'Invalid lane "openai:-1"'],
    ["openai:1.5", 'Invalid lane "openai:1.5"'],
    ["openai:4,,default:1", 'Invalid lane ""'],
    ["openai:4,default:0", 'Invalid lane "default:0"'],
    ["a:1,a:2", 'Duplicate lane "a"'],
    ["__proto__:1,__proto__:2", "__proto__"]
  ])("%o is refused", (text, words) => {
    const parsed = Lanes.parse(text, 1)
    assert.include(Result.isFailure(parsed) ? parsed.failure : "accepted", words)
  })
})
