/**
 * Limits the number of concurrent calls in this process; other calls wait in order of arrival and
 * record a `limited` notice. An interrupted call, waiting or running, releases its slot.
 */
import type * as Llm from "@crewline/core/Llm"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

export interface Options {
  /** Calls at once, over all models that this wrapper is put around. */
  readonly concurrency: number
}

export const make = (options: Options): ((model: Llm.Model) => Llm.Model) => {
  const { concurrency } = options
  const semaphore = Semaphore.makeUnsafe(concurrency)
  let present = 0
  return (model) => {
    const { reference } = model
    return {
      reference,
      generate: (request) =>
        Effect.suspend(() => {
          const waits = present >= concurrency
          present += 1
          let call = model.generate(request)
          const { onNotice } = request
          if (waits && onNotice !== undefined) {
            call = Effect.flatMap(Clock.currentTimeMillis, (before) =>
              semaphore.withPermits(1)(
                Effect.flatMap(Clock.currentTimeMillis, (now) => {
                  onNotice({
                    kind: "limited",
                    model: reference,
                    message: `The call waited ${now - before} ms: at most ${concurrency} calls run concurrently.`,
                    delayMillis: now - before
                  })
                  return model.generate(request)
                })
              )
            )
          } else call = semaphore.withPermits(1)(call)
          return Effect.ensuring(
            call,
            Effect.sync(() => (present -= 1))
          )
        })
    }
  }
}
