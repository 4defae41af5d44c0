/** One part of a queue: the executions whose keys share a hash tag. */
import type { LostLeases } from "@crewline/core/LostLeases"
import * as TaskQueue from "@crewline/core/TaskQueue"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type { Bell } from "./Bells.ts"
import * as Client from "./Client.ts"
import * as Heartbeats from "./Heartbeats.ts"
import * as Keys from "./Keys.ts"
import { encode } from "./Names.ts"
import * as Operations from "./Operations.ts"
import * as Scripts from "./Scripts.ts"
import * as Submission from "./Submission.ts"
import * as Views from "./Views.ts"

export interface Settings extends Client.Settings {
  readonly prefix: string
  readonly heartbeatMillis: number
}

export interface Bucket extends Pick<Client.Client, "poll" | "wait"> {
  readonly queue: TaskQueue.TaskQueue["Service"]
}

export const make = Effect.fnUntraced(function* (
  settings: Settings,
  number: number,
  lost: LostLeases,
  bell: Bell | undefined
) {
  const keys = Keys.make(settings.prefix, number)
  const client = yield* Client.make(settings, keys, lost, bell)
  const { ask, call, held, poll, wait } = client
  const { dismiss, enlist, holds } = yield* Heartbeats.make(client, settings)

  /** Ends a lease; answers whether it still held. */
  const end = (lease: TaskQueue.Lease, operation: Operations.Operation) =>
    Effect.map(ask(operation), (result) => {
      held.remove(lease)
      return result === 1
    })

  const queue = TaskQueue.TaskQueue.of({
    isShared: true,
    submit: Submission.make(client, keys),
    tell: (executionId, news) =>
      Effect.map(ask(Operations.tell(executionId, news)), () =>
        news.settled?.forEach((taskId) => held.ofTask(executionId, taskId).forEach(held.lose))
      ),
    take: ({ lanes, limit, worker }) =>
      Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
        const leave = wait({ worker, limit, lanes }, (leases) => resume(Effect.succeed(leases)))
        return Effect.callback<void>((left) => leave(() => left(Effect.void)))
      }),
    holds,
    suspend: (lease, suspension) => end(lease, Operations.suspend(lease, suspension)),
    release: (lease, delayMillis = 0) => end(lease, Operations.release(lease, delayMillis)),
    lost: lost.take,
    forget: (executionId) =>
      Effect.map(ask(Operations.forget(executionId)), () => held.ofExecution(executionId).forEach(held.lose)),
    inspect: (executionId) =>
      Effect.map(ask(Operations.inspect(executionId)), (result): TaskQueue.Inspection => {
        // Not to be reached: whatever the sweep did would be lost too.
        if (!Array.isArray(result)) return { status: "busy", upTo: 0 }
        const [status, upTo] = result as [TaskQueue.Inspection["status"], number]
        return { status, upTo }
      }),
    known: ({ after, limit }) =>
      Effect.map(
        call(Scripts.known, [], [after === undefined ? "" : encode(after), String(limit)]),
        Views.executionsOf
      ),
    enlist,
    dismiss,
    enlisted: Effect.map(call(Scripts.enlisted, [], []), Views.infosOf),
    workers: Effect.map(call(Scripts.workers, [], []), Views.workersOf),
    overview: (tenant) =>
      Effect.map(call(Scripts.overview, [], [tenant === undefined ? "" : encode(tenant)]), (answer) =>
        Views.overviewOf(answer, settings.lanes)
      )
  })
  const bucket: Bucket = { queue, poll, wait }
  return bucket
})
