/**
 * The contract of every broadcast, whatever its transport. Two services represent two processes.
 *
 *     BroadcastContract.suite("PgBroadcast", Effect.all([process, process]))
 *
 * @see Broadcast
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type * as Broadcast from "../Broadcast.ts"

type Service = Broadcast.Broadcast["Service"]

export interface Options {
  /** Cuts the connection on which the second one listens; it must reconnect by itself. */
  readonly cut?: Effect.Effect<void, unknown>
}

/** Is listening once this returns. */
const listen = Effect.fnUntraced(function* (service: Service) {
  const texts = yield* Queue.unbounded<string>()
  const openings = yield* Queue.unbounded<void>()
  const opened = yield* Latch.make(false)
  yield* Effect.forkScoped(
    service.listen({
      opened: Effect.andThen(Queue.offer(openings, undefined), opened.open),
      received: (text) => Queue.offer(texts, text)
    })
  )
  yield* opened.await
  yield* Queue.take(openings)
  return { openings, take: (count: number) => Effect.map(Queue.takeN(texts, count), (taken) => [...taken]) }
})

/** Declares the suite; call it at the top of a test file or inside a `describe`. */
export const suite = <E>(
  name: string,
  processes: Effect.Effect<readonly [Service, Service, Options?], E, Scope.Scope>
): void => {
  describe(name, { timeout: 30_000 }, () => {
    it.live("delivers messages with any characters to all listeners, in order", () =>
      Effect.gen(function* () {
        const [here, there] = yield* processes
        const [first, second] = [yield* listen(there), yield* listen(there)]
        yield* here.send(["one", '{"two":"🦦\\n"}', "three"])
        yield* here.send(["four"])
        const all = ["one", '{"two":"🦦\\n"}', "three", "four"]
        assert.deepStrictEqual(yield* first.take(4), all)
        assert.deepStrictEqual(yield* second.take(4), all)
      }).pipe(Effect.scoped)
    )

    it.live("delivers a message of the maximum length completely", () =>
      Effect.gen(function* () {
        const [here, there] = yield* processes
        const { take } = yield* listen(there)
        const text = "é".repeat(Math.floor(here.maxBytes / 2))
        yield* here.send([text])
        assert.deepStrictEqual(yield* take(1), [text])
      }).pipe(Effect.scoped)
    )

    it.live("delivers nothing after a listener has stopped", () =>
      Effect.gen(function* () {
        const [here, there] = yield* processes
        let heard = 0
        const opened = yield* Latch.make(false)
        const received = () => Effect.sync(() => void heard++)
        yield* Effect.raceFirst(there.listen({ opened: opened.open, received }), opened.await)
        const { take } = yield* listen(there)
        yield* here.send(["late"])
        yield* take(1)
        assert.strictEqual(heard, 0)
      }).pipe(Effect.scoped)
    )

    it.live("reconnects a listener, and reports that messages may be lost", () =>
      Effect.gen(function* () {
        const [here, there, options] = yield* processes
        if (options?.cut === undefined) return
        const { openings, take } = yield* listen(there)
        yield* options.cut
        yield* Queue.take(openings)
        yield* here.send(["after"])
        assert.deepStrictEqual(yield* take(1), ["after"])
      }).pipe(Effect.scoped)
    )
  })
}
