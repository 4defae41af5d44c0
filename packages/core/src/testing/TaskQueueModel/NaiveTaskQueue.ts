/**
 * The simplest possible `TaskQueue`, as a reference for the others: lists that are searched from
 * end to end, with no counters. Nothing wakes a waiter: a `take` that finds nothing never returns.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TaskQueue from "../../TaskQueue.ts"
import { Lists } from "./NaiveLists.ts"

type Service = TaskQueue.TaskQueue["Service"]

/** Performs one operation atomically, after everything that was due since the last. */
type Step = <A>(body: () => A) => Effect.Effect<A>

/** Operations on executions. */
const facts = (lists: Lists, step: Step): Pick<Service, "submit" | "tell" | "forget"> => ({
  submit: (facts) =>
    step(() => {
      const { executionId, paused, tenant, upTo } = facts
      if (lists.execution(executionId) !== undefined) return
      const execution = { id: executionId, tenant, signals: [...facts.signals], paused, pauseSeq: upTo, upTo }
      lists.executions.push(execution)
      const added = lists.add(execution, facts.priority ?? "normal", facts.nodes)
      for (const { id, remainingMillis, run, waits } of facts.suspended) {
        const task = lists.find(executionId, id)
        if (task !== undefined) lists.suspend(task, run, waits, remainingMillis)
      }
      for (const { id, millis } of facts.delayed) {
        const task = lists.find(executionId, id)
        if (task?.place !== "waiting" || millis <= 0) continue
        task.age = lists.nextAge()
        lists.delay(task, millis)
      }
      lists.settle(executionId, facts.settled)
      lists.wake(executionId)
      lists.free(added)
    }),
  tell: (executionId, news) =>
    step(() => {
      const execution = lists.execution(executionId)
      if (execution === undefined) return
      const priority = lists.tasks.find((task) => task.executionId === executionId)?.priority ?? "normal"
      const added = lists.add(execution, priority, news.nodes ?? [])
      lists.settle(executionId, news.settled ?? [])
      execution.signals.push(...(news.signals ?? []))
      if (news.pause !== undefined && news.pause.seq >= execution.pauseSeq) {
        execution.paused = news.pause.paused
        execution.pauseSeq = news.pause.seq
        lists.share()
      }
      execution.upTo = Math.max(execution.upTo, news.upTo ?? 0)
      lists.free(added)
      lists.wake(executionId)
    }),
  forget: (executionId) =>
    step(() => {
      for (const { executionId: id, lease } of lists.tasks)
        if (id === executionId && lease !== undefined) lists.losses.push(lease)
      lists.tasks = lists.tasks.filter((task) => task.executionId !== executionId)
      lists.executions = lists.executions.filter(({ id }) => id !== executionId)
      lists.share()
    })
})

/** Operations of workers on tasks. */
const leases = (
  lists: Lists,
  step: Step,
  limits: TaskQueue.Options["lanes"]
): Pick<Service, "take" | "holds" | "suspend" | "release" | "lost"> => ({
  take: ({ lanes, limit, worker }) =>
    Effect.flatMap(
      step(() => {
        const leases: Array<TaskQueue.Lease> = []
        const nameOf = (lane: string) => (lanes !== undefined && lane in lanes ? lane : TaskQueue.defaultLane)
        const hasRoom = (lane: string) =>
          lists.tasks.filter((task) => task.place === "leased" && task.lane === lane).length <
            (limits?.[lane] ?? Number.POSITIVE_INFINITY) &&
          (lanes === undefined ||
            leases.filter((lease) => nameOf(lease.lane) === nameOf(lane)).length < (lanes[nameOf(lane)] ?? 0))
        while (leases.length < limit) {
          const lease = lists.claim(worker, hasRoom)
          if (lease === undefined) break
          leases.push(lease)
        }
        return leases
      }),
      ([first, ...rest]) => (first === undefined ? Effect.never : Effect.succeed([first, ...rest] as const))
    ),
  holds: (lease) => step(() => lists.held(lease) !== undefined),
  suspend: (lease, { run, spawn, waits }) =>
    step(() => {
      const task = lists.held(lease)
      if (task === undefined) return false
      const added = lists.add(lists.executionOf(task), task.priority, spawn)
      lists.suspend(task, run, waits, waits.timeoutMillis)
      lists.free(added)
      return true
    }),
  release: (lease, delayMillis = 0) =>
    step(() => {
      const task = lists.held(lease)
      if (task === undefined) return false
      if (delayMillis > 0) lists.delay(task, delayMillis)
      else lists.move(task, "ready")
      return true
    }),
  lost: (worker) =>
    Effect.flatMap(
      step(() => {
        const own = lists.losses.filter((lease) => lease.worker === worker)
        lists.losses = lists.losses.filter((lease) => lease.worker !== worker)
        return own
      }),
      ([first, ...rest]) =>
        first === undefined ? Effect.never : Effect.succeed<NonEmptyReadonlyArray<TaskQueue.Lease>>([first, ...rest])
    )
})

