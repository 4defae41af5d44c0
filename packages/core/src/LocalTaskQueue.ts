/** The queue in the memory of this process, the reference of every other: plain data structures, every operation one synchronous step. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Waits } from "./ExecutionEvent.ts"
import * as TaskQueue from "./TaskQueue.ts"
import { addTasks, type Execution, isSatisfied, makeExecution, type Task } from "./LocalTaskQueue/Tasks.ts"
import { quota, ReadyTasks } from "./LocalTaskQueue/ReadyTasks.ts"

interface Taker {
  readonly worker: string
  readonly limit: number
  readonly lanes: { readonly [lane: string]: number } | undefined
  readonly give: (leases: NonEmptyReadonlyArray<TaskQueue.Lease>) => void
}

/** The service, in the scope of its layer. */
const make = Effect.fnUntraced(function* (options: TaskQueue.Options) {
  const scope = yield* Scope.Scope
  const context = yield* Effect.context()
  const executions = new Map<string, Execution>()
  const clock = yield* Clock.Clock
  const ready = new ReadyTasks<Task>()
  const leased = new Map<string, number>()
  const workers = new Map<string, { readonly info: TaskQueue.WorkerInfo; readonly heardAt: number }>()
  const takers: Array<Taker> = []
  const losses = new Map<string, { leases: Array<TaskQueue.Lease>; wake: (() => void) | undefined }>()
  let lastAge = 0
  let nonce = 0

  const later = (task: Task, millis: number, then: (at: number) => void) => {
    const at = clock.currentTimeMillisUnsafe() + millis
    const fiber = Effect.runForkWith(context)(Effect.sleep(millis))
    task.timer = fiber
    fiber.addObserver((exit) => {
      if (task.timer !== fiber) return
      task.timer = undefined
      if (Exit.isSuccess(exit)) {
        then(at)
        serve()
      }
    })
  }
  const stopTimer = (task: Task) => {
    const { timer } = task
    task.timer = undefined
    if (timer !== undefined) timer.interruptUnsafe()
  }

  const nextAge = (at: number) => (lastAge = Math.max(lastAge + 1, at * 1_000))

  /** Ready anew, and the youngest of all. A timer counts from when it was due. */
  const makeReady = (task: Task, at = clock.currentTimeMillisUnsafe()) => {
    task.age = nextAge(at)
    task.readyAt = at
    giveBack(task)
  }

  const giveBack = (task: Task) => {
    stopTimer(task)
    task.execution.suspended.delete(task)
    task.state = "ready"
    if (task.execution.paused) task.execution.held.add(task)
    else ready.add(task)
  }

  /** The lease is over; the task is in nobody's hands. */
  const unlease = (task: Task) => {
    if (task.lease === undefined) return
    task.lease = undefined
    const left = leased.get(task.lane)! - 1
    if (left > 0) leased.set(task.lane, left)
    else leased.delete(task.lane)
  }

  /** Ready tasks to whoever waits. */
  const serve = () => {
    for (let at = 0; at < takers.length;) {
      const leases = claim(takers[at]!)
      if (leases === undefined) at++
      else takers.splice(at, 1)[0]!.give(leases)
    }
  }

  const claim = (taker: Omit<Taker, "give">): NonEmptyReadonlyArray<TaskQueue.Lease> | undefined => {
    const leases: Array<TaskQueue.Lease> = []
    const own = quota(taker.lanes)
    const hasRoom = (lane: string) =>
      own.has(lane) && (leased.get(lane) ?? 0) < (options.lanes?.[lane] ?? Number.POSITIVE_INFINITY)
    while (leases.length < taker.limit) {
      const task = ready.next(hasRoom)
      if (task === undefined) break
      own.take(task.lane)
      leased.set(task.lane, (leased.get(task.lane) ?? 0) + 1)
      task.state = "leased"
      task.lease = {
        executionId: task.execution.id,
        tenant: task.tenant,
        taskId: task.id,
        lane: task.lane,
        worker: taker.worker,
        nonce: nonce++,
        timedOut: task.timedOut
      }
      leases.push(task.lease)
    }
    return leases.length > 0 ? (leases as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]) : undefined
  }

  /** Takes the task out of everything that could hand it out. */
  const drop = (task: Task) => {
    stopTimer(task)
    unlease(task)
    ready.remove(task)
    task.execution.held.delete(task)
    task.execution.suspended.delete(task)
  }

  /** First they are out of the way, all of them; then others become ready. */
  const settle = (execution: Execution, ids: ReadonlyArray<string>) => {
    const fresh: Array<Task> = []
    for (const id of ids) {
      const task = execution.tasks.get(id)
      if (task === undefined || task.state === "settled") continue
      if (task.lease !== undefined) lose(task.lease)
      drop(task)
      task.state = "settled"
      fresh.push(task)
    }
    for (const { dependents } of fresh) {
      for (const dependent of dependents) {
        if (--dependent.remaining === 0 && dependent.state === "waiting") makeReady(dependent)
      }
    }
  }

  /** Level-triggered: every suspended task is tested again after any news. */
  const wake = (execution: Execution) => {
    for (const task of execution.suspended) if (isSatisfied(task, task.waits!)) makeReady(task)
  }

  const suspend = (task: Task, run: number, waits: Waits, millis: number | undefined) => {
    unlease(task)
    task.state = "suspended"
    task.waits = waits
    task.waitRun = run
    task.timedOut = undefined
    task.passed = 0
    task.execution.suspended.add(task)
    if (isSatisfied(task, waits)) makeReady(task)
    else if (millis !== undefined) {
      later(task, millis, (at) => {
        task.timedOut = task.waitRun
        makeReady(task, at)
      })
    }
  }

  const delay = (task: Task, millis: number) => {
    unlease(task)
    if (millis <= 0) return giveBack(task)
    task.state = "delayed"
    later(task, millis, () => giveBack(task))
  }

  const held = (lease: TaskQueue.Lease): Task | undefined => {
    const task = executions.get(lease.executionId)?.tasks.get(lease.taskId)
    return task?.lease?.nonce === lease.nonce ? task : undefined
  }

  const lose = (lease: TaskQueue.Lease) => {
    const entry = losses.get(lease.worker) ?? { leases: [], wake: undefined }
    losses.set(lease.worker, entry)
    entry.leases.push(lease)
    entry.wake?.()
  }

  const hold = (task: Task) => {
    ready.remove(task)
    task.execution.held.add(task)
  }

  const tell = (execution: Execution, news: TaskQueue.News) => {
    const added = news.nodes === undefined ? [] : addTasks(execution, news.nodes)
    if (news.settled !== undefined) settle(execution, news.settled)
    for (const signal of news.signals ?? []) execution.signals.add(signal)
    if (news.pause !== undefined && news.pause.seq >= execution.pauseSeq) {
      execution.paused = news.pause.paused
      execution.pauseSeq = news.pause.seq
      if (execution.paused) {
        for (const task of execution.tasks.values()) if (task.state === "ready") hold(task)
      } else {
        for (const task of execution.held) ready.add(task)
        execution.held.clear()
      }
    }
    execution.upTo = Math.max(execution.upTo, news.upTo ?? 0)
    for (const task of added) if (task.state === "waiting" && task.remaining === 0) makeReady(task)
    if (execution.suspended.size > 0) wake(execution)
  }

  const forget = (executionId: string) => {
    const execution = executions.get(executionId)
    if (execution === undefined) return
    executions.delete(executionId)
    for (const task of execution.tasks.values()) {
      if (task.lease !== undefined) lose(task.lease)
      drop(task)
    }
    // A lane may have room again.
    serve()
  }

  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => {
      takers.length = 0
      for (const id of executions.keys()) forget(id)
    })
  )

  return TaskQueue.TaskQueue.of({
    isShared: false,
    submit: (facts) =>
      Effect.sync(() => {
        if (executions.has(facts.executionId)) return
        const execution = makeExecution(facts)
        executions.set(execution.id, execution)
        const added = addTasks(execution, facts.nodes)
        // First what holds tasks back, then what would make them ready.
        for (const { id, remainingMillis, run, waits } of facts.suspended) {
          const task = execution.tasks.get(id)
          if (task !== undefined) suspend(task, run, waits, remainingMillis)
        }
        for (const { id, millis } of facts.delayed) {
          const task = execution.tasks.get(id)
          if (task === undefined || task.state !== "waiting" || millis <= 0) continue
          task.age = nextAge(clock.currentTimeMillisUnsafe())
          task.readyAt = clock.currentTimeMillisUnsafe() + millis
          delay(task, millis)
        }
        settle(execution, facts.settled)
        wake(execution)
        for (const task of added) if (task.state === "waiting" && task.remaining === 0) makeReady(task)
        serve()
      }),
    tell: (executionId, news) =>
      Effect.sync(() => {
        const execution = executions.get(executionId)
        if (execution === undefined) return
        tell(execution, news)
        serve()
      }),
    take: ({ lanes, limit, worker }) =>
      Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
        // Who waits already could take nothing of what is ready.
        const leases = claim({ worker, limit, lanes })
        if (leases !== undefined) return resume(Effect.succeed(leases))
        const taker: Taker = { worker, limit, lanes, give: (leases) => resume(Effect.succeed(leases)) }
        takers.push(taker)
        return Effect.sync(() => {
          const at = takers.indexOf(taker)
          if (at >= 0) takers.splice(at, 1)
        })
      }),
    holds: (lease) => Effect.sync(() => held(lease) !== undefined),
    suspend: (lease, { run, spawn, waits }) =>
      Effect.sync(() => {
        const task = held(lease)
        if (task === undefined) return false
        const added = addTasks(task.execution, spawn)
        suspend(task, run, waits, waits.timeoutMillis)
        for (const child of added) if (child.remaining === 0) makeReady(child)
        serve()
        return true
      }),
    release: (lease, delayMillis = 0) =>
      Effect.sync(() => {
        const task = held(lease)
        if (task === undefined) return false
        delay(task, delayMillis)
        serve()
        return true
      }),
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
    forget: (executionId) => Effect.sync(() => forget(executionId)),
    inspect: (executionId) =>
      Effect.sync(() => {
        const execution = executions.get(executionId)
        if (execution === undefined) return { status: "absent", upTo: 0 }
        const { upTo } = execution
        for (const task of execution.tasks.values()) {
          if (task.state === "ready" && !execution.paused) return { status: "busy", upTo }
          if (task.state === "leased" || task.timer !== undefined) return { status: "busy", upTo }
        }
        return { status: "idle", upTo }
      }),
    known: ({ after, limit }) =>
      Effect.sync(() =>
        Array.from(executions.values(), ({ id, tenant }) => ({ executionId: id, tenant }))
          .filter(({ executionId }) => after === undefined || executionId > after)
          .sort((a, b) => (a.executionId < b.executionId ? -1 : 1))
          .slice(0, limit)
      ),
    enlist: (info) =>
      Effect.sync(() => void workers.set(info.name, { info, heardAt: clock.currentTimeMillisUnsafe() })),
    dismiss: (worker) => Effect.sync(() => void workers.delete(worker)),
    workers: Effect.sync(() => {
      const running = new Map<string, Array<TaskQueue.WorkerView["running"][number]>>()
      for (const execution of executions.values()) {
        for (const { lease } of execution.tasks.values()) {
          if (lease === undefined) continue
          const { executionId, lane, taskId, tenant, worker } = lease
          const list = running.get(worker) ?? []
          running.set(worker, list)
          list.push({ executionId, tenant, taskId, lane })
        }
      }
      // In process nobody falls silent.
      return Array.from(workers.values(), ({ info }) => ({
        ...info,
        silentMillis: 0,
        running: running.get(info.name) ?? []
      }))
    }),
    overview: Effect.sync(() => {
      const now = clock.currentTimeMillisUnsafe()
      const lanes = new Map<string, { ready: number; oldest: number | undefined }>()
      for (const lane of [...Object.keys(options.lanes ?? {}), ...leased.keys()])
        lanes.set(lane, { ready: 0, oldest: undefined })
      for (const { lane, readyAt } of ready.all()) {
        const entry = lanes.get(lane) ?? { ready: 0, oldest: undefined }
        lanes.set(lane, { ready: entry.ready + 1, oldest: Math.min(entry.oldest ?? readyAt, readyAt) })
      }
      let timed = 0
      for (const { tasks } of executions.values())
        for (const task of tasks.values()) if (task.timer !== undefined) timed++
      return {
        executions: executions.size,
        timed,
        lanes: Array.from(lanes, ([lane, { oldest, ready: count }]): TaskQueue.LaneView => ({
          lane,
          ready: count,
          leased: leased.get(lane) ?? 0,
          ...(options.lanes?.[lane] === undefined ? {} : { limit: options.lanes[lane]! }),
          ...(oldest === undefined ? {} : { oldestReadyMillis: Math.max(now - oldest, 0) })
        })).sort((a, b) => (a.lane < b.lane ? -1 : 1))
      }
    })
  })
})

/** In process, with limits for lanes; the reference of every other layer. */
export const layerLocalWith = (options: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue> =>
  Layer.effect(TaskQueue.TaskQueue, make(options))

/** In process. */
export const layerLocal: Layer.Layer<TaskQueue.TaskQueue> = layerLocalWith({})
