/**
 * Starts a crew and shows it to its end.
 *
 * When the fiber is interrupted (Control-C) the execution is cancelled, and its end is waited for and shown: nothing goes on unseen.
 */
import * as Crewline from "@crewline/core/Crewline"
import type * as Crew from "@crewline/core/Crew"
import type * as Schema from "effect/Schema"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Inputs } from "./Inputs.ts"
import * as Live from "./Live.ts"

export interface Options extends Live.Options {
  readonly inputs: Inputs
  /** Of a stored crew. */
  readonly crewId?: string
}

/** Answers what the execution came to; fails with `ExecutionFailed` when that is nothing. */
export const watch = Effect.fn("Watch.watch")(function* (crew: Crew.Crew, { crewId, inputs, json }: Options) {
  const crewline = yield* Crewline.Crewline
  const handle = yield* crewline.start(crew, { inputs, ...(crewId === undefined ? {} : { crewId }) })
  const shown = yield* Effect.forkChild(Live.show(handle.events, { json }))
  yield* Fiber.join(shown).pipe(
    Effect.onInterrupt(() => Effect.andThen(Effect.ignore(crewline.cancel(handle.id)), Fiber.await(shown)))
  )
  return yield* handle.result
})

/** An output as it is printed: text as it is, anything else as JSON. */
export const asText = (output: Schema.Json): string =>
  typeof output === "string" ? output : JSON.stringify(output, undefined, 2)
