/**
 * Shared by tests of processes over a log in memory: their scope, their clock, and reading of
 * events.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as EventLog from "../../src/EventLog.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as LocalEventLog from "../../src/LocalEventLog.ts"

/** Runs in a scope, over a log in memory, or over this one. */
export const inMemory = <A, E>(
  effect: Effect.Effect<A, E, EventLog.EventLog | Scope.Scope>,
  log = LocalEventLog.layerLocal
): Effect.Effect<A, E> => effect.pipe(Effect.scoped, Effect.provide(log))

/** In small steps: a fiber that wakes another at the same instant needs a turn of the scheduler. */
export const seconds = (count: number) => Effect.repeat(TestClock.adjust(count * 100), { times: 9 })

export const eventsOf = (id: string) => EventLog.EventLog.use((log) => log.read(id))

export const ofType = <T extends ExecutionEvent.Type>(events: ReadonlyArray<ExecutionEvent.Followed>, type: T) =>
  events.filter((event): event is ExecutionEvent.Of<T> => event.type === type)
