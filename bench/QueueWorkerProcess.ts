/**
 * A worker process for `bench/million.ts`: claims from the queue over Redis, settles each task
 * individually, and removes an execution when its last task, `end`, is settled, as a worker does.
 * Arguments: the port of Redis and its name. On request, it reports to its parent how many tasks it
 * has finished, and its memory use: for "memory", after a garbage collection.
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as RedisTaskQueue from "@crewline/queue-redis/RedisTaskQueue"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Redacted from "effect/Redacted"

/** Messages to the parent. */
export interface Figures {
  readonly tasks: number
  readonly executions: number
  readonly rssBytes: number
  readonly heapBytes: number
}

const concurrency = 50

const work = Effect.fnUntraced(function* (worker: string) {
  const queue = yield* TaskQueue.TaskQueue
  const room = Latch.makeUnsafe()
  let free = concurrency
  let tasks = 0
  let executions = 0
  process.on("message", (message) => {
    // Garbage that is not yet collected is not meaningful.
    if (message === "memory") global.gc?.()
    const { heapUsed, rss } = process.memoryUsage()
    process.send?.({ tasks, executions, rssBytes: rss, heapBytes: heapUsed } satisfies Figures)
  })

  const settle = ({ executionId, taskId }: TaskQueue.Lease) =>
    Effect.gen(function* () {
      yield* queue.tell(executionId, { settled: [taskId] })
      tasks++
      if (taskId === "end") {
        yield* queue.forget(executionId)
        executions++
      }
      free++
      room.openUnsafe()
    })
  // As every worker does: it stops lost tasks, so that the queue need not keep its notices.
  yield* Effect.forkChild(Effect.forever(queue.lost(worker)))
  for (;;) {
    if (free === 0) {
      room.closeUnsafe()
      yield* room.await
    }
    const leases = yield* queue.take({ worker, limit: free })
    free -= leases.length
    for (const lease of leases) yield* Effect.forkChild(settle(lease))
  }
})

const [port, name = "worker"] = process.argv.slice(2)
process.once("disconnect", () => process.exit(0))
await Effect.runPromise(
  work(name).pipe(
    Effect.provide(RedisTaskQueue.layer()),
    Effect.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${port}`) }))
  )
)
