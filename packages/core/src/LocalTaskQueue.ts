/**
 * The queue in the memory of this process, the reference of every other: plain data structures,
 * every operation one synchronous step.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Counter } from "./LocalTaskQueue/Counter.ts"
import { type Execution, makeExecution, type Task } from "./LocalTaskQueue/Tasks.ts"
import { Timers } from "./LocalTaskQueue/Timers.ts"
import { Transitions } from "./LocalTaskQueue/Transitions.ts"
import * as Views from "./LocalTaskQueue/Views.ts"
import * as LostLeases from "./LostLeases.ts"
import * as TaskQueue from "./TaskQueue.ts"

/** The service, in the scope of its layer. */
const make = Effect.fnUntraced(function* (options: TaskQueue.Options) {
  const executions = new Map<string, Execution>()
  const workers = new Map<string, TaskQueue.WorkerInfo>()
  const lost = LostLeases.make()
  const counter = new Counter(options.lanes)
  const timers = new Timers(yield* Clock.Clock, yield* Effect.context(), () => counter.serve())
  const transitions = new Transitions(counter, lost, timers)

  const held = (lease: TaskQueue.Lease): Task | undefined => {
    const task = executions.get(lease.executionId)?.tasks.get(lease.taskId)
    return task?.lease?.nonce === lease.nonce ? task : undefined
  }

  /** Under the lease, if it still holds. */
  const under = (lease: TaskQueue.Lease, act: (task: Task) => void): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const task = held(lease)
      if (task === undefined) return false
      act(task)
      counter.serve()
      return true
    })

  const forget = (executionId: string) => {
    const execution = executions.get(executionId)
    if (execution === undefined) return
    executions.delete(executionId)
    transitions.end(execution)
    // A lane may have room again.
    counter.serve()
  }

  yield* Scope.addFinalizer(
    yield* Scope.Scope,
    Effect.sync(() => {
      counter.close()
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
        transitions.begin(execution, facts)
        counter.serve()
      }),
    tell: (executionId, news) =>
      Effect.sync(() => {
        const execution = executions.get(executionId)
        if (execution === undefined) return
        transitions.tell(execution, news)
        counter.serve()
      }),
    take: (wish) => counter.take(wish),
    takeNext: (lease) =>
      Effect.sync(() => {
        const task = held(lease)
        return task === undefined ? undefined : transitions.takeNext(task, lease.worker)
      }),
    holds: (lease) => Effect.sync(() => held(lease) !== undefined),
    suspend: (lease, { run, spawn, waits }) =>
      under(lease, (task) => transitions.suspend(task, { run, waits, millis: waits.timeoutMillis, spawn })),
    release: (lease, delayMillis = 0) => under(lease, (task) => transitions.delay(task, delayMillis)),
    lost: lost.take,
    forget: (executionId) => Effect.sync(() => forget(executionId)),
    inspect: (executionId) => Effect.sync(() => Views.inspect(executions.get(executionId))),
    known: ({ after, limit }) =>
      Effect.sync(() =>
        Array.from(executions.values(), ({ id, tenant }) => ({ executionId: id, tenant }))
          .filter(({ executionId }) => after === undefined || executionId > after)
          .sort((a, b) => (a.executionId < b.executionId ? -1 : 1))
          .slice(0, limit)
      ),
    enlist: (info) => Effect.sync(() => void workers.set(info.name, info)),
    dismiss: (worker) =>
      Effect.sync(() => {
        workers.delete(worker)
        for (const { tasks } of executions.values())
          for (const task of tasks.values()) if (task.lease?.worker === worker) transitions.withdraw(task)
        counter.serve()
      }),
    enlisted: Effect.sync(() => [...workers.values()]),
    workers: Effect.sync(() => Views.workers(workers.values(), executions)),
    overview: (tenant) =>
      Effect.sync(() => Views.overview({ executions, limits: options.lanes, now: timers.now, tenant }))
  })
})

/** In process, with limits for lanes; the reference of every other layer. */
export const layerLocalWith = (options: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue> =>
  Layer.effect(TaskQueue.TaskQueue, make(options))

/** In process. */
export const layerLocal: Layer.Layer<TaskQueue.TaskQueue> = layerLocalWith({})
