/**
 * Lets no more than so many calls be under way at once in this process; the others wait in the
 * order in which they came, and say `limited` if they had to. A call that is interrupted, waiting
 * or under way, gives its place up.
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
