/**
 * A queue shared between processes, whose tasks keep the process alive: from when it takes a task
 * until the task is settled, given back or lost. This covers tasks of executions that other
 * processes own; for its own a process stays alive anyway.
 */
import * as TaskQueue from "@crewline/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { KeepAlive } from "./KeepAlive.ts"

type Place = Pick<TaskQueue.Lease, "executionId" | "taskId">

class HeldTasks {
  readonly #alive: KeepAlive
  readonly #byExecution = new Map<string, Map<string, () => void>>()

  constructor(alive: KeepAlive) {
    this.#alive = alive
  }

  readonly take = (leases: ReadonlyArray<Place>): void => {
    for (const { executionId, taskId } of leases) {
      const tasks = this.#byExecution.get(executionId) ?? new Map<string, () => void>()
      this.#byExecution.set(executionId, tasks)
      if (!tasks.has(taskId)) tasks.set(taskId, this.#alive.hold())
    }
  }

  readonly give = (executionId: string, taskIds: Iterable<string>): void => {
    const tasks = this.#byExecution.get(executionId)
    if (tasks === undefined) return
    for (const taskId of taskIds) {
      tasks.get(taskId)?.()
      tasks.delete(taskId)
    }
    if (tasks.size === 0) this.#byExecution.delete(executionId)
  }

  readonly forget = (executionId: string): void =>
    this.give(executionId, [...(this.#byExecution.get(executionId)?.keys() ?? [])])
}

const make = (queue: TaskQueue.TaskQueue["Service"], alive: KeepAlive): TaskQueue.TaskQueue["Service"] => {
  const held = new HeldTasks(alive)
  const give = ({ executionId, taskId }: Place) => Effect.sync(() => held.give(executionId, [taskId]))
  return {
    ...queue,
    take: (options) => Effect.tap(queue.take(options), (leases) => Effect.sync(() => held.take(leases))),
    suspend: (lease, suspension) => Effect.ensuring(queue.suspend(lease, suspension), give(lease)),
    release: (lease, delayMillis) => Effect.ensuring(queue.release(lease, delayMillis), give(lease)),
    tell: (executionId, news) =>
      Effect.ensuring(
        queue.tell(executionId, news),
        Effect.sync(() => held.give(executionId, news.settled ?? []))
      ),
    forget: (executionId) =>
      Effect.ensuring(
        queue.forget(executionId),
        Effect.sync(() => held.forget(executionId))
      ),
    lost: (worker) => Effect.tap(queue.lost(worker), (leases) => Effect.forEach(leases, give))
  }
}

/** The queue of the layer, whose tasks keep the process alive. */
export const layer = <E, R>(
  queue: Layer.Layer<TaskQueue.TaskQueue, E, R>,
  alive: KeepAlive
): Layer.Layer<TaskQueue.TaskQueue, E, R> =>
  Layer.effect(
    TaskQueue.TaskQueue,
    Effect.map(TaskQueue.TaskQueue, (service) => make(service, alive))
  ).pipe(Layer.provide(queue))
