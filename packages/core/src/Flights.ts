/**
 * Deduplicates concurrent work: calls with the same key share a run of an effect, and its result.
 *
 * - `make`: calls get the result of a run that is under way. It has its own fiber, so an
 *   interrupted caller does not affect the others.
 * - `makeFresh`: every call gets the result of a run that began after the call, for reads that must
 *   see earlier writes. Calls during one run share the next.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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

interface Fresh<A, E> {
  readonly startedAt: number
  /** Absent until a call waits. Without a result: the run was interrupted. */
  ended: Deferred.Deferred<Exit.Exit<A, E> | undefined> | undefined
}

/** Calls do not wait for a run that takes longer: its connection may be broken. */
const maxWaitMillis = 1_000

/**
 * A run belongs to the fiber of the first of its calls. If that is interrupted, the others run the
 * effect again.
 */
export const makeFresh = <A, E>(): Flights<A, E> => {
  const running = new Map<string, Fresh<A, E>>()

  const run = (key: string, effect: Effect.Effect<A, E>, startedAt: number) => {
    const own: Fresh<A, E> = { startedAt, ended: undefined }
    running.set(key, own)
    return Effect.onExit(effect, (exit) =>
      Effect.sync(() => {
        if (running.get(key) === own) running.delete(key)
        if (own.ended === undefined) return
        Deferred.doneUnsafe(own.ended, Exit.succeed(Exit.hasInterrupts(exit) ? undefined : exit))
      })
    )
  }

  const share = (key: string, effect: Effect.Effect<A, E>, mayJoin: boolean): Effect.Effect<A, E> =>
    Effect.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      const current = running.get(key)
      if (current === undefined || now - current.startedAt > maxWaitMillis) return run(key, effect, now)
      current.ended ??= Deferred.makeUnsafe()
      return Effect.flatMap(Deferred.await(current.ended), (exit) =>
        // What runs now began after the call.
        mayJoin && exit !== undefined ? exit : share(key, effect, true)
      )
    })

  return (key, effect) => share(key, effect, false)
}
