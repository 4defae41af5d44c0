/**
 * Many executions on worker processes that are killed and frozen every 300 ms, over a Redis that
 * loses connections, is restarted and emptied. There is no outside help: the workers themselves
 * take over abandoned work.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Migrations from "@crewline/memory-pg/Migrations"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Graphs from "./Graphs.ts"
import * as Labour from "./Labour.ts"
import * as Machines from "./Machines.ts"
import * as Servers from "./Servers.ts"
import * as Verdict from "./Verdict.ts"
import * as Random from "../packages/core/test/simulation/Random.ts"

export interface Options {
  readonly seed: number
  /** How long workers are killed and frozen. */
  readonly seconds: number
  readonly executions: number
  readonly workers: number
  readonly queue: "redis" | "bullmq"
  /**
   * The longest time without progress after the last kill while executions are open, in seconds.
   */
  readonly patience: number
  readonly log: (line: string) => void
}

export interface Report {
  readonly seed: number
  readonly queue: string
  readonly executions: number
  readonly tasks: number
  readonly kills: number
  readonly freezes: number
  readonly disconnections: number
  /**
   * Model calls made, and those whose answers were recorded: the difference was in flight in a
   * worker that died.
   */
  readonly calls: number
  readonly recorded: number
  /** The most tasks of the limited lane that were handed out at once. */
  readonly laneMost: number
  /** Tasks that lost their worker, and how long after its death another began, in milliseconds. */
  readonly recovered: number
  readonly recoveryMedianMillis: number
  readonly recoveryMaxMillis: number
  readonly leaseMillis: number
  readonly sweepMillis: number
  /** From the end of the chaos to the end of the last execution. */
  readonly tailMillis: number
  readonly keysLeft: ReadonlyArray<string>
  readonly complaints: { readonly [text: string]: number }
  readonly problems: ReadonlyArray<string>
}

const betweenMillis = 300
const leaseMillis = 2_000
const sweepMillis = 1_000
const taskMillis = 40

const median = (sorted: ReadonlyArray<number>): number => sorted[Math.floor(sorted.length / 2)] ?? 0

