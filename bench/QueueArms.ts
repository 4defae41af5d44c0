/**
 * The queues that `bench/queue.ts` compares: each with one worker of the same concurrency, whose
 * tasks do nothing, on the same Redis.
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as RedisTaskQueue from "@crewline/queue-redis/RedisTaskQueue"
import { FlowProducer, Queue, Worker, type FlowJob } from "bullmq"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { factsOf, type Shape, type Tree } from "./QueueShapes.ts"

export interface Arm {
  /**
   * Adds all the tasks; done when each was taken, and the queue has acknowledged that it is
   * finished.
   */
  readonly run: (shape: Shape) => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * As our worker uses the port: two claims at the same time, each for half of the free capacity, and
 * every task settled individually. Settled tasks take no capacity.
 */
export const crewline = async (port: number, concurrency: number, options?: RedisTaskQueue.Options): Promise<Arm> => {
  const runtime = ManagedRuntime.make(
    RedisTaskQueue.layer(options).pipe(
      Layer.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${port}`) }))
    )
  )
  const queue = await runtime.runPromise(Effect.service(TaskQueue.TaskQueue))
  let executions = 0

  const run = Effect.fnUntraced(function* ({ tasks }: Shape) {
    const executionId = `execution-${executions++}`
    const over = Latch.makeUnsafe()
    const room = Latch.makeUnsafe()
    let left = tasks.length
    let free = concurrency
    const settle = (taskId: string) =>
      Effect.suspend(() => {
        free++
        room.openUnsafe()
        return Effect.map(queue.tell(executionId, { settled: [taskId] }), () => {
          if (--left === 0) over.openUnsafe()
        })
      })
    let asking = 0
    const work = Effect.gen(function* () {
      while (free === 0) {
        room.closeUnsafe()
        yield* room.await
      }
      const limit = asking > 0 ? free : Math.ceil(free / 2)
      free -= limit
      asking++
      const leases = yield* queue.take({ worker: "worker", limit })
      asking--
      free += limit - leases.length
      for (const { taskId } of leases) yield* Effect.forkChild(settle(taskId), { startImmediately: true })
    })
    yield* queue.submit(factsOf(executionId, tasks))
    yield* Effect.raceFirst(Effect.all([Effect.forever(work), Effect.forever(work)], { concurrency: 2 }), over.await)
    yield* queue.forget(executionId)
  })
  return { run: (shape) => runtime.runPromise(run(shape)), close: () => runtime.dispose() }
}

/**
 * As its documentation recommends for throughput: concurrency, jobs that are removed on completion,
 * flows and bulks added at once.
 */
export const bullmq = async (port: number, concurrency: number): Promise<Arm> => {
  const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null }
  const queueName = "bench"
  const queue = new Queue(queueName, { connection })
  const flows = new FlowProducer({ connection })
  const options = { removeOnComplete: true }
  let left = 0
  let over = () => {}
  const worker = new Worker(queueName, () => Promise.resolve(), { connection, concurrency })
  worker.on("completed", () => {
    if (--left === 0) over()
  })
  await Promise.all([worker.waitUntilReady(), queue.waitUntilReady(), flows.waitUntilReady()])

  const jobOf = ({ children, id }: Tree): FlowJob => ({
    name: id,
    queueName,
    data: {},
    opts: options,
    ...(children.length > 0 && { children: children.map(jobOf) })
  })
  return {
    run: async ({ name, tasks, trees }) => {
      if (trees === undefined) throw new Error(`A flow is a tree: ${name} cannot be said with flows.`)
      left = tasks.length
      const finished = new Promise<void>((resolve) => {
        over = resolve
      })
      if (trees.some(({ children }) => children.length > 0)) await flows.addBulk(trees.map(jobOf))
      else await queue.addBulk(trees.map(({ id }) => ({ name: id, data: {}, opts: options })))
      await finished
    },
    close: async () => {
      await worker.close()
      await Promise.all([queue.close(), flows.close()])
    }
  }
}
