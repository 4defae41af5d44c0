import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as TraceContext from "../src/TraceContext.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"
const span = (id = spanId, sampled = true) => Tracer.externalSpan({ traceId, spanId: id, sampled })

const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

it.effect("is that of the current span, with its sampling decision if there is a tracer", () =>
  Effect.gen(function* () {
    assert.isUndefined(yield* TraceContext.current)
    const found = Effect.provideService(TraceContext.current, Tracer.ParentSpan, span(spanId, false))
    assert.deepStrictEqual(yield* found, { traceId, spanId })
    assert.deepStrictEqual(yield* Effect.withTracer(found, tracer), { traceId, spanId, sampled: false })
    const odd = Tracer.externalSpan({ traceId: "noop", spanId: "noop" })
    assert.isUndefined(yield* Effect.provideService(TraceContext.current, Tracer.ParentSpan, odd))
  })
)

it.effect("a stored span becomes the parent, unless the current span belongs to the same trace", () =>
  Effect.gen(function* () {
    const seen = Effect.map(Effect.currentParentSpan, ({ sampled, spanId }) => ({ sampled, spanId }))
    const inside = TraceContext.within({ traceId, spanId }, seen)
    assert.deepStrictEqual(yield* inside, { spanId, sampled: false })
    assert.deepStrictEqual(yield* Effect.withTracer(inside, tracer), { spanId, sampled: true })
    const unsampled = TraceContext.within({ traceId, spanId, sampled: false }, seen)
    assert.deepStrictEqual(yield* Effect.withTracer(unsampled, tracer), { spanId, sampled: false })
    const other = Tracer.externalSpan({ traceId: "f".repeat(32), spanId: "f".repeat(16) })
    assert.strictEqual((yield* Effect.provideService(inside, Tracer.ParentSpan, other)).spanId, spanId)
    const child = "1".repeat(16)
    assert.strictEqual((yield* Effect.provideService(inside, Tracer.ParentSpan, span(child))).spanId, child)
    assert.isUndefined(yield* TraceContext.within(undefined, TraceContext.current))
  })
)
