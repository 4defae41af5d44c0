import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as LostLeases from "../src/LostLeases.ts"
import type { Lease } from "../src/TaskQueue.ts"

const lease = (worker: string, taskId: string): Lease => ({
  worker,
  taskId,
  executionId: "x",
  nonce: 1,
  tenant: "default",
  lane: "default",
  timedOut: undefined
})

it.effect("reports lost leases to each worker, once, whether it is waiting or asks later", () =>
  Effect.gen(function* () {
    const lost = LostLeases.make()
    lost.add(lease("one", "a"))
    lost.add(lease("other", "b"))
    lost.add(lease("one", "c"))
    assert.deepStrictEqual(yield* lost.take("one"), [lease("one", "a"), lease("one", "c")])
    const waiting = yield* Effect.forkChild(lost.take("one"), { startImmediately: true })
    lost.add(lease("one", "d"))
    assert.deepStrictEqual(yield* Fiber.join(waiting), [lease("one", "d")])
    assert.deepStrictEqual(yield* lost.take("other"), [lease("other", "b")])
  })
)

it.effect("keeps reports after a worker has stopped waiting", () =>
  Effect.gen(function* () {
    const lost = LostLeases.make()
    const waiting = yield* Effect.forkChild(lost.take("one"), { startImmediately: true })
    yield* Fiber.interrupt(waiting)
    lost.add(lease("one", "a"))
    assert.deepStrictEqual(yield* lost.take("one"), [lease("one", "a")])
  })
)
