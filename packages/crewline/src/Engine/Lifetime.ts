/**
 * The pending operations of a client: calls, and iterations of events. Each keeps the process alive
 * until it completes, and none outlives the client: they reject with `ClientClosed` when it is
 * closed.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { ClientClosed } from "../Failure.ts"
import type { KeepAlive } from "./KeepAlive.ts"

export class Lifetime<R, RE> {
  readonly #alive: KeepAlive
  readonly #closed = Deferred.makeUnsafe<never, ClientClosed>()
  readonly #runtime: ManagedRuntime.ManagedRuntime<R, RE>

  constructor(runtime: ManagedRuntime.ManagedRuntime<R, RE>, alive: KeepAlive) {
    this.#alive = alive
    this.#runtime = runtime
  }

  /** Runs an effect. Rejects with what it fails with, or at once with the reason of a signal. */
  readonly promise = <A, E>(effect: Effect.Effect<A, E, R>, signal?: AbortSignal): Promise<A> =>
    this.#alive.while(this.#run(effect, signal))

  async #run<A, E>(effect: Effect.Effect<A, E, R>, signal: AbortSignal | undefined): Promise<A> {
    if (this.#isClosed()) throw new ClientClosed()
    const exit = await this.#runtime.runPromiseExit(effect, signal === undefined ? undefined : { signal })
    if (Exit.isSuccess(exit)) return exit.value
    signal?.throwIfAborted()
    throw this.#isClosed() && Cause.hasInterruptsOnly(exit.cause) ? new ClientClosed() : Cause.squash(exit.cause)
  }

  /** The elements of a stream; each iteration starts from the beginning. */
  readonly iterable = <A, E>(stream: Stream.Stream<A, E>): AsyncIterable<A> => {
    const open = Stream.toAsyncIterable(Stream.interruptWhen(stream, Deferred.await(this.#closed)))
    return { [Symbol.asyncIterator]: () => this.#iterator(open[Symbol.asyncIterator]()) }
  }

  #iterator<A>(iterator: AsyncIterator<A>): AsyncIterator<A> {
    return {
      next: () => (this.#isClosed() ? Promise.reject(new ClientClosed()) : this.#alive.while(iterator.next())),
      return: async (value) => (await iterator.return?.(value)) ?? { done: true, value }
    }
  }

  readonly #isClosed = (): boolean => Deferred.isDoneUnsafe(this.#closed)

  readonly dispose = (): Promise<void> => {
    if (!this.#isClosed()) Deferred.doneUnsafe(this.#closed, Effect.fail(new ClientClosed()))
    return this.#alive.while(this.#runtime.dispose())
  }
}
