/** Calls the functions of a crew: guardrails, conditions, output schemas. */
import * as Effect from "effect/Effect"
import type { CodeContext } from "../Crew.ts"
import { failed, type Ended, type Leg } from "./Leg.ts"

/** What functions are given of the tasks before. */
export const outputsOf = (upstream: Leg["upstream"]): CodeContext["outputs"] =>
  Object.fromEntries(upstream.flatMap(({ output, task }) => (output === undefined ? [] : [[task, output]])))

/** The worker has the plan but not the functions that belong to it. */
export const missing = (what: string): Ended =>
  failed(
    "missing-code",
    `This process does not have the code of ${what}: start or adopt the execution with its crew.`,
    { isRetryable: false }
  )

export type Ran<A> =
  | { readonly _tag: "Success"; readonly value: A }
  | { readonly _tag: "Failure"; readonly ended: Ended }

/**
 * Runs a function of the crew: a value, a promise or an effect. One that throws fails the attempt,
 * with its own message.
 */
export const run = <A>(what: string, call: () => A | Promise<A> | Effect.Effect<A>): Effect.Effect<Ran<Awaited<A>>> =>
  Effect.suspend(() => {
    const returned = call()
    return Effect.isEffect(returned)
      ? (returned as Effect.Effect<Awaited<A>>)
      : Effect.promise(() => Promise.resolve(returned))
  }).pipe(
    Effect.map((value): Ran<Awaited<A>> => ({ _tag: "Success", value })),
    Effect.catchDefect((defect) =>
      Effect.succeed<Ran<Awaited<A>>>({
        _tag: "Failure",
        ended: failed(
          "code-failed",
          `The ${what} threw: ${defect instanceof Error ? defect.message : String(defect)}`,
          {
            isRetryable: true,
            keepsTurns: true,
            thrown: defect
          }
        )
      })
    )
  ) as Effect.Effect<Ran<Awaited<A>>>
