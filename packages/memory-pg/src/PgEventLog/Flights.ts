/**
 * Work that several callers need at once is done once: while an effect with a key runs, further calls with that key get its result.
 * The effect runs in a fiber of its own, so an interrupted caller does not take the result away from the others.
 */
import type * as EventLog from "@crewline/core/EventLog"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"

type Flight<A> = Set<(exit: Exit.Exit<A, EventLog.EventLogError>) => void>

export interface Flights {
  /** A key must always stand for the same effect. */
  readonly share: <A>(
    key: string,
    effect: Effect.Effect<A, EventLog.EventLogError>
  ) => Effect.Effect<A, EventLog.EventLogError>
}

export const make: Effect.Effect<Flights, never, Scope.Scope> = Effect.map(FiberSet.makeRuntime<never>(), (run) => {
  const flights = new Map<string, Flight<never>>()
  return {
    share: <A>(key: string, effect: Effect.Effect<A, EventLog.EventLogError>) =>
      Effect.callback<A, EventLog.EventLogError>((resume) => {
        const known = flights.get(key) as Flight<A> | undefined
        const flight: Flight<A> = known ?? new Set()
        flight.add(resume)
        if (known === undefined) {
          flights.set(key, flight as Flight<never>)
          run(
            Effect.onExit(effect, (exit) =>
              Effect.sync(() => {
                flights.delete(key)
                for (const landed of flight) landed(exit)
              })
            )
          )
        }
        return Effect.sync(() => flight.delete(resume))
      })
  }
})
