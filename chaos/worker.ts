/** One worker, as a process that may be killed or frozen at any moment. */
import * as Crewline from "@crewline/core/Crewline"
import * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Worker from "@crewline/core/Worker"
import * as Workspace from "@crewline/core/Workspace"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as BullTaskQueue from "@crewline/queue-redis/BullTaskQueue"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as RedisTaskQueue from "@crewline/queue-redis/RedisTaskQueue"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Graphs from "./Graphs.ts"
import * as Labour from "./Labour.ts"

const config = Config.all({
  name: Config.String("CHAOS_WORKER"),
  queue: Config.Literals(["redis", "bullmq"], "CHAOS_QUEUE"),
  leaseMillis: Config.Int("CHAOS_LEASE_MILLIS"),
  sweepMillis: Config.Int("CHAOS_SWEEP_MILLIS"),
  maxMillis: Config.Int("CHAOS_TASK_MILLIS"),
  concurrency: Config.Int("CHAOS_CONCURRENCY")
})

const program = Effect.gen(function* () {
  const { concurrency, leaseMillis, maxMillis, name, queue, sweepMillis } = yield* config
  const options = { leaseMillis, pollMillis: sweepMillis, lanes: { [Graphs.lane.name]: Graphs.lane.limit } }
  const tasks = queue === "redis" ? RedisTaskQueue.layer(options) : BullTaskQueue.layer(options)
  const runner = Layer.effect(Worker.Runner, Labour.make({ worker: name, maxMillis }))
  const layer = Crewline.layer({
    leaseMillis,
    sweepMillis,
    // A task that is repeatedly killed with its worker is not at fault.
    worker: { concurrency, name, maxCrashes: 1_000_000 }
  }).pipe(
    Layer.provide(runner),
    Layer.provide([
      tasks.pipe(Layer.provide(RedisConnection.layerConfig)),
      // No model is called here.
      Layer.succeed(Llm.Llm, { resolve: () => Effect.die("a task of the chaos asked a model") }),
      Toolbox.layer([]),
      Workspace.layerNone
    ]),
    Layer.provideMerge(PgEventLog.layer),
    Layer.provideMerge(Postgres.layerConfig)
  )
  yield* Layer.build(layer)
  process.stdout.write("ready\n")
  return yield* Effect.never
})

Effect.runPromise(Effect.scoped(program)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exitCode = 1
})
