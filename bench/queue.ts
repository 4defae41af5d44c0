/**
 * Tasks without work, through the queue over Redis and through BullMQ: the queue's share of a
 * task's time. One process, one worker with a concurrency of 50 in each arm, and a separate Redis
 * without persistence. `busy poll`: with `busyPollMicros: 300`.
 *
 * `tasks/s` counts from before the tasks are added to the last acknowledgement. `µs` is processor
 * time a task: of this process (`client`) and of Redis (`redis`). `ratio` is the median of the
 * rounds' ratios. A flow of BullMQ is a tree: two tasks that need the same third one (lattice,
 * layered) cannot be expressed with it, so there it has no figure. `of awaited` and `of pipelined`
 * compare with a script that does the minimum for a task, called one at a time and 50 at a time, in
 * the same run.
 */
import * as Effect from "effect/Effect"
import * as RedisProcess from "../packages/queue-redis/test/RedisProcess.ts"
import * as QueueArms from "./QueueArms.ts"
import * as QueueShapes from "./QueueShapes.ts"
import type { Report } from "./run.ts"
import * as ScriptLimit from "./ScriptLimit.ts"
import { median } from "./Quantile.ts"

const rounds = 5
const concurrency = 50

const chain = QueueShapes.chain(1_000)
/** In one case our worker behaves differently while it waits for Redis. */
const cases: ReadonlyArray<QueueShapes.Shape & { readonly isAwake?: true }> = [
  chain,
  { ...chain, name: "chain, busy poll", isAwake: true },
  QueueShapes.chains(50, 100),
  QueueShapes.fanIn(5_000),
  QueueShapes.tree(4, 6),
  QueueShapes.lattice(100),
  QueueShapes.layered(10_000, 100),
  QueueShapes.independent(10_000)
]

interface Figures {
  readonly perSecond: number
  readonly clientMicros: number
  readonly redisMicros: number
}

const measured = async (
  redis: RedisProcess.RedisProcess,
  arm: QueueArms.Arm,
  shape: QueueShapes.Shape
): Promise<Figures> => {
  const redisMicros = async () => {
    const info = await redis.cli("info", "cpu")
    const seconds = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1])
    return (seconds("used_cpu_user") + seconds("used_cpu_sys")) * 1e6
  }
  const redisFrom = await redisMicros()
  const clientFrom = process.cpuUsage()
  const from = performance.now()
  await arm.run(shape)
  const millis = performance.now() - from
  const { system, user } = process.cpuUsage(clientFrom)
  const count = shape.tasks.length
  return {
    perSecond: (count * 1_000) / millis,
    clientMicros: (system + user) / count,
    redisMicros: ((await redisMicros()) - redisFrom) / count
  }
}

const medians = (figures: ReadonlyArray<Figures>): Figures => ({
  perSecond: median(figures.map(({ perSecond }) => perSecond)),
  clientMicros: median(figures.map(({ clientMicros }) => clientMicros)),
  redisMicros: median(figures.map(({ redisMicros }) => redisMicros))
})

const main = Effect.fnUntraced(function* (report: Report) {
  const redis = yield* RedisProcess.make()
  yield* Effect.promise(async () => {
    const asleep = await QueueArms.crewline(redis.port, concurrency)
    const awake = await QueueArms.crewline(redis.port, concurrency, { busyPollMicros: 300 })
    const theirs = await QueueArms.bullmq(redis.port, concurrency)
    const figures = new Map(
      cases.map(({ name }) => [name, { ours: [] as Array<Figures>, theirs: [] as Array<Figures> }])
    )
    const limits: Array<ReadonlyArray<ScriptLimit.Limit>> = []
    // All code is compiled before the first measurement.
    await ScriptLimit.measure(redis.port, 5_000)
    for (const shape of cases) {
      await (shape.isAwake ? awake : asleep).run(shape)
      if (shape.trees !== undefined) await theirs.run(shape)
    }
    for (let round = 0; round < rounds; round++) {
      limits.push(await ScriptLimit.measure(redis.port, 10_000))
      for (const shape of cases) {
        const ours = shape.isAwake ? awake : asleep
        const { ours: mine, theirs: other } = figures.get(shape.name)!
        const turns = [
          async () => mine.push(await measured(redis, ours, shape)),
          async () => shape.trees !== undefined && other.push(await measured(redis, theirs, shape))
        ]
        // The second arm runs on a warmer machine.
        for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn()
        process.stderr.write(`queue: round ${round + 1} of ${rounds}, ${shape.name}\n`)
      }
    }
    await asleep.close()
    await awake.close()
    await theirs.close()

    const limit = (script: string, pipelined: number) =>
      median(
        limits
          .flatMap((all) => all.filter((each) => each.script === script && each.pipelined === pipelined))
          .map(({ perSecond }) => perSecond)
      )
    for (const { name, tasks } of cases) {
      const { ours: mine, theirs: other } = figures.get(name)!
      const own = medians(mine)
      const bull = other.length > 0 ? medians(other) : undefined
      const ratio = median(mine.map(({ perSecond }, round) => perSecond / (other[round]?.perSecond ?? NaN)))
      const text = (value: number | undefined, digits = 0) =>
        value === undefined ? "-" : Number(value.toFixed(digits))
      report({
        bench: "queue",
        case: name,
        tasks: tasks.length,
        "tasks/s": Math.round(own.perSecond),
        "client µs": Number(own.clientMicros.toFixed(1)),
        "redis µs": Number(own.redisMicros.toFixed(1)),
        "bullmq tasks/s": text(bull?.perSecond),
        "bullmq client µs": text(bull?.clientMicros),
        "bullmq redis µs": text(bull?.redisMicros),
        ratio: bull === undefined ? "-" : Number(ratio.toFixed(2)),
        "of awaited": Number((own.perSecond / limit("commit", 1)).toFixed(2)),
        "of pipelined": Number((own.perSecond / limit("commit", 50)).toFixed(2))
      })
    }
    for (const script of ["empty", "commit"]) {
      for (const pipelined of [1, 50]) {
        report({
          bench: "queue",
          case: `script ${script}, ${pipelined} at a time`,
          "scripts/s": Math.round(limit(script, pipelined))
        })
      }
    }
  })
}, Effect.scoped)

export const run = (report: Report): Promise<void> => Effect.runPromise(main(report))
