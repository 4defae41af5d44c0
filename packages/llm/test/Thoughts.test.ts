/**
 * Thoughts that a server leaves in the text of an answer, behind models of other libraries: they
 * become reasoning, and no piece of them is streamed as the answer.
 */
import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import { convertArrayToReadableStream, MockLanguageModelV4 } from "ai/test"
import * as Effect from "effect/Effect"
import * as AiSdkModel from "../src/AiSdkModel.ts"
import * as EffectModel from "../src/EffectModel.ts"
import * as Scripted from "../src/Scripted.ts"
import { request } from "./fake/Request.ts"

const finishReason = { unified: "stop", raw: "stop" } as const
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 }
}

const piecesOf = (text: string) => text.match(/[^]{1,3}/g) ?? []

/** Streams the text in pieces of three characters, so that marks are cut in the middle. */
const aiSdk = (text: string): Llm.Model =>
  AiSdkModel.make(
    new MockLanguageModelV4({
      doGenerate: { content: [{ type: "text", text }], finishReason, usage, warnings: [] },
      doStream: async () => ({
        stream: convertArrayToReadableStream([
          { type: "stream-start", warnings: [] },
          { type: "text-start", id: "0" },
          ...piecesOf(text).map((delta) => ({ type: "text-delta" as const, id: "0", delta })),
          { type: "text-end", id: "0" },
          { type: "finish", finishReason, usage }
        ])
      })
    })
  )

const models: ReadonlyArray<readonly [string, (text: string) => Effect.Effect<Llm.Model>]> = [
  ["the AI SDK", (text) => Effect.succeed(aiSdk(text))],
  [
    "Effect",
    // A scripted model sends its text as it is, unlike the models of providers.
    (text) =>
      Effect.map(EffectModel.toLanguageModel(Scripted.make([Scripted.text(text)]).model), (model) =>
        EffectModel.fromLanguageModel(model, "effect/any")
      )
  ]
]

const answers: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
  ["<think>\nHm.\n</think>\n\nHi", ["Hm.", "Hi"]],
  ["<think></think>Hi", ["", "Hi"]],
  ["[THINK]Hm.[/THINK]Hi", ["Hm.", "Hi"]],
  ["Write `<think>` first.", ["", "Write `<think>` first."]],
  ["<p>Hi</p>", ["", "<p>Hi</p>"]]
]

describe.each(models)("a model of %s", (_, modelOf) => {
  it.effect.each(answers)("splits thoughts from the answer: %s", ([text, [reasoning, answer]]) =>
    Effect.gen(function* () {
      for (const streamed of [false, true]) {
        const deltas: Array<string> = []
        const model = yield* modelOf(text)
        const { parts } = yield* model.generate(request(streamed ? { onDelta: (delta) => deltas.push(delta) } : {}))
        const textOf = (type: string) =>
          parts.flatMap((part) => (part.type === type && "text" in part ? part.text : []))
        assert.strictEqual(textOf("reasoning").join(""), reasoning)
        assert.strictEqual(textOf("text").join(""), answer)
        if (streamed) assert.strictEqual(deltas.join(""), answer)
      }
    })
  )
})
