/**
 * The same crew one task after the other, in parallel in one process, and in parallel over Redis
 * and PostgreSQL with 1, 2, 4 and 8 worker processes that work on one task at a time: its duration,
 * relative to that of its longest chain of tasks. Each task takes 50 ms or 500 ms of a model's
 * time. `ideal` is the result of a scheduler without overhead and with as many workers.
 *
 * `npm run -s bench -- crew-queue --chart 1` also draws `docs/crew-queue.svg`. Needs PostgreSQL at
 * `TEST_DATABASE_URL`, default 127.0.0.1:5432.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { fork } from "node:child_process"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as RedisProcess from "../packages/queue-redis/test/RedisProcess.ts"
import * as Chart from "./Chart.ts"
import type { Options, Report } from "./run.ts"
import * as TimedCrew from "./TimedCrew.ts"
import { median } from "./Quantile.ts"

export const options = { chart: 0 }

const workerCounts = [1, 2, 4, 8]
const sizes = [
  { millis: 50, rounds: 5 },
  { millis: 500, rounds: 3 }
]

interface Arm {
  readonly name: string
  /** Tasks at once, at most. */
  readonly atOnce: number
  readonly run: (millis: number) => Promise<void>
}

/** In rounds of as many tasks as there are workers, each level of the graph after the one above. */
const ideal = (atOnce: number): number => {
  const left = new Map(TimedCrew.tasks.map(({ dependencies, id }) => [id, new Set(dependencies)]))
  let steps = 0
  for (; left.size > 0; steps++) {
    const now = [...left].filter(([, dependencies]) => dependencies.size === 0).slice(0, atOnce)
    for (const [id] of now) left.delete(id)
    for (const dependencies of left.values()) for (const [id] of now) dependencies.delete(id)
  }
  return steps / TimedCrew.criticalTasks
}

const armOf = <E>(
  name: string,
  atOnce: number,
  process: "parallel" | "sequential",
  layer: Layer.Layer<Crewline.Crewline, E>
) =>
  Effect.gen(function* () {
    const runtime = yield* Effect.acquireRelease(
      Effect.sync(() => ManagedRuntime.make(layer)),
      (runtime) => runtime.disposeEffect
    )
    const crewline = yield* Effect.promise(() => runtime.runPromise(Effect.service(Crewline.Crewline)))
    const run = (millis: number) =>
      runtime.runPromise(
        Effect.asVoid(Effect.flatMap(crewline.startPlan(TimedCrew.plan(millis, process)), (handle) => handle.result))
      )
    return { name, atOnce, run } satisfies Arm
  })

/** A separate Redis, database and worker processes, so that waiting arms do not disturb others. */
const overRedis = Effect.fnUntraced(function* (count: number) {
  const redis = yield* RedisProcess.make()
  const { href } = yield* PostgresServer.emptyDatabase
  const arm = yield* armOf(
    `redis, ${count} ${count === 1 ? "worker" : "workers"}`,
    count,
    "parallel",
    // It only starts and waits for the end: the workers have the tasks.
    Crewline.layer({ worker: { concurrency: 0 } }).pipe(
      Layer.provide([TimedCrew.services, TimedCrew.shared(redis.port, href)])
    )
  )
  for (let n = 0; n < count; n++) {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        fork(join(import.meta.dirname, "CrewWorkerProcess.ts"), [String(redis.port), href, `worker-${n}`])
      ),
      (child) =>
        Effect.promise(async () => {
          if (child.exitCode !== null || child.signalCode !== null) return
          const gone = once(child, "exit")
          child.kill("SIGKILL")
          await gone
        })
    )
    yield* Effect.promise(() => once(child, "message"))
  }
  process.stderr.write(`crew-queue: ${arm.name} ready\n`)
  return arm
})

const main = Effect.fnUntraced(function* (report: Report, { chart }: Options) {
  if (PostgresServer.missing !== undefined) return yield* Effect.die(new Error(PostgresServer.missing))
  const inProcess = Crewline.layerLocal().pipe(Layer.provide(TimedCrew.services))
  const arms: ReadonlyArray<Arm> = [
    yield* armOf("sequential", 1, "sequential", inProcess),
    yield* armOf("parallel, one process", Infinity, "parallel", inProcess),
    ...(yield* Effect.forEach(workerCounts, overRedis))
  ]
  const bars = arms.map((arm) => ({ name: arm.name, values: [] as Array<number> }))
  for (const { millis, rounds } of sizes) {
    const critical = millis * TimedCrew.criticalTasks
    const times = arms.map((): Array<number> => [])
    for (const { run } of arms) yield* Effect.promise(() => run(1))
    for (let round = 0; round < rounds; round++) {
      for (const [n, { run }] of arms.entries()) {
        const from = performance.now()
        yield* Effect.promise(() => run(millis))
        times[n]!.push(performance.now() - from)
      }
      process.stderr.write(`crew-queue: ${millis} ms a task, round ${round + 1} of ${rounds}\n`)
    }
    for (const [n, { atOnce, name }] of arms.entries()) {
      const makespan = median(times[n]!)
      bars[n]!.values.push(makespan / critical)
      report({
        bench: "crew-queue",
        case: name,
        "ms a task": millis,
        "critical path ms": critical,
        "makespan ms": Math.round(makespan),
        "makespan / critical": Number((makespan / critical).toFixed(2)),
        ideal: Number(ideal(atOnce).toFixed(2))
      })
    }
  }
  if (chart === 0) return
  const svg = Chart.bars({
    title: `A crew of ${TimedCrew.tasks.length} tasks: time taken, over its longest chain of tasks`,
    series: sizes.map(({ millis }) => `${millis} ms a task`),
    bars
  })
  yield* Effect.promise(() => writeFile(join(import.meta.dirname, "..", "docs", "crew-queue.svg"), svg))
}, Effect.scoped)

export const run = (report: Report, options: Options): Promise<void> => Effect.runPromise(main(report, options))
