import * as Llm from "@crewline/core/Llm"
import * as Usage from "@crewline/core/Usage"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as Telemetry from "../src/Telemetry.ts"
import * as Wrapped from "./Wrapped.ts"

/** The output of a call: spans and metrics. */
const observe = Effect.fnUntraced(function* (model: Llm.Model, request: Llm.Request) {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const metrics = yield* Effect.andThen(Effect.exit(model.generate(request)), Metric.snapshot).pipe(
    Effect.provideService(Tracer.Tracer, tracer),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
  return { spans, metrics }
})

const request = Wrapped.request("Is canary-1 private?", {
  options: { temperature: 0.5, maxOutputTokens: 100 },
  caller: { executionId: "e", taskId: "t", agent: "writer" }
})

describe("Telemetry", () => {
  it.effect("describes a call by the conventions", () =>
    Effect.gen(function* () {
      const { metrics, spans } = yield* observe(Telemetry.make()(Wrapped.succeeding().model), request)
      assert.strictEqual(spans.length, 1)
      const [span] = spans
      assert.strictEqual(span!.name, "chat model")
      assert.strictEqual(span!.kind, "client")
      assert.deepStrictEqual(Object.fromEntries(span!.attributes), {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.request.model": "model",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.conversation.id": "e",
        "gen_ai.agent.name": "writer",
        "crewline.task.id": "t",
        "gen_ai.response.model": "model",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5
      })
      const units = metrics.map(({ attributes, id }) => [
        id,
        attributes?.["unit"],
        attributes?.["gen_ai.response.model"]
      ])
      assert.sameDeepMembers(units, [
        ["gen_ai.client.operation.duration", "s", "model"],
        ["gen_ai.client.token.usage", "{token}", "model"],
        ["gen_ai.client.token.usage", "{token}", "model"]
      ])
      const sums = metrics.map(({ attributes, id, state }) => [
        id,
        attributes?.["gen_ai.token.type"],
        "count" in state ? state.count : undefined
      ])
      assert.sameDeepMembers(sums, [
        ["gen_ai.client.operation.duration", undefined, 1],
        ["gen_ai.client.token.usage", "input", 1],
        ["gen_ai.client.token.usage", "output", 1]
      ])
    })
  )

  it.effect("distinguishes kinds of tokens, and records the time of the first chunk", () =>
    Effect.gen(function* () {
      const { model } = Wrapped.model((asked) =>
        Effect.gen(function* () {
          yield* TestClock.adjust(250)
          asked.onDelta?.("fi")
          yield* TestClock.adjust(250)
          asked.onDelta?.("ne")
          const { usage, ...answer } = Wrapped.answer("fine")
          const parts = { cachedInputTokens: 4, cacheWriteInputTokens: 3, reasoningTokens: 2 }
          return { ...answer, finishReason: "tool-calls" as const, usage: { ...usage, ...parts } }
        })
      )
      const deltas: Array<string> = []
      const onDelta = (delta: string): void => void deltas.push(delta)
      const { metrics, spans } = yield* observe(Telemetry.make()(model), Wrapped.request("Hello", { onDelta }))
      const { attributes } = spans[0]!
      assert.deepStrictEqual(deltas, ["fi", "ne"])
      assert.isTrue(attributes.get("gen_ai.request.stream"))
      assert.strictEqual(attributes.get("gen_ai.response.time_to_first_chunk"), 0.25)
      assert.deepStrictEqual(attributes.get("gen_ai.response.finish_reasons"), ["tool_call"])
      assert.strictEqual(attributes.get("gen_ai.usage.cache_read.input_tokens"), 4)
      assert.strictEqual(attributes.get("gen_ai.usage.cache_creation.input_tokens"), 3)
      assert.strictEqual(attributes.get("gen_ai.usage.reasoning.output_tokens"), 2)
      const duration = metrics.find(({ id }) => id === "gen_ai.client.operation.duration")?.state
      assert.propertyVal(duration, "sum", 0.5)
    })
  )

  it.effect("reports no tokens if the provider counted none", () =>
    Effect.gen(function* () {
      const uncounted = { ...Wrapped.answer("fine"), usage: { ...Usage.zero, requests: 1 } }
      const { model } = Wrapped.model(() => Effect.succeed(uncounted))
      const { metrics, spans } = yield* observe(Telemetry.make()(model), request)
      assert.isFalse(spans[0]!.attributes.has("gen_ai.usage.input_tokens"))
      assert.deepStrictEqual(
        metrics.map(({ id }) => id),
        ["gen_ai.client.operation.duration"]
      )
    })
  )

  it.effect("does not create a series for every name that a proxy invents", () =>
    Effect.gen(function* () {
      const { model } = Wrapped.model((_, call) =>
        Effect.succeed({ ...Wrapped.answer("fine"), model: `made-up-${call}` })
      )
      const observed = Telemetry.make()(model)
      const metrics = yield* Effect.andThen(
        Effect.repeat(observed.generate(request), { times: 500 }),
        Metric.snapshot
      ).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
      assert.isBelow(metrics.length, 110)
      const calls = metrics.map(({ id, state }) =>
        id.endsWith("duration") && "count" in state ? Number(state.count) : 0
      )
      assert.strictEqual(
        calls.reduce((sum, count) => sum + count, 0),
        501
      )
    })
  )

  it.effect("records how a call failed", () =>
    Effect.gen(function* () {
      const failing = Wrapped.model(() => Effect.fail(Wrapped.overloaded)).model
      const { metrics, spans } = yield* observe(Telemetry.make()(failing), request)
      assert.strictEqual(spans[0]!.attributes.get("error.type"), "Overloaded")
      assert.strictEqual(metrics[0]!.attributes?.["error.type"], "Overloaded")
    })
  )

  it.effect("records contents as the conventions specify", () =>
    Effect.gen(function* () {
      const { model } = Wrapped.model(() =>
        Effect.succeed({
          ...Wrapped.answer(""),
          parts: [{ type: "tool-call", id: "b", name: "look", params: { at: 2 } }],
          finishReason: "tool-calls"
        })
      )
      const messages: Llm.Request["messages"] = [
        { role: "system", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "Look." },
            { type: "file", mediaType: "image/png", data: "canary" }
          ]
        },
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "look", params: { at: 1 } }] },
        { role: "tool", content: [{ type: "tool-result", id: "a", name: "look", isFailure: false, result: "fog" }] }
      ]
      const { spans } = yield* observe(
        Telemetry.make({ captureContent: true })(model),
        Wrapped.request("", { messages })
      )
      const json = (name: string): unknown => JSON.parse(String(spans[0]!.attributes.get(name)))
      assert.deepStrictEqual(json("gen_ai.input.messages"), [
        { role: "system", parts: [{ type: "text", content: "Be brief." }] },
        {
          role: "user",
          parts: [
            { type: "text", content: "Look." },
            { type: "blob", mime_type: "image/png", modality: "image" }
          ]
        },
        { role: "assistant", parts: [{ type: "tool_call", id: "a", name: "look", arguments: { at: 1 } }] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "a", response: "fog" }] }
      ])
      assert.deepStrictEqual(json("gen_ai.output.messages"), [
        {
          role: "assistant",
          parts: [{ type: "tool_call", id: "b", name: "look", arguments: { at: 2 } }],
          finish_reason: "tool_call"
        }
      ])
    })
  )

  it.effect("records contents only on request", () =>
    Effect.gen(function* () {
      const { model } = Wrapped.model(() => Effect.succeed(Wrapped.answer("canary-2")))
      const textOf = ({ spans }: { readonly spans: ReadonlyArray<Tracer.Span> }) =>
        JSON.stringify(spans.map(({ attributes }) => [...attributes]))
      assert.notInclude(textOf(yield* observe(Telemetry.make()(model), request)), "canary")
      const all = textOf(yield* observe(Telemetry.make({ captureContent: true })(model), request))
      assert.include(all, "canary-1")
      assert.include(all, "canary-2")
    })
  )
})

