import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import * as KeyRedaction from "../../src/ProviderModels/KeyRedaction.ts"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as FastCheck from "fast-check"
import { describe, expect, it } from "vitest"

const key = 'sk-aab-sk-aab"1'
const request: Llm.Request = { messages: [], tools: [], toolChoice: "none" }

const answering = (parts: Llm.Answer["parts"]): Llm.Answer => ({
  parts,
  finishReason: "stop",
  usage: Usage.zero,
  model: "m"
})

const guarded = (generate: Llm.Model["generate"], secret = key) =>
  KeyRedaction.guard({ reference: "p/m", generate }, Redacted.make(secret))

describe("a guarded model", () => {
  it("leaves text without the key unchanged", async () => {
    const answer = answering([{ type: "text", text: "sk-aab" }])
    expect(await Effect.runPromise(guarded(() => Effect.succeed(answer)).generate(request))).toBe(answer)
    const error = new Llm.LlmError({ model: "p/m", reason: new Llm.Timeout({ description: "Too slow." }) })
    expect(await Effect.runPromise(Effect.flip(guarded(() => Effect.fail(error)).generate(request)))).toBe(error)
  })

  it("removes it from answers, arguments of tools, notices and failures", async () => {
    const notices: Array<string> = []
    const model = guarded((asked) => {
      asked.onNotice?.({ kind: "retried", model: "p/m", message: `It was ${key}.` })
      return Effect.succeed(
        answering([
          { type: "text", text: `Your key is ${key}.` },
          { type: "tool-call", id: "1", name: "send", params: { deep: [{ text: key }] }, providerExecuted: false }
        ])
      )
    })
    const answer = await Effect.runPromise(
      model.generate({ ...request, onNotice: ({ message }) => notices.push(message) })
    )
    expect(answer.parts).toMatchObject([
      { text: "Your key is [key]." },
      { name: "send", params: { deep: [{ text: "[key]" }] } }
    ])
    expect(notices).toEqual(["It was [key]."])
    const failing = guarded(() =>
      Effect.fail(
        new Llm.LlmError({
          model: "p/m",
          reason: new Llm.RateLimited({ description: `No: ${key}`, requestId: key, retryAfterMillis: 7 })
        })
      )
    )
    const { reason } = await Effect.runPromise(Effect.flip(failing.generate(request)))
    expect(reason).toBeInstanceOf(Llm.RateLimited)
    expect(reason).toMatchObject({ description: "No: [key]", requestId: "[key]", retryAfterMillis: 7 })
  })

  it("allows a changed answer to be stored", async () => {
    let kept = 0
    const answer = { ...answering([{ type: "text", text: key }]), accept: Effect.sync(() => void kept++) }
    const cleaned = await Effect.runPromise(guarded(() => Effect.succeed(answer)).generate(request))
    expect(cleaned.parts).toMatchObject([{ text: "[key]" }])
    await Effect.runPromise(cleaned.accept!)
    expect(kept).toBe(1)
  })

  it("removes it from streams, however they are split, and keeps everything else", async () => {
    const piece = FastCheck.oneof(
      FastCheck.constant(key),
      FastCheck.string({ unit: FastCheck.constantFrom(...'sk-ab"1 '), maxLength: 9 })
    )
    await FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.array(piece, { maxLength: 6 }),
        FastCheck.array(FastCheck.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
        FastCheck.boolean(),
        async (pieces, cuts, fails) => {
          const text = pieces.join("")
          let heard = ""
          const model = guarded(({ onDelta }) => {
            for (let at = 0, n = 0; at < text.length; n++) {
              const size = cuts[n % cuts.length]!
              onDelta?.(text.slice(at, at + size))
              at += size
            }
            return fails
              ? Effect.fail(new Llm.LlmError({ model: "p/m", reason: new Llm.Network({ description: "Cut." }) }))
              : Effect.succeed(answering([{ type: "text", text }]))
          })
          await Effect.runPromiseExit(model.generate({ ...request, onDelta: (delta) => void (heard += delta) }))
          expect(heard).toBe(text.replaceAll(key, "[key]"))
        }
      ),
      { numRuns: 300 }
    )
  })

  it("removes no words from answers for a key that is not one", async () => {
    const answer = answering([{ type: "text", text: "none of it" }])
    expect(await Effect.runPromise(guarded(() => Effect.succeed(answer), "none").generate(request))).toBe(answer)
  })
})
