/**
 * `CREWLINE_QUEUE_RUNS=2000` is the nightly mode; a failure prints the values of
 * `CREWLINE_QUEUE_SEED`, `_PATH` and `_REPLAY` (`replayPath`) that repeat it.
 */
import { TaskQueueModel } from "@crewline/core/testing"
import * as Effect from "effect/Effect"
import { describe } from "vitest"
import * as BullTaskQueue from "../../src/BullTaskQueue.ts"
import * as QueueServer from "../QueueServer.ts"
import * as RedisServer from "../RedisServer.ts"

const { missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const number = (text: string | undefined) => (text === undefined ? undefined : Number(text))

const options = {
  elapse: QueueServer.elapse,
  quiesce: QueueServer.quiesce,
  expire: QueueServer.expire,
  expireMillis: QueueServer.expireMillis,
  runs: number(process.env["CREWLINE_QUEUE_RUNS"]) ?? 200,
  seed: number(process.env["CREWLINE_QUEUE_SEED"]),
  path: process.env["CREWLINE_QUEUE_PATH"],
  replayPath: process.env["CREWLINE_QUEUE_REPLAY"],
  timeoutMillis: 3_600_000
}

describe.skipIf(missing !== undefined)(missing ?? "on a server", () => {
  TaskQueueModel.suite("Redis", QueueServer.layer, options)

  TaskQueueModel.suite(
    "BullMQ",
    (limits) => QueueServer.layer({ ...limits, queue: BullTaskQueue.layerTransport }),
    options
  )

  TaskQueueModel.suite(
    "Redis, each call sent twice",
    (limits) =>
      QueueServer.layer({
        ...limits,
        // The first reply is lost.
        around: (run) => (script, keys, args) => Effect.andThen(run(script, keys, args), run(script, keys, args))
      }),
    options
  )
})
