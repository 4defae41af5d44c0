/**
 * Many executions through the queue over Redis, by several worker processes, while the memory of
 * the workers and of Redis is watched: neither may grow with the number of tasks processed, and
 * nothing may be left in Redis.
 *
 * Every execution is a layered graph with one last task. Some hundred of them are in the queue at a
 * time; the worker that settles the last task of one removes it. Memory is compared by medians of
 * the second and the last quarter of the samples, which come once per 2.5 % of the tasks: in the
 * first quarter everything warms up. A run of fewer than 200,000 tasks is over before that. Before
 * each sample the workers collect garbage ("heap"); the system's figure ("rss") also includes
 * memory that V8 has not returned yet.
 *
 * `npm run -s bench -- million --executions 10000 --tasks 1000000 --workers 4`
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as RedisTaskQueue from "@crewline/queue-redis/RedisTaskQueue"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import * as RedisProcess from "../packages/queue-redis/test/RedisProcess.ts"
import * as QueueShapes from "./QueueShapes.ts"
import type { Figures } from "./QueueWorkerProcess.ts"
import type { Options, Report } from "./run.ts"
import { median } from "./Quantile.ts"

export const options = { executions: 10_000, tasks: 1_000_000, workers: 4 }

/** Executions in the queue at a time. */
const inFlight = 200
const samplesWanted = 40
const enoughTasks = 200_000
/** The threshold of noise. */
const noise = { share: 0.1, bytes: 4 * 2 ** 20 }

interface Sample {
  readonly tasks: number
  readonly seconds: number
  readonly rssBytes: number
  readonly heapBytes: number
  readonly redisBytes: number
}

const graphOf = (tasks: number): ReadonlyArray<QueueShapes.Task> => {
  const all = QueueShapes.layered(tasks - 1, 10).tasks
  const needed = new Set(all.flatMap(({ dependencies }) => dependencies))
  return [...all, { id: "end", dependencies: all.map(({ id }) => id).filter((id) => !needed.has(id)) }]
}

const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20)

