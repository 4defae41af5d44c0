import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Notice } from "@crewline/core/ExecutionEvent"
import * as Usage from "@crewline/core/Usage"
import * as Fallback from "../src/Fallback.ts"

const answer = (text: string): Llm.Answer => ({
  parts: [{ type: "text", text }],
  finishReason: "stop",
  usage: Usage.zero,
  model: text
})
const model = (reference: string, generate: Llm.Model["generate"]): Llm.Model => ({ reference, generate })
const failing = (reference: string, reason: Llm.Reason) =>
  model(reference, () => Effect.fail(new Llm.LlmError({ model: reference, reason })))
const request: Llm.Request = { messages: [], tools: [], toolChoice: "none" }

describe("Fallback", () => {
  it.effect("calls the next model if one fails, and reports it", () =>
    Effect.gen(function* () {
      const notices: Array<Notice> = []
      const chain = Fallback.make([
        failing("a/1", new Llm.Overloaded({ description: "busy" })),
        failing("b/2", new Llm.Authentication({ description: "wrong key" })),
        model("c/3", () => Effect.succeed(answer("three")))
      ])
      const { model: answered } = yield* chain.generate({ ...request, onNotice: (notice) => notices.push(notice) })
      assert.strictEqual(answered, "three")
      assert.deepStrictEqual(
        notices.map((notice) => [notice.kind, notice.model]),
        [
          ["fell-back", "a/1"],
          ["fell-back", "b/2"]
        ]
      )
      assert.include(notices[0]!.message, "Asking b/2 instead")
    })
  )

  it.effect("fails with the last failure if all models fail", () =>
    Effect.gen(function* () {
      const chain = Fallback.make([
        failing("a/1", new Llm.Overloaded({ description: "busy" })),
        failing("b/2", new Llm.Timeout({ description: "late" }))
      ])
      const error = yield* Effect.flip(chain.generate(request))
      assert.strictEqual(error.model, "b/2")
    })
  )

  it.effect("calls no other model if the request itself is refused", () =>
    Effect.gen(function* () {
      for (const reason of [
        new Llm.BudgetExceeded({ description: "x" }),
        new Llm.ContentRefused({ description: "x" }),
        new Llm.InvalidRequest({ description: "x" })
      ]) {
        const chain = Fallback.make([failing("a/1", reason), model("b/2", () => Effect.die("asked"))])
        assert.strictEqual((yield* Effect.flip(chain.generate(request))).reason._tag, reason._tag)
      }
    })
  )

  it.effect("does not stream a second answer after a broken first one", () =>
    Effect.gen(function* () {
      const deltas: Array<string> = []
      const chain = Fallback.make([
        model("a/1", ({ onDelta }) => {
          onDelta!("Once up")
          return Effect.fail(new Llm.LlmError({ model: "a/1", reason: new Llm.Network({ description: "cut" }) }))
        }),
        model("b/2", ({ onDelta }) => {
          onDelta?.("Whole")
          return Effect.succeed(answer("Whole"))
        })
      ])
      yield* chain.generate({ ...request, onDelta: (delta) => deltas.push(delta) })
      assert.deepStrictEqual(deltas, ["Once up"])
    })
  )

  it.effect("a list of references resolves to a chain", () =>
    Effect.gen(function* () {
      const resolve = Fallback.resolving((reference = "default/0") =>
        Effect.succeed(model(reference, () => Effect.succeed(answer(reference))))
      )
      assert.strictEqual((yield* resolve(["a/1", "b/2"])).reference, "a/1 | b/2")
      assert.strictEqual((yield* resolve(undefined)).reference, "default/0")
      assert.strictEqual((yield* Effect.flip(resolve([]))).reason._tag, "UnknownModel")
    })
  )

  it.effect("a model of the list that is not configured is skipped; if none is configured, that is reported", () =>
    Effect.gen(function* () {
      const resolve = Fallback.resolving((reference = "") =>
        reference === "b/2"
          ? Effect.succeed(model(reference, () => Effect.succeed(answer(reference))))
          : Effect.fail(new Llm.LlmError({ model: reference, reason: new Llm.UnknownModel({ description: "no key" }) }))
      )
      const notices: Array<Notice> = []
      const chain = yield* resolve(["a/1", "b/2"])
      const answered = yield* chain.generate({ ...request, onNotice: (notice) => notices.push(notice) })
      assert.strictEqual(answered.model, "b/2")
      assert.include(notices[0]!.message, "no key")
      assert.strictEqual((yield* Effect.flip(resolve(["a/1", "c/3"]))).model, "a/1")
    })
  )
})
