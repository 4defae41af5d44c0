/**
 * One operation on a queue, as data: names are small numbers, and a lease is its index among all
 * that were handed out, stale ones included. The same actions mean the same to every queue.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FastCheck from "fast-check"
import type { Priority } from "../../ExecutionEvent.ts"
import type * as TaskQueue from "../../TaskQueue.ts"
import type { Subject } from "../TaskQueueContract/Story.ts"

/** Limits of lanes, under which all sequences run. */
export const lanes: { readonly [lane: string]: number } = { narrow: 2, unused: 1 }

const tenants = ["a", "b", "c"]
const executionNames = ["x0", "x1", "x2", "x3"]
const taskNames = Array.from({ length: 8 }, (_, index) => `t${index}`)
/** Tasks that are not planned: they are added by news and suspensions, or never. */
const lateNames = ["late0", "late1", "late2", "late3"]
const signalNames = ["s0", "s1", "s2"]
const workerNames = ["w0", "w1", "w2"]

interface Waiting {
  readonly run: number
  readonly tasks: ReadonlyArray<string>
  readonly signals: ReadonlyArray<string>
  readonly mode: "all" | "any"
  /** In seconds. */
  readonly timeout: number | undefined
}

export type Action =
  | {
      readonly type: "submit"
      readonly executionId: string
      readonly tenant: string
      readonly priority: Priority | undefined
      readonly nodes: ReadonlyArray<TaskQueue.Node>
      readonly settled: ReadonlyArray<string>
      readonly suspended: ReadonlyArray<Waiting & { readonly id: string }>
      readonly delayed: ReadonlyArray<{ readonly id: string; readonly seconds: number }>
      readonly signals: ReadonlyArray<string>
      readonly paused: boolean
      readonly upTo: number
    }
  | { readonly type: "tell"; readonly executionId: string; readonly news: TaskQueue.News }
  | {
      readonly type: "take"
      readonly worker: string
      readonly limit: number
      readonly lanes: { readonly [lane: string]: number } | undefined
    }
  | { readonly type: "settle" | "holds"; readonly lease: number }
  | {
      readonly type: "suspend"
      readonly lease: number
      readonly waiting: Waiting
      readonly spawn: ReadonlyArray<TaskQueue.Node>
    }
  | { readonly type: "release"; readonly lease: number; readonly seconds: number }
  | { readonly type: "forget"; readonly executionId: string }
  | { readonly type: "elapse"; readonly seconds: number }
  /** Every worker has died, and the time of their leases is over. */
  | { readonly type: "expire" }
  | { readonly type: "lost"; readonly worker: string }
  | { readonly type: "enlist"; readonly worker: string; readonly draining: boolean }
  | { readonly type: "dismiss"; readonly worker: string }

/** A queue in the middle of a sequence. */
export interface Side {
  readonly subject: Subject
  /** All that it has handed out. */
  readonly leases: Array<TaskQueue.Lease>
  /** Which of them have expired. Which worker learns of that, and when, is not compared. */
  readonly expired: Set<number>
  /** Lets every lease run out, and its time pass. */
  readonly expire: Effect.Effect<void>
  /**
   * The number of times that were set. All are different, since the order of two that are due at
   * once is not guaranteed.
   */
  timers: number
}

const executionId = FastCheck.constantFrom(...executionNames)
const lane = FastCheck.constantFrom(undefined, undefined, "narrow", "wide")
const seconds = FastCheck.integer({ min: 1, max: 9 })
const lease = FastCheck.nat(40)
const seq = FastCheck.integer({ min: 1, max: 30 })
const some = <A extends string>(names: ReadonlyArray<A>, maxLength: number) =>
  FastCheck.array(FastCheck.constantFrom(...names), { maxLength })

const node = (names: ReadonlyArray<string>) =>
  FastCheck.record({ id: FastCheck.constantFrom(...names), dependencies: some([...taskNames, ...lateNames], 2), lane })
const withLane = ({
  dependencies,
  id,
  lane
}: {
  id: string
  dependencies: Array<string>
  lane: string | undefined
}) => ({
  id,
  dependencies,
  ...(lane === undefined ? {} : { lane })
})
const lateNodes = FastCheck.array(FastCheck.tuple(node(lateNames), FastCheck.nat(2)), { maxLength: 2 }).map((nodes) =>
  nodes.map(([node, following]) => ({ ...withLane(node), ...(following === 0 ? {} : { following }) }))
)

/** Mostly valid graphs; sometimes with an unknown dependency, or a cycle. */
const plannedNodes = FastCheck.tuple(
  FastCheck.array(FastCheck.record({ dependencies: FastCheck.array(FastCheck.nat(7), { maxLength: 3 }), lane }), {
    minLength: 1,
    maxLength: taskNames.length
  }),
  FastCheck.oneof(
    { weight: 8, arbitrary: FastCheck.constant([]) },
    { weight: 1, arbitrary: FastCheck.array(node([...taskNames, ...lateNames]), { maxLength: 3 }) }
  )
).map(([planned, odd]): ReadonlyArray<TaskQueue.Node> => [
  ...odd.map(withLane),
  ...planned.map(({ dependencies, lane }, index) =>
    withLane({
      id: taskNames[index]!,
      dependencies: index === 0 ? [] : dependencies.filter((n) => n < index).map((n) => taskNames[n]!),
      lane
    })
  )
])

