/** In-process memory for crews with `memory: true`; logs a warning on first use. */
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** How long a memory lasts, for people. */
export const notice =
  "memory: true uses in-process memory: memories are lost when this process ends, and other processes do not see them."

/** Logs the notice when a crew first wants to remember. */
export const layer: Layer.Layer<Memory.Memory> = Layer.effect(
  Memory.Memory,
  Effect.gen(function* () {
    const memory = yield* Memory.Memory
    let isTold = false
    const tell = Effect.suspend(() => {
      if (isTold) return Effect.void
      isTold = true
      return Effect.logWarning(notice)
    })
    return Memory.Memory.of({
      ...memory,
      recall: (query) => Effect.andThen(tell, memory.recall(query)),
      remember: (entries) => Effect.andThen(tell, memory.remember(entries))
    })
  })
).pipe(Layer.provide(Memory.layerLocal))