export const run = (options: Options): Effect.Effect<Report, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { executions: count, log, queue, seed } = options
    const random = Random.make(seed).next
    const databaseUrl = yield* Servers.database
    const redis = yield* Servers.redis
    const cache = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "crewline-chaos-cache-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    const entry = yield* Effect.tryPromise(() => Machines.bundle(cache))
    const services = yield* Layer.build(
      PgEventLog.layer.pipe(
        Layer.provideMerge(Migrations.layer),
        Layer.provideMerge(Postgres.layer({ url: Redacted.make(databaseUrl), applicationName: "crewline-chaos" }))
      )
    )
    return yield* Effect.provide(
      Effect.gen(function* () {
        const events = yield* EventLog.EventLog
        const sql = yield* SqlClient.SqlClient
        yield* Labour.migrate
        const machines = yield* Effect.acquireRelease(
          Effect.sync(() =>
            Machines.start({
              count: options.workers,
              entry,
              log,
              env: {
                DATABASE_URL: databaseUrl,
                DATABASE_MAX_CONNECTIONS: "4",
                REDIS_URL: redis.url,
                CHAOS_QUEUE: queue,
                CHAOS_LEASE_MILLIS: String(leaseMillis),
                CHAOS_SWEEP_MILLIS: String(sweepMillis),
                CHAOS_TASK_MILLIS: String(taskMillis),
                CHAOS_CONCURRENCY: "16",
                CHAOS_CACHE: cache
              }
            })
          ),
          (each) => Effect.promise(() => each.stop())
        )
        /** By the clock of the database, which sets the times in the log. */
        const now = Effect.map(
          sql.unsafe<{ readonly at: number }>("select extract(epoch from clock_timestamp())::float8 * 1000 as at"),
          (rows) => rows[0]!.at
        )

        const started: Array<{ readonly id: string; readonly shape: Graphs.Shape }> = []
        // As if a server had died between log and queue: only the log has them.
        const startSome = Effect.fnUntraced(function* (until: number) {
          while (started.length < Math.min(until, count)) {
            const shape = Graphs.shapes[started.length % Graphs.shapes.length]!
            const id = `exec_chaos_${seed}_${started.length}`
            yield* events.start(id, { type: "ExecutionStarted", plan: Graphs.plan(shape) })
            started.push({ id, shape })
          }
        })
        // Answers arrive both before and after the asks.
        const unanswered: Array<string> = []
        let answeredUpTo = 0
        const answerSome = Effect.fnUntraced(function* (chance: number) {
          for (; answeredUpTo < started.length; answeredUpTo++) {
            if (started[answeredUpTo]!.shape === "growing") unanswered.push(started[answeredUpTo]!.id)
          }
          for (const id of unanswered.splice(0)) {
            if (random() < chance) {
              yield* events.append(id, [{ type: "SignalReceived", signal: Graphs.signal, value: true }], {
                nonce: "answer"
              })
            } else unanswered.push(id)
          }
        })

        let laneMost = 0
        const lookAtLane = Effect.promise(async () => {
          const leased = await redis.cli("hget", "{crewline:0}:permits", Graphs.lane.name).catch(() => "0")
          laneMost = Math.max(laneMost, Number(leased) || 0)
        })

        const deaths = new Map<string, number>()
        let kills = 0
        let freezes = 0
        let disconnections = 0
        const ticks = Math.round((options.seconds * 1_000) / betweenMillis)
        const thaws: Array<{ readonly at: number; readonly slot: number }> = []
        yield* startSome(Math.ceil(count / 4))
        for (let tick = 1; tick <= ticks; tick++) {
          yield* Effect.sleep(betweenMillis)
          for (const thaw of thaws.splice(0)) {
            if (thaw.at <= tick) machines.thaw(thaw.slot)
            else thaws.push(thaw)
          }
          const slot = Math.floor(random() * options.workers)
          if (random() < 0.5) {
            for (let at = thaws.length - 1; at >= 0; at--) if (thaws[at]!.slot === slot) thaws.splice(at, 1)
            deaths.set(machines.kill(slot), yield* now)
            kills++
          } else if (!machines.isFrozen(slot)) {
            machines.freeze(slot)
            freezes++
            // From less than a lease to more than two.
            thaws.push({ slot, at: tick + 1 + Math.floor((random() * 2.5 * leaseMillis) / betweenMillis) })
          }
          if (tick % 10 === 0) {
            yield* Effect.promise(() =>
              redis.cli("client", "kill", "type", random() < 0.5 ? "normal" : "pubsub").catch(String)
            )
            disconnections++
          }
          if (tick === Math.floor(ticks * 0.4)) {
            log("Redis is restarted, and has what its file has")
            yield* Effect.promise(redis.restart)
          }
          if (tick === Math.floor(ticks * 0.7)) {
            log("Redis is emptied")
            yield* Effect.promise(() => redis.cli("flushall"))
          }
          yield* lookAtLane
          yield* startSome(Math.ceil((count * (1 + (3 * tick) / ticks)) / 4))
          yield* answerSome(0.1)
          if (tick % 20 === 0)
            log(`${Math.round((tick * betweenMillis) / 1_000)} s: ${started.length} started, ${kills} killed`)
        }
        for (const { slot } of thaws) machines.thaw(slot)
        yield* startSome(count)
        yield* answerSome(1)

        const over = Date.now()
        const progress = Effect.map(
          sql.unsafe<{ readonly open: number; readonly events: number }>(
            `select count(*) filter (where ended_at is null)::int as open, sum(last_seq)::int as events from crewline_execution`
          ),
          (rows) => rows[0]!
        )
        let seen = yield* progress
        // A slow machine is not a failure: work is lost only if progress stops.
        for (let since = Date.now(); seen.open > 0 && Date.now() - since < options.patience * 1_000;) {
          yield* Effect.sleep(200)
          yield* lookAtLane
          const now = yield* progress
          if (now.events !== seen.events) since = Date.now()
          seen = now
        }
        const left = seen.open
        const tailMillis = Date.now() - over
        log(`${left} executions have not ended`)
        // The next sweep removes ended executions from the queue.
        const keys = Effect.promise(async () => {
          const names = (await redis.cli("keys", "*")).split("\n").filter((key) => key !== "")
          // Keys of workers and BullMQ's own keys remain; all others may only wait for their
          // expiry.
          const ours = names.filter((key) => !/:bull:|:workers$|:infos$/.test(key))
          const lasting = await Promise.all(ours.map(async (key) => (await redis.cli("pttl", key)) === "-1"))
          return ours.filter((_, index) => lasting[index])
        })
        let keysLeft = yield* keys
        for (let tries = 0; keysLeft.length > 0 && left === 0 && tries < 100; tries++) {
          yield* Effect.sleep(100)
          keysLeft = yield* keys
        }

        const problems: Array<string> = []
        const recoveries: Array<number> = []
        let tasks = 0
        let calls = 0
        let recorded = 0
        for (const { id, shape } of started) {
          const history = yield* events.read(id, { payloads: false })
          const made = yield* sql.unsafe<Verdict.Call>(
            `select task, run, turn from ${Labour.table} where execution = '${id}'`
          )
          for (const problem of Verdict.problemsOf(history, made, Graphs.size(shape)))
            problems.push(`${shape} ${id}: ${problem}`)
          recoveries.push(...Verdict.recoveries(history, deaths))
          tasks += Graphs.size(shape)
          calls += made.length
          recorded += history.filter((event) => event.type === "TurnCompleted").length
        }
        if (laneMost > Graphs.lane.limit)
          problems.push(`${laneMost} tasks of a lane of ${Graphs.lane.limit} were handed out`)
        if (keysLeft.length > 0) problems.push(`keys are left: ${keysLeft.join(", ")}`)
        recoveries.sort((a, b) => a - b)
        return {
          seed,
          queue,
          executions: started.length,
          tasks,
          kills,
          freezes,
          disconnections,
          calls,
          recorded,
          laneMost,
          recovered: recoveries.length,
          recoveryMedianMillis: Math.round(median(recoveries)),
          recoveryMaxMillis: Math.round(recoveries.at(-1) ?? 0),
          leaseMillis,
          sweepMillis,
          tailMillis,
          keysLeft,
          complaints: Object.fromEntries(machines.complaints),
          problems
        }
      }),
      services
    )
  })
