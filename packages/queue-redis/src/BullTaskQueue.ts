/**
 * `TaskQueue` for applications that already use BullMQ: each task that becomes ready creates a job
 * that wakes a worker, so tasks are visible in BullMQ's tools. Everything else is `RedisTaskQueue`:
 * the same scripts decide about assignment, leases, order and limits, and BullMQ has no state of
 * executions.
 *
 * A bell is written with what made the task ready, and passed on afterwards: it may come late,
 * twice, or after its task was taken; then nothing is found, or something else that is ready. A
 * bell that is lost delays a task by `pollMillis` at most. The number in a job's id names the
 * activation, not the task: BullMQ drops a job whose id it has seen, and a task becomes ready more
 * than once.
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import { Queue, Worker } from "bullmq"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type { Redis as RedisClient } from "ioredis"
import { RedisConnection } from "./RedisConnection.ts"
import * as RedisTaskQueue from "./RedisTaskQueue.ts"
import * as RedisTransport from "./RedisTransport.ts"

export interface Options extends RedisTaskQueue.Options {
  /** The name of BullMQ's queue; default `ready`. Its keys begin with `{prefix:bucket}:bull`. */
  readonly name?: string
}

/**
 * How long a fetched bell may take until BullMQ counts it as stalled and gives it to another, in
 * milliseconds.
 */
const lockMillis = 30_000
const pauseMillis = 1_000
/** A job id of digits only would be taken for one of BullMQ's own. */
const idPrefix = "activation-"

const makeBell = Effect.fnUntraced(function* (options: Options, bucket: number) {
  const { client, dedicated } = yield* RedisConnection
  const blocking = yield* dedicated
  const prefix = `{${options.prefix ?? "crewline"}:${bucket}}:bull`
  const name = options.name ?? "ready"
  const token = (yield* Random.next).toString(36).slice(2)
  // Without a listener BullMQ writes to the console; a lost connection is told by the connection
  // itself.
  const silent = () => {}

  const queue = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Queue<Pick<RedisTaskQueue.Ready, "executionId" | "taskId">>(name, { connection: client, prefix }).on(
        "error",
        silent
      )
    ),
    (each) => Effect.promise(() => each.close())
  )
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => {
      // It blocks, for as long as it takes: not on the connection that all share, and without a
      // limit of tries.
      if (!blocking.isCluster) (blocking as RedisClient).options.maxRetriesPerRequest = null
      return new Worker<Pick<RedisTaskQueue.Ready, "executionId" | "taskId">>(name, null, {
        connection: blocking,
        prefix,
        autorun: false,
        lockDuration: lockMillis
      }).on("error", silent)
    }),
    (each) => Effect.promise(() => each.close(true))
  )

  const ring = (bells: ReadonlyArray<RedisTaskQueue.Ready>) =>
    queue.addBulk(
      bells.map(({ executionId, number, taskId }) => ({
        name: "ready",
        data: { executionId, taskId },
        opts: { jobId: idPrefix + number, removeOnComplete: true, removeOnFail: true }
      }))
    )

  const bell: RedisTaskQueue.Bell = {
    ring: (bells) =>
      Effect.ignore(
        Effect.tryPromise(() => ring(bells)),
        {
          log: "Warn",
          message: "Failed to pass wake-up signals to BullMQ; workers will find the tasks by polling"
        }
      ),
    heard: Effect.gen(function* () {
      for (;;) {
        const job = yield* Effect.option(Effect.tryPromise(() => worker.getNextJob(token)))
        if (job._tag === "None") {
          yield* Effect.sleep(pauseMillis)
          continue
        }
        // Nothing came for a while.
        if (job.value === undefined) continue
        // Heard: whatever comes of it, it has done its work. Were it lost here, BullMQ would ring
        // once more.
        yield* Effect.ignore(Effect.tryPromise(() => job.value.moveToCompleted(null, token, false)))
        return { ...job.value.data, number: String(job.value.id).replace(idPrefix, "") }
      }
    })
  }
  return bell
})

/** Over a transport of the scripts, and a connection for BullMQ. */
export const layerTransport = (
  options: Options = {}
): Layer.Layer<TaskQueue.TaskQueue, never, RedisConnection | RedisTransport.RedisTransport> =>
  Layer.effect(
    TaskQueue.TaskQueue,
    RedisTaskQueue.make(options, (bucket) => makeBell(options, bucket))
  )

/** Over the connection. */
export const layer = (options: Options = {}): Layer.Layer<TaskQueue.TaskQueue, never, RedisConnection> =>
  Layer.provide(layerTransport(options), RedisTransport.layer)
