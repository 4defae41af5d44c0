/**
 * Limits how long a call may take, as a whole and, streamed, from one piece of its text to the
 * next. A call that takes longer is interrupted, which closes its connection, and fails with
 * `Timeout`.
 */
import * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface Options {
  /** For the whole call, in milliseconds. Default: 600,000. */
  readonly wholeMillis?: number
  /**
   * Between two pieces of a streamed text, in milliseconds, from the first one on. Default: none.
   * The arguments of tool calls are no such pieces, so leave time for them; a connection on which
   * nothing comes at all is the provider's `timeoutMillis` to notice.
   */
  readonly betweenDeltasMillis?: number
}

export const make = (options: Options = {}): ((model: Llm.Model) => Llm.Model) => {
  const { betweenDeltasMillis, wholeMillis = 600_000 } = options
  return (model) => {
    const { reference } = model
    const late = (description: string) =>
      Effect.fail(new Llm.LlmError({ model: reference, reason: new Llm.Timeout({ description }) }))
    const whole = (call: Effect.Effect<Llm.Answer, Llm.LlmError>) =>
      Effect.timeoutOrElse(call, {
        duration: wholeMillis,
        orElse: () => late(`The answer was not complete within ${wholeMillis} ms.`)
      })
    if (betweenDeltasMillis === undefined) return { reference, generate: (request) => whole(model.generate(request)) }

    const watched = Effect.fnUntraced(function* (request: Llm.Request, onDelta: NonNullable<Llm.Request["onDelta"]>) {
      const clock = yield* Clock.Clock
      let last: number | undefined
      const call = model.generate({
        ...request,
        onDelta: (delta) => {
          last = clock.currentTimeMillisUnsafe()
          onDelta(delta)
        }
      })
      const watch = Effect.gen(function* () {
        while (true) {
          const silent = last === undefined ? 0 : clock.currentTimeMillisUnsafe() - last
          if (silent >= betweenDeltasMillis) {
            return yield* late(`The answer stalled: nothing arrived for ${betweenDeltasMillis} ms.`)
          }
          yield* Effect.sleep(betweenDeltasMillis - silent)
        }
      })
      return yield* Effect.raceFirst(call, watch)
    })
    return {
      reference,
      generate: (request) =>
        whole(request.onDelta === undefined ? model.generate(request) : watched(request, request.onDelta))
    }
  }
}
