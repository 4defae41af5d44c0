/**
 * The trace that an execution belongs to: that of the request, or of the program, that started it.
 * It is stored with the start, so that log lines and spans belong to it in whatever process works
 * on the execution.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** A span, by its ids in the form of W3C Trace Context. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** Whether the tracer of the start records the trace; absent: it had none. */
  readonly sampled?: boolean
}

const isId = (id: string, digits: number): boolean => id.length === digits && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id)

/** The current span, if there is one. */
export const current: Effect.Effect<TraceContext | undefined> = Effect.withFiber((fiber) => {
  const { context } = fiber
  const found = Context.getOption(context, Tracer.ParentSpan)
  if (found._tag === "None") return Effect.succeed(undefined)
  const { sampled, spanId, traceId } = found.value
  if (!isId(traceId, 32) || !isId(spanId, 16)) return Effect.succeed(undefined)
  const hasTracer = fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer
  return Effect.succeed({ traceId, spanId, ...(hasTracer ? { sampled } : {}) })
})

/** Runs within the trace; within a span of it, nothing changes. */
export const within = <A, E, R>(
  trace: TraceContext | undefined,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  trace === undefined
    ? effect
    : Effect.withFiber((fiber) => {
        const found = Context.getOption(fiber.context, Tracer.ParentSpan)
        if (found._tag === "Some" && found.value.traceId === trace.traceId) return effect
        // Without a tracer, no spans need to be created.
        const { sampled = fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer, spanId, traceId } = trace
        return Effect.provideService(effect, Tracer.ParentSpan, Tracer.externalSpan({ traceId, spanId, sampled }))
      })
