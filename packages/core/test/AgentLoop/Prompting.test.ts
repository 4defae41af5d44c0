import { assert, describe, it } from "@effect/vitest"
import * as Prompting from "../../src/AgentLoop/Prompting.ts"

describe("Prompting.answerMessage", () => {
  it("returns to a provider the data it added to its parts", () => {
    const metadata = { openai: { phase: "final_answer" } }
    assert.deepStrictEqual(
      Prompting.answerMessage([
        { type: "reasoning", text: "", metadata },
        { type: "text", text: "Otters.", metadata },
        { type: "text", text: "They swim." },
        { type: "text", text: "", metadata },
        { type: "tool-call", id: "a", name: "look", params: {} }
      ]),
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "", options: metadata },
          { type: "text", text: "Otters.", options: metadata },
          { type: "text", text: "They swim." },
          { type: "tool-call", id: "a", name: "look", params: {}, providerExecuted: false }
        ]
      }
    )
  })
})
