/**
 * A fake provider for the time of a scope, for tests in Effect.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Provider from "./FakeProvider.ts"

export interface FakeProvider extends Omit<Provider.FakeProvider, "asked" | "aborted" | "stop"> {
  /** Succeeds when a request has been read. */
  readonly asked: Effect.Effect<void>
  /** Succeeds when a client has closed a connection before its answer was complete. */
  readonly aborted: Effect.Effect<void>
}

export const start = (handler: Provider.Handler): Effect.Effect<FakeProvider, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => Provider.start(handler)),
      ({ stop }) => Effect.promise(stop)
    ),
    ({ aborted, asked, ...provider }) => ({
      ...provider,
      asked: Effect.promise(() => asked),
      aborted: Effect.promise(() => aborted)
    })
  )