/** What there is to see. */
const views = (
  lists: Lists,
  step: Step,
  limits: TaskQueue.Options["lanes"]
): Pick<Service, "inspect" | "known" | "enlist" | "dismiss" | "enlisted" | "workers" | "overview"> => ({
  inspect: (executionId) =>
    step(() => {
      const execution = lists.execution(executionId)
      if (execution === undefined) return { status: "absent", upTo: 0 }
      const isBusy = lists.tasks.some(
        (task) =>
          task.executionId === executionId &&
          (lists.isOpen(task) || task.place === "leased" || task.timer !== undefined)
      )
      return { status: isBusy ? "busy" : "idle", upTo: execution.upTo }
    }),
  known: ({ after, limit }) =>
    step(() =>
      lists.executions
        .filter(({ id }) => after === undefined || id > after)
        .map(({ id, tenant }) => ({ executionId: id, tenant }))
        .sort((a, b) => (a.executionId < b.executionId ? -1 : 1))
        .slice(0, limit)
    ),
  enlist: (info) =>
    step(() => {
      lists.workers = [...lists.workers.filter(({ name }) => name !== info.name), info]
    }),
  dismiss: (worker) =>
    step(() => {
      lists.workers = lists.workers.filter(({ name }) => name !== worker)
      for (const task of lists.tasks) {
        if (task.lease?.worker !== worker) continue
        lists.losses.push(task.lease)
        lists.move(task, "ready")
      }
    }),
  enlisted: step(() => [...lists.workers]),
  workers: step(() =>
    lists.workers.map((info) => ({
      ...info,
      silentMillis: 0,
      running: lists.tasks
        .filter((task) => task.lease?.worker === info.name)
        .map(({ executionId, id, lane, tenant }) => ({ executionId, tenant, taskId: id, lane }))
    }))
  ),
  overview: (tenant) =>
    step(() => {
      const isSeen = (each: { readonly tenant: string }) => tenant === undefined || each.tenant === tenant
      const tasks = lists.tasks.filter(isSeen)
      return {
        executions: lists.executions.filter(isSeen).length,
        timed: tasks.filter(({ timer }) => timer !== undefined).length,
        lanes: [...new Set([...Object.keys(limits ?? {}), ...tasks.map(({ lane }) => lane)])]
          .map((lane): TaskQueue.LaneView => {
            const ready = tasks.filter((task) => lists.isOpen(task) && task.lane === lane)
            const limit = limits?.[lane]
            return {
              lane,
              ready: ready.length,
              leased: tasks.filter((task) => task.place === "leased" && task.lane === lane).length,
              ...(limit === undefined ? {} : { limit }),
              ...(ready.length === 0
                ? {}
                : { oldestReadyMillis: lists.now - Math.min(...ready.map(({ readyAt }) => readyAt)) })
            }
          })
          .filter(({ leased, limit, ready }) => limit !== undefined || ready + leased > 0)
          .sort((a, b) => (a.lane < b.lane ? -1 : 1))
      }
    })
})

const make = Effect.fnUntraced(function* ({ lanes }: TaskQueue.Options) {
  const clock = yield* Clock.Clock
  const lists = new Lists()
  const step: Step = (body) =>
    Effect.sync(() => {
      lists.catchUp(clock.currentTimeMillisUnsafe())
      return body()
    })
  return TaskQueue.TaskQueue.of({
    isShared: false,
    ...facts(lists, step),
    ...leases(lists, step, lanes),
    ...views(lists, step, lanes)
  })
})

/** For tests only: slow. */
export const layerWith = (options: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue> =>
  Layer.effect(TaskQueue.TaskQueue, make(options))
