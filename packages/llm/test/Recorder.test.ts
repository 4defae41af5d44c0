import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Recorder from "../src/Recorder.ts"
import * as Wrapped from "./Wrapped.ts"

/** A disk of one file. */
const disk = () => {
  const self = { text: "" }
  const layer = FileSystem.layerNoop({
    readFileString: () => Effect.sync(() => self.text),
    writeFileString: (_, data, options) =>
      Effect.sync(() => {
        self.text = (options?.flag === "a" ? self.text : "") + data
      })
  })
  return { self, layer }
}

describe("Recorder", () => {
  it.effect("answers again what was answered, in order, streamed or not, failures too", () => {
    const { layer, self } = disk()
    return Effect.gen(function* () {
      const { model } = Wrapped.model((_, call) =>
        call === 1
          ? Effect.fail(Wrapped.failure(new Llm.RateLimited({ description: "slow", retryAfterMillis: 5 })))
          : Effect.succeed(Wrapped.answer(`answer ${call}`))
      )
      const recording = (yield* Recorder.record({ file: "c.jsonl" }))(model)
      const live = [
        yield* Wrapped.outcome(recording.generate(Wrapped.request("x"))),
        yield* Wrapped.outcome(recording.generate(Wrapped.request("x"))),
        yield* Wrapped.outcome(recording.generate(Wrapped.request("y")))
      ]
      assert.deepStrictEqual(live, ["RateLimited", "answer 2", "answer 3"])
      assert.strictEqual(self.text.trim().split("\n").length, 3)
      assert.notInclude(self.text, '"x"')

      const provider = yield* Recorder.replay({ file: "c.jsonl", name: "fake" })
      const replayed = provider.model("model")
      const deltas: Array<string> = []
      assert.deepStrictEqual(yield* replayed.generate(Wrapped.request("y")), Wrapped.answer("answer 3"))
      const error = yield* Effect.flip(replayed.generate(Wrapped.request("x")))
      assert.deepInclude(error.reason, { _tag: "RateLimited", retryAfterMillis: 5 })
      for (let call = 0; call < 2; call++) {
        const asked = Wrapped.request("x", { onDelta: (delta) => deltas.push(delta) })
        assert.strictEqual(yield* Wrapped.outcome(replayed.generate(asked)), "answer 2")
      }
      assert.deepStrictEqual(deltas, ["answer 2", "answer 2"])
      const unknown = yield* Effect.flip(replayed.generate(Wrapped.request("z")))
      assert.include(unknown.message, "has no answer for this request. Record it again")
    }).pipe(Effect.provide(layer))
  })

  it.effect("keeps no secret, and knows a question with another one", () => {
    const { layer, self } = disk()
    return Effect.gen(function* () {
      const secrets = (value: string) => [Redacted.make(value)]
      const { model } = Wrapped.model(() =>
        Effect.succeed(Wrapped.answer('Use ca"nary-1 and sk-live-abcdefghijklmnop or Bearer abcdefghijklmnopqrst!'))
      )
      const file = "c.jsonl"
      const recording = (yield* Recorder.record({ file, secrets: secrets('ca"nary-1') }))(model)
      yield* recording.generate(Wrapped.request('The password is ca"nary-1'))
      assert.notInclude(self.text, "nary-1")
      assert.notInclude(self.text, "abcdefghij")
      const other = (yield* Recorder.replay({ file, name: "fake", secrets: secrets("other") })).model("model")
      const answered = yield* Wrapped.outcome(other.generate(Wrapped.request("The password is other")))
      assert.strictEqual(answered, "Use [secret] and [secret] or [secret]!")
    }).pipe(Effect.provide(layer))
  })

  it.effect("says in words that there is no cassette", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Recorder.replay({ file: "none.jsonl", name: "fake" }))
      assert.strictEqual(error._tag, "CassetteError")
      assert.match(error.message, /^Failed to read the cassette none\.jsonl: .+\. Record it first/)
    }).pipe(Effect.provide(FileSystem.layerNoop({})))
  )

  it.effect("says which line of a file is none of a cassette", () => {
    const { layer, self } = disk()
    return Effect.gen(function* () {
      self.text = '\n{"key": 1}\n'
      const error = yield* Effect.flip(Recorder.replay({ file: "c.jsonl", name: "fake" }))
      assert.match(error.message, /^c\.jsonl, line 2: Invalid recorded answer/)
    }).pipe(Effect.provide(layer))
  })
})
