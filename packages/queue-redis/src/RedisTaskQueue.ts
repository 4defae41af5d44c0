/**
 * `TaskQueue` over Redis, for any number of workers on any number of machines. Lua scripts, so that each operation is one atomic step;
 * workers pull, Redis coordinates.
 *
 * - Leases run by Redis' clock, for `leaseMillis` unless they are renewed; one heartbeat renews all of a process. The task of a worker
 *   that died is handed out again when its lease has run out.
 * - Every call may be repeated: each step carries a number, and the last reply of each client is kept.
 * - While Redis cannot be reached calls wait, for up to `giveUpMillis`; after that they count as lost, and the sweep mends it.
 * - An execution leaves no key behind when it is forgotten; when none is left there are no keys at all, but for counters and the last
 *   replies of clients, which go away by themselves, and workers that are enlisted.
 * - The keys of a bucket share one hash tag, and no script touches a key that it was not given: a cluster will do.
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type { RedisConnection } from "./RedisConnection.ts"
import * as Buckets from "./RedisTaskQueue/Buckets.ts"
import * as Client from "./RedisTaskQueue/Client.ts"
import * as Keys from "./RedisTaskQueue/Keys.ts"
import { decode, encode, parseMember, separator } from "./RedisTaskQueue/Names.ts"
import * as Scripts from "./RedisTaskQueue/Scripts.ts"
import * as Staging from "./RedisTaskQueue/Staging.ts"
import * as RedisTransport from "./RedisTransport.ts"

export interface Options extends TaskQueue.Options {
  /** What every key begins with; queues with different prefixes know nothing of each other. Default `crewline`. */
  readonly prefix?: string
  /** How long a worker may be silent before its tasks are handed out again, in milliseconds; default 15,000. */
  readonly leaseMillis?: number
  /** How often leases are renewed, in milliseconds; default a third of the lease. */
  readonly heartbeatMillis?: number
  /** How long a call tries to reach Redis, in milliseconds; default 10,000. */
  readonly giveUpMillis?: number
  /**
   * Over how many parts the executions are spread; default 1. Each part has a hash tag of its own, so that a cluster puts them on
   * different nodes. Order, fair shares and limits of lanes hold in each part by itself. All processes must agree on it.
   */
  readonly buckets?: number
  /**
   * How often a worker that waits looks by itself, in case no message reached it, in milliseconds; default 5,000, and at most as long as
   * a lease.
   */
  readonly pollMillis?: number
  /**
   * For how long the process stays awake for Redis' answer to a step, in microseconds; default 0: it sleeps. With 300 and a Redis on the
   * same machine, a chain of short tasks is a quarter faster, for half as much again of processor time; farther away, or where others
   * need the processor, it only costs.
   */
  readonly busyPollMicros?: number
}

/** Fields that go with one call; more of them are staged before, in parts. */
const fieldsPerCall = 4_000
/** Parts that are under way at the same time. */
const partsAtOnce = 3
/** How long a part of an execution that nobody activates is kept, in milliseconds. */
const stageMillis = 60_000

