import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import * as Telemetry from "../src/Telemetry.ts"
import * as Wrapped from "./Wrapped.ts"

/** What a call leaves behind: spans and metrics. */
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

  it.effect("says how a call failed", () =>
    Effect.gen(function* () {
      const failing = Wrapped.model(() => Effect.fail(Wrapped.overloaded)).model
      const { metrics, spans } = yield* observe(Telemetry.make()(failing), request)
      assert.strictEqual(spans[0]!.attributes.get("error.type"), "Overloaded")
      assert.strictEqual(metrics[0]!.attributes?.["error.type"], "Overloaded")
    })
  )

  it.effect("tells what was said only to those who ask for it", () =>
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