describe("Telemetry.embedding", () => {
  const to = { provider: "openai", model: "text-embedding-3-small", dimensions: 256 }

  const observed = Effect.fnUntraced(function* (
    request: Effect.Effect<{ inputTokens: number | undefined }, Llm.LlmError>
  ) {
    const model: Llm.Model = {
      reference: "none",
      generate: () => Effect.as(Telemetry.embedding(to)(request), Wrapped.answer(""))
    }
    return yield* observe(model, Wrapped.request(""))
  })

  it.effect("describes a request for vectors by the conventions", () =>
    Effect.gen(function* () {
      const { metrics, spans } = yield* observed(Effect.succeed({ inputTokens: 12 }))
      const [span] = spans
      assert.strictEqual(span!.name, "embeddings text-embedding-3-small")
      assert.strictEqual(span!.kind, "client")
      assert.deepStrictEqual(Object.fromEntries(span!.attributes), {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.embeddings.dimension.count": 256,
        "gen_ai.usage.input_tokens": 12
      })
      assert.sameDeepMembers(
        metrics.map(({ attributes, id }) => [
          id,
          attributes?.["gen_ai.operation.name"],
          attributes?.["gen_ai.token.type"]
        ]),
        [
          ["gen_ai.client.operation.duration", "embeddings", undefined],
          ["gen_ai.client.token.usage", "embeddings", "input"]
        ]
      )
    })
  )

  it.effect("records how one failed, and reports no uncounted tokens", () =>
    Effect.gen(function* () {
      const failed = yield* observed(Effect.fail(Wrapped.overloaded))
      assert.strictEqual(failed.spans[0]!.attributes.get("error.type"), "Overloaded")
      assert.strictEqual(failed.metrics[0]!.attributes?.["error.type"], "Overloaded")
      const uncounted = yield* observed(Effect.succeed({ inputTokens: undefined }))
      assert.deepStrictEqual(
        uncounted.metrics.map(({ id }) => id),
        ["gen_ai.client.operation.duration"]
      )
    })
  )
})
