/**
 * Deduplicates concurrent work: while an effect with a key runs, further calls with that key get
 * its result. It runs in its own fiber, so an interrupted caller does not affect the others.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A key must always stand for the same effect. */
export type Flights<A, E> = (key: string, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** What runs ends with the present scope. */
export const make = <A, E>(): Effect.Effect<Flights<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const running = new Map<string, Deferred.Deferred<A, E>>()
    return (key, effect) =>
      Effect.suspend(() => {
        const known = running.get(key)
        if (known !== undefined) return Deferred.await(known)
        const result = Deferred.makeUnsafe<A, E>()
        running.set(key, result)
        const done = Effect.onExit(effect, (exit) => {
          running.delete(key)
          return Deferred.done(result, exit)
        })
        return Effect.andThen(Effect.forkIn(done, scope, { startImmediately: true }), Deferred.await(result))
      })
  })