const workerOf = (port: number, name: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      fork(join(import.meta.dirname, "QueueWorkerProcess.ts"), [String(port), name], { execArgv: ["--expose-gc"] })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const ask = (child: ChildProcess, what: "progress" | "memory"): Promise<Figures> =>
  new Promise((resolve, reject) => {
    const gone = () => reject(new Error("A worker process has ended."))
    child.once("exit", gone)
    child.once("message", (figures) => {
      child.off("exit", gone)
      resolve(figures as Figures)
    })
    child.send(what)
  })

/** Grows, in percent, and whether that is more than noise. */
const growth = (samples: ReadonlyArray<Sample>, of: (sample: Sample) => number) => {
  const quarter = samples.length >> 2
  const second = median(samples.slice(quarter, 2 * quarter).map(of))
  const last = median(samples.slice(-quarter).map(of))
  return {
    second,
    last,
    isFlat: last - second <= Math.max(noise.share * second, noise.bytes)
  }
}

const main = Effect.fnUntraced(function* (report: Report, { executions = 0, tasks = 0, workers = 0 }: Options) {
  const nodes = graphOf(Math.max(Math.round(tasks / executions), 2))
  const total = executions * nodes.length
  const redis = yield* RedisProcess.make()
  const memory = async () => Number(/^used_memory:(\d+)/m.exec(await redis.cli("info", "memory"))?.[1])
  const children = yield* Effect.forEach(
    Array.from({ length: workers }, (_, n) => `worker-${n}`),
    (name) => workerOf(redis.port, name)
  )

  const samples: Array<Sample> = []
  const through = Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const from = performance.now()
    for (let submitted = 0; ;) {
      const figures = yield* Effect.promise(() => Promise.all(children.map((child) => ask(child, "progress"))))
      const ended = figures.reduce((sum, each) => sum + each.executions, 0)
      const done = figures.reduce((sum, each) => sum + each.tasks, 0)
      if (done >= (samples.length * total) / samplesWanted) {
        const memories = yield* Effect.promise(() => Promise.all(children.map((child) => ask(child, "memory"))))
        samples.push({
          tasks: done,
          seconds: (performance.now() - from) / 1_000,
          rssBytes: memories.reduce((sum, each) => sum + each.rssBytes, 0),
          heapBytes: memories.reduce((sum, each) => sum + each.heapBytes, 0),
          redisBytes: yield* Effect.promise(memory)
        })
        process.stderr.write(`million: ${done} of ${total} tasks\n`)
      }
      if (ended === executions) return { done, seconds: (performance.now() - from) / 1_000 }
      const next = Math.min(executions, ended + inFlight)
      const ids = Array.from({ length: next - submitted }, (_, n) => `execution-${submitted + n}`)
      yield* Effect.forEach(ids, (id) => queue.submit(QueueShapes.factsOf(id, nodes)), {
        concurrency: 10,
        discard: true
      })
      submitted = next
      yield* Effect.sleep(10)
    }
  }).pipe(
    Effect.provide(RedisTaskQueue.layer()),
    Effect.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${redis.port}`) }))
  )
  const { done, seconds } = yield* through
  if (done !== total) return yield* Effect.die(new Error(`${done} tasks were finished, and there are ${total}.`))

  for (const child of children) child.kill("SIGKILL")
  const names = (yield* Effect.promise(() => redis.cli("keys", "*"))).split("\n").filter((name) => name !== "")
  const lasting: Array<string> = []
  for (const name of names) {
    if ((yield* Effect.promise(() => redis.cli("pttl", name))) === "-1") lasting.push(name)
  }
  const isLong = total >= enoughTasks
  // Last replies to clients, and the counters, expire within a minute; after a short run the
  // benchmark does not wait for that.
  const waitedFrom = performance.now()
  while (
    isLong &&
    (yield* Effect.promise(() => redis.cli("dbsize"))) !== "0" &&
    performance.now() - waitedFrom < 65_000
  ) {
    yield* Effect.sleep(200)
  }
  const left = isLong ? Number(yield* Effect.promise(() => redis.cli("dbsize"))) : 0

  for (const sample of samples.filter((_, n) => n % 4 === 0 || n === samples.length - 1)) {
    report({
      bench: "million",
      case: "sample",
      tasks: sample.tasks,
      seconds: Math.round(sample.seconds),
      "workers heap MB": megabytes(sample.heapBytes),
      "workers rss MB": megabytes(sample.rssBytes),
      "redis MB": Number((sample.redisBytes / 2 ** 20).toFixed(1))
    })
  }
  const ofHeap = growth(samples, (sample) => sample.heapBytes)
  const ofRss = growth(samples, (sample) => sample.rssBytes)
  const ofRedis = growth(samples, (sample) => sample.redisBytes)
  const isFlat = ofHeap.isFlat && ofRss.isFlat && ofRedis.isFlat
  report({
    bench: "million",
    case: `${executions} executions of ${nodes.length} tasks`,
    tasks: total,
    "worker processes": workers,
    "tasks/s": Math.round(total / seconds),
    "heap MB, 2nd quarter": megabytes(ofHeap.second),
    "heap MB, last": megabytes(ofHeap.last),
    "rss MB, 2nd quarter": megabytes(ofRss.second),
    "rss MB, last": megabytes(ofRss.last),
    "redis MB, 2nd quarter": Number((ofRedis.second / 2 ** 20).toFixed(1)),
    "redis MB, last": Number((ofRedis.last / 2 ** 20).toFixed(1)),
    flat: !isLong ? "too short" : isFlat ? "yes" : "no",
    "keys with a time": names.length - lasting.length,
    "keys for ever": lasting.length,
    ...(isLong ? { "keys in the end": left } : {})
  })
  if (isLong && !isFlat) return yield* Effect.die(new Error("Memory has grown."))
  if (lasting.length > 0 || left > 0)
    return yield* Effect.die(new Error(`Left in Redis: ${lasting.join(", ") || left}`))
}, Effect.scoped)

export const run = (report: Report, options: Options): Promise<void> => Effect.runPromise(main(report, options))