/** One part of a queue. */
const makeBucket = Effect.fnUntraced(function* (
  options: Options,
  bucket: number,
  losses: Client.Losses,
  bell?: Client.Bell
) {
  const leaseMillis = options.leaseMillis ?? 15_000
  const settings: Client.Settings = {
    lanes: options.lanes ?? {},
    leaseMillis,
    giveUpMillis: options.giveUpMillis ?? 10_000,
    // Whoever waits has looked before any lease that he does not know of can end.
    pollMillis: Math.min(options.pollMillis ?? 5_000, leaseMillis),
    maxBatch: 1_000,
    busyPollMicros: options.busyPollMicros ?? 0
  }
  const keys = Keys.make(options.prefix ?? "crewline", bucket)
  const client = yield* Client.make(settings, keys, losses, bell)
  const { ask, held, lose } = client
  const enlisted = new Map<string, string>()

  /** Renews the leases; those that are another's by now are lost. */
  const renew = (leases: ReadonlyArray<TaskQueue.Lease>) =>
    Effect.suspend(() => {
      const askedAt = client.monotonic()
      return Effect.map(
        ask((index) => [
          "beat",
          leases.map(({ executionId, nonce, taskId }) => [index(executionId), encode(taskId), String(nonce)])
        ]),
        (result) => {
          if (result === undefined) return
          const gone = new Set(Array.isArray(result) ? (result as ReadonlyArray<string>).map(Number) : [])
          for (const lease of leases) {
            const entry = held.get(lease.nonce)
            if (gone.has(lease.nonce)) lose(lease)
            else if (entry !== undefined) entry.confirmedAt = askedAt
          }
        }
      )
    })

  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        yield* Effect.sleep(options.heartbeatMillis ?? leaseMillis / 3)
        const leases = held.leases()
        if (leases.length > 0) yield* renew(leases)
        for (const [worker, info] of enlisted) {
          const answer = yield* ask(() => ["heard", encode(worker)])
          // Redis has lost everything; unless it was dismissed meanwhile.
          if (answer === 0 && enlisted.has(worker)) yield* ask(() => ["enlist", encode(worker), info])
        }
      })
    )
  )

  const submit = Effect.fnUntraced(function* (facts: TaskQueue.Facts) {
    const { fields, tier, turns } = Staging.stage(facts)
    const id = encode(facts.executionId)
    const stage = keys.stage(`${client.id}-${(yield* Random.next).toString(36).slice(2)}`)
    const isStaged = fields.length > fieldsPerCall
    for (;;) {
      const parts = isStaged ? Math.ceil(fields.length / fieldsPerCall) : 0
      // In no order: the next is written while Redis reads the one before.
      const staged = yield* Effect.forEach(
        Array.from({ length: parts }, (_, index) => index * fieldsPerCall),
        (from) => {
          const part = JSON.stringify(fields.slice(from, from + fieldsPerCall))
          return client.run(Scripts.stage, [stage], [part, String(stageMillis)])
        },
        { concurrency: partsAtOnce }
      )
      if (staged.includes(undefined)) return
      const answer = yield* client.run(
        Scripts.submit,
        [...keys.fixed, stage, keys.execution(id)],
        [
          ...client.head,
          JSON.stringify({
            id,
            tier,
            turns,
            tenant: encode(facts.tenant),
            paused: facts.paused,
            staged: isStaged ? new Set(fields.filter((_, index) => index % 2 === 0)).size : 0,
            fields: isStaged ? [] : fields
          })
        ]
      )
      client.mustRing()
      // The parts have gone away before they were all there.
      if (answer !== -1) return
    }
  })

  const newsOf = (news: TaskQueue.News) => ({
    ...(news.nodes === undefined ? {} : { nodes: Staging.nodesOf(news.nodes) }),
    ...(news.settled === undefined ? {} : { settled: news.settled.map(encode) }),
    ...(news.signals === undefined ? {} : { signals: news.signals.map(encode) }),
    ...(news.pause === undefined ? {} : { pause: [news.pause.paused, news.pause.seq] }),
    ...(news.upTo === undefined ? {} : { upTo: news.upTo })
  })

  const queue = TaskQueue.TaskQueue.of({
    isShared: true,
    submit,
    tell: (executionId, news) =>
      Effect.map(
        news.settled !== undefined && Object.keys(news).length === 1
          ? ask({ executionId, settled: news.settled })
          : ask((index) => ["tell", index(executionId), newsOf(news)]),
        () => news.settled?.forEach((taskId) => held.ofTask(executionId, taskId).forEach(lose))
      ),
    take: ({ lanes, limit, worker }) =>
      Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
        const leave = client.wait({ worker, limit, lanes }, (leases) => resume(Effect.succeed(leases)))
        return Effect.callback<void>((left) => leave(() => left(Effect.void)))
      }),
    holds: Effect.fnUntraced(function* (lease) {
      const entry = held.get(lease.nonce)
      if (entry === undefined) return false
      // Redis gave it for longer than has passed here since it was asked.
      if (client.monotonic() - entry.confirmedAt < leaseMillis / 2) return true
      yield* renew([lease])
      return held.get(lease.nonce) !== undefined
    }),
    suspend: (lease, { run, spawn, waits }) =>
      Effect.map(
        ask((index) => [
          "suspend",
          index(lease.executionId),
          encode(lease.taskId),
          String(lease.nonce),
          {
            run,
            mode: waits.mode,
            tasks: waits.tasks.map(encode),
            signals: waits.signals.map(encode),
            timeout: waits.timeoutMillis ?? -1,
            nodes: Staging.nodesOf(spawn)
          }
        ]),
        (result) => {
          held.remove(lease)
          return result === 1
        }
      ),
    release: (lease, delayMillis = 0) =>
      Effect.map(
        ask((index) => ["release", index(lease.executionId), encode(lease.taskId), String(lease.nonce), delayMillis]),
        (result) => {
          held.remove(lease)
          return result === 1
        }
      ),
    lost: (worker) =>
      Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
        const entry = losses.get(worker) ?? { leases: [], wake: undefined }
        losses.set(worker, entry)
        const flush = () => {
          entry.wake = undefined
          resume(Effect.succeed(entry.leases.splice(0) as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]))
        }
        if (entry.leases.length > 0) return flush()
        entry.wake = flush
        return Effect.sync(() => {
          entry.wake = undefined
        })
      }),
    forget: (executionId) =>
      Effect.map(
        ask((index) => ["forget", index(executionId)]),
        () => held.ofExecution(executionId).forEach(lose)
      ),
    inspect: (executionId) =>
      Effect.map(
        ask((index) => ["inspect", index(executionId)]),
        (result): TaskQueue.Inspection => {
          // Not to be reached: whatever the sweep did would be lost too.
          if (!Array.isArray(result)) return { status: "busy", upTo: 0 }
          const [status, upTo] = result as [TaskQueue.Inspection["status"], number]
          return { status, upTo }
        }
      ),
    known: ({ after, limit }) =>
      Effect.map(
        client.run(Scripts.known, keys.fixed, [
          ...client.head,
          after === undefined ? "" : encode(after),
          String(limit)
        ]),
        (entries) =>
          ((entries ?? []) as ReadonlyArray<string>).map((entry) => {
            const end = entry.indexOf(separator)
            return { executionId: decode(entry.slice(0, end)), tenant: decode(entry.slice(end + 1)) }
          })
      ),
    enlist: (info) =>
      Effect.suspend(() => {
        const text = JSON.stringify(info)
        enlisted.set(info.name, text)
        return Effect.asVoid(ask(() => ["enlist", encode(info.name), text]))
      }),
    dismiss: (worker) =>
      Effect.suspend(() => {
        enlisted.delete(worker)
        return Effect.asVoid(ask(() => ["dismiss", encode(worker)]))
      }),
    workers: Effect.map(client.run(Scripts.workers, keys.fixed, client.head), (answer) => {
      if (answer === undefined) return []
      const { leases, workers } = JSON.parse(answer as string) as {
        readonly workers: ReadonlyArray<readonly [string, string, number]>
        readonly leases: ReadonlyArray<readonly [string, string]>
      }
      const running = new Map<string, Array<TaskQueue.WorkerView["running"][number]>>()
      for (const [worker, member] of Array.isArray(leases) ? leases : []) {
        const list = running.get(worker) ?? []
        running.set(worker, list)
        list.push(parseMember(member))
      }
      return (Array.isArray(workers) ? workers : []).map(([name, info, silentMillis]): TaskQueue.WorkerView => ({
        ...(JSON.parse(info) as TaskQueue.WorkerInfo),
        silentMillis,
        running: running.get(name) ?? []
      }))
    }),
    overview: Effect.map(client.run(Scripts.overview, keys.fixed, client.head), (answer) => {
      if (answer === undefined) return { executions: 0, lanes: [], timed: 0 }
      const { executions, lanes, timed } = JSON.parse(answer as string) as {
        readonly executions: number
        readonly timed: number
        readonly lanes: {
          readonly [lane: string]: { readonly ready: number; readonly leased: number; readonly oldest: number }
        }
      }
      return {
        executions,
        timed,
        lanes: Object.entries(lanes)
          .map(([name, { leased, oldest, ready }]): TaskQueue.LaneView => {
            const lane = decode(name)
            const limit = settings.lanes[lane]
            return {
              lane,
              ready,
              leased,
              ...(limit === undefined ? {} : { limit }),
              ...(oldest < 0 ? {} : { oldestReadyMillis: oldest })
            }
          })
          .sort((a, b) => (a.lane < b.lane ? -1 : 1))
      }
    })
  })
  return { queue, poll: client.poll, wait: client.wait }
})

/** All parts of a queue, as one. `bellOf`: who says that something is ready in a part; default Redis. */
export const make = <E, R>(options: Options, bellOf?: (bucket: number) => Effect.Effect<Client.Bell, E, R>) =>
  Effect.suspend(() => {
    const losses: Client.Losses = new Map()
    const bucketOf = (bucket: number) =>
      Effect.flatMap(bellOf === undefined ? Effect.undefined : bellOf(bucket), (bell) =>
        makeBucket(options, bucket, losses, bell)
      )
    return Effect.map(Effect.forEach(Array.from({ length: options.buckets ?? 1 }).keys(), bucketOf), Buckets.combine)
  })

/** Over a transport: what the tests put between queue and server. */
export const layerTransport = (
  options: Options = {}
): Layer.Layer<TaskQueue.TaskQueue, never, RedisTransport.RedisTransport> =>
  Layer.effect(TaskQueue.TaskQueue, make(options))

/** Over the connection. */
export const layer = (options: Options = {}): Layer.Layer<TaskQueue.TaskQueue, never, RedisConnection> =>
  Layer.provide(layerTransport(options), RedisTransport.layer)