const waiting: FastCheck.Arbitrary<Waiting> = FastCheck.record({
  run: FastCheck.integer({ min: 1, max: 5 }),
  tasks: some([...lateNames, ...taskNames], 2),
  signals: some(signalNames, 2),
  mode: FastCheck.constantFrom("all", "any"),
  timeout: FastCheck.option(seconds, { nil: undefined })
})

const news: FastCheck.Arbitrary<TaskQueue.News> = FastCheck.record(
  {
    nodes: lateNodes,
    settled: some([...taskNames, ...lateNames], 3),
    signals: some(signalNames, 2),
    pause: FastCheck.record({ paused: FastCheck.boolean(), seq }),
    upTo: seq
  },
  { requiredKeys: [] }
)

const submit: FastCheck.Arbitrary<Action> = FastCheck.record({
  type: FastCheck.constant("submit"),
  executionId,
  tenant: FastCheck.constantFrom(...tenants),
  priority: FastCheck.constantFrom(undefined, "high", "normal", "low"),
  nodes: plannedNodes,
  settled: FastCheck.oneof(
    { weight: 3, arbitrary: FastCheck.constant([]) },
    { weight: 1, arbitrary: some(taskNames, 4) }
  ),
  suspended: FastCheck.oneof(
    { weight: 3, arbitrary: FastCheck.constant([]) },
    {
      weight: 1,
      arbitrary: FastCheck.uniqueArray(
        FastCheck.record({ id: FastCheck.constantFrom(...taskNames), waiting }).map(({ id, waiting }) => ({
          ...waiting,
          id
        })),
        { maxLength: 3, selector: ({ id }) => id }
      )
    }
  ),
  delayed: FastCheck.oneof(
    { weight: 3, arbitrary: FastCheck.constant([]) },
    {
      weight: 1,
      arbitrary: FastCheck.uniqueArray(FastCheck.record({ id: FastCheck.constantFrom(...taskNames), seconds }), {
        maxLength: 3,
        selector: ({ id }) => id
      })
    }
  ),
  signals: some(signalNames, 1),
  paused: FastCheck.integer({ min: 0, max: 9 }).map((n) => n === 0),
  upTo: seq
})

/** Any of them, common ones more often. */
export const usual: ReadonlyArray<readonly [weight: number, FastCheck.Arbitrary<Action>]> = [
  [3, submit],
  [3, FastCheck.record({ type: FastCheck.constant("tell"), executionId, news })],
  [
    6,
    FastCheck.record({
      type: FastCheck.constant("take"),
      worker: FastCheck.constantFrom(...workerNames),
      limit: FastCheck.integer({ min: 1, max: 5 }),
      lanes: FastCheck.oneof(
        { weight: 2, arbitrary: FastCheck.constant(undefined) },
        {
          weight: 1,
          arbitrary: FastCheck.dictionary(
            FastCheck.constantFrom("narrow", "wide", "default"),
            FastCheck.integer({ min: 0, max: 3 }),
            { maxKeys: 3, noNullPrototype: true }
          )
        }
      )
    })
  ],
  [5, FastCheck.record({ type: FastCheck.constant("settle"), lease })],
  [1, FastCheck.record({ type: FastCheck.constant("holds"), lease })],
  [4, FastCheck.record({ type: FastCheck.constant("suspend"), lease, waiting, spawn: lateNodes })],
  [
    3,
    FastCheck.record({
      type: FastCheck.constant("release"),
      lease,
      seconds: FastCheck.oneof(FastCheck.constant(0), seconds)
    })
  ],
  [1, FastCheck.record({ type: FastCheck.constant("forget"), executionId })],
  [3, FastCheck.record({ type: FastCheck.constant("elapse"), seconds })],
  [1, FastCheck.record({ type: FastCheck.constant("lost"), worker: FastCheck.constantFrom(...workerNames) })],
  [
    1,
    FastCheck.record({
      type: FastCheck.constant("enlist"),
      worker: FastCheck.constantFrom(...workerNames),
      draining: FastCheck.boolean()
    })
  ],
  [1, FastCheck.record({ type: FastCheck.constant("dismiss"), worker: FastCheck.constantFrom(...workerNames) })]
]

/** For queues whose leases end. */
export const expiring: readonly [weight: number, FastCheck.Arbitrary<Action>] = [
  1,
  FastCheck.constant<Action>({ type: "expire" })
]

/** Leases without what each queue names in its own way. */
const plain = (lease: TaskQueue.Lease) => ({ ...lease, nonce: undefined })

/** Performs it; returns the queue's answer in a form that is the same for every queue. */
export const perform = (side: Side, action: Action): Effect.Effect<unknown> => {
  const { leases, subject } = side
  const { queue } = subject
  const millis = (seconds: number) => seconds * 1_000 + (++side.timers % 1_000)
  const waitsOf = ({ mode, signals, tasks, timeout }: Omit<Waiting, "run">) => ({
    tasks,
    signals,
    mode,
    ...(timeout === undefined ? {} : { timeoutMillis: millis(timeout) })
  })
  const withLease = <A>(use: (lease: TaskQueue.Lease) => Effect.Effect<A>): Effect.Effect<unknown> =>
    "lease" in action && leases.length > 0
      ? use(leases.at(-1 - (action.lease % leases.length))!)
      : Effect.succeed("nothing was handed out")

  switch (action.type) {
    case "submit": {
      const settled = new Set(action.settled)
      const suspended = action.suspended.filter(({ id }) => !settled.has(id))
      const waiting = new Set(suspended.map(({ id }) => id))
      const { executionId, nodes, paused, priority, signals, tenant, upTo } = action
      return queue.submit({
        executionId,
        tenant,
        ...(priority === undefined ? {} : { priority }),
        upTo,
        nodes,
        settled: action.settled,
        suspended: suspended.map(({ id, run, ...rest }) => {
          const waits = waitsOf(rest)
          return { id, run, waits, remainingMillis: waits.timeoutMillis }
        }),
        delayed: action.delayed
          .filter(({ id }) => !settled.has(id) && !waiting.has(id))
          .map(({ id, seconds }) => ({ id, millis: millis(seconds) })),
        signals,
        paused
      })
    }
    case "tell":
      return queue.tell(action.executionId, action.news)
    case "take":
      return Effect.map(
        subject.available({
          worker: action.worker,
          limit: action.limit,
          ...(action.lanes === undefined ? {} : { lanes: action.lanes })
        }),
        (taken) => {
          leases.push(...taken)
          return taken.map(plain)
        }
      )
    case "settle":
      return withLease(({ executionId, taskId }) => queue.tell(executionId, { settled: [taskId] }))
    case "holds":
      return withLease(queue.holds)
    case "suspend": {
      const { spawn, waiting } = action
      return withLease((lease) => queue.suspend(lease, { run: waiting.run, waits: waitsOf(waiting), spawn }))
    }
    case "release": {
      const delay = action.seconds === 0 ? 0 : millis(action.seconds)
      return withLease((lease) => queue.release(lease, delay))
    }
    case "forget":
      return queue.forget(action.executionId)
    case "elapse":
      return subject.elapse(action.seconds * 1_000)
    case "expire":
      return Effect.gen(function* () {
        for (const lease of leases) if (yield* queue.holds(lease)) side.expired.add(lease.nonce)
        yield* side.expire
      })
    case "lost":
      return Effect.gen(function* () {
        const told: Array<TaskQueue.Lease> = []
        for (;;) {
          const fiber = yield* Effect.forkChild(queue.lost(action.worker))
          yield* subject.quiesce
          const exit = fiber.pollUnsafe()
          if (exit === undefined) {
            yield* Fiber.interrupt(fiber)
            break
          }
          told.push(...(yield* exit))
        }
        return told
          .filter(({ nonce }) => !side.expired.has(nonce))
          .map(({ nonce }) => leases.findIndex((lease) => lease.nonce === nonce))
          .sort((a, b) => a - b)
      })
    case "enlist": {
      const startedAt = "2026-01-01T00:00:00.000Z"
      return queue.enlist({ name: action.worker, concurrency: 4, startedAt, draining: action.draining })
    }
    case "dismiss":
      return queue.dismiss(action.worker)
  }
}

/** Everything that a queue reports about itself, except times, which need not be exact. */
export const observe = ({ leases, subject: { queue } }: Side): Effect.Effect<unknown> =>
  Effect.map(
    Effect.all(
      {
        overviews: Effect.forEach([undefined, ...tenants], (tenant) => queue.overview(tenant)),
        workers: queue.workers,
        known: queue.known({ after: undefined, limit: 10 }),
        inspections: Effect.forEach(executionNames, (id) => queue.inspect(id), { concurrency: "unbounded" }),
        holding: Effect.forEach(leases, (lease) => queue.holds(lease), { concurrency: "unbounded" })
      },
      { concurrency: "unbounded" }
    ),
    ({ holding, overviews, workers, ...rest }) => ({
      ...rest,
      holding: holding.flatMap((holds, index) => (holds ? [index] : [])),
      overviews: overviews.map(({ lanes, ...counted }) => ({
        ...counted,
        lanes: lanes.map((lane) => ({ ...lane, oldestReadyMillis: undefined }))
      })),
      workers: workers
        .map(({ running, ...info }) => ({
          ...info,
          silentMillis: undefined,
          leaseMillis: undefined,
          running: running.map(({ executionId, taskId }) => `${executionId} ${taskId}`).toSorted()
        }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    })
  )
