/** Handlers of `/api/v1/workers` and `/api/v1/queue`. */
import { Crewline } from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import { TaskQueue } from "@crewline/core/TaskQueue"
import * as Tenant from "@crewline/core/Tenant"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import { Api } from "../Api.ts"
import * as DeadLetters from "../Queue/DeadLetters.ts"
import * as Page from "./Page.ts"
import * as Problem from "../Api/Problem.ts"
import * as QueueView from "../Queue/View.ts"
import * as Start from "./Start.ts"
import * as StoreProblems from "./StoreProblems.ts"

/** A remote queue may not respond: the caller learns this soon. */
const looking = Effect.timeoutOrElse({
  duration: "2 seconds",
  orElse: () =>
    Effect.fail(
      Problem.make("unavailable", {
        detail: "The queue does not answer; try again in a moment. /health/ready has details."
      })
    )
})

const workersOf = Effect.gen(function* () {
  const queue = yield* TaskQueue
  return QueueView.workers(yield* looking(queue.workers), yield* Tenant.Current)
})

const lettersOf = (query: Page.Query) => Page.read(query, (page) => StoreProblems.listing(DeadLetters.list(page)))

const layerWorkers = HttpApiBuilder.group(
  Api,
  "workers",
  Effect.fnUntraced(function* (handlers) {
    const services = yield* Effect.context<TaskQueue>()
    return handlers.handle("list", () => Effect.map(Effect.provideContext(workersOf, services), (items) => ({ items })))
  })
)

const layerQueue = HttpApiBuilder.group(
  Api,
  "queue",
  Effect.fnUntraced(function* (handlers) {
    const services = yield* Effect.context<TaskQueue | EventLog.EventLog>()
    const queue = yield* TaskQueue
    const crewline = yield* Crewline
    const log = yield* EventLog.EventLog
    return handlers
      .handle("overview", ({ query }) =>
        Effect.gen(function* () {
          const deadLetters = yield* lettersOf(query)
          const overview = yield* looking(queue.overview(yield* Tenant.Current))
          const oldestReadyMillis = QueueView.oldestReadyMillis(overview)
          return {
            isShared: queue.isShared,
            ...overview,
            ...(oldestReadyMillis !== undefined && { oldestReadyMillis }),
            workers: yield* workersOf,
            deadLetters
          }
        }).pipe(Effect.provideContext(services))
      )
      .handle("deadLetters", ({ query }) => Effect.provideContext(lettersOf(query), services))
      .handle("retry", ({ params }) =>
        Effect.gen(function* () {
          const { id } = yield* crewline.retry(params.id).pipe(
            Effect.catchTag("NotRetryable", ({ message }) =>
              Effect.fail(Problem.make("execution-conflict", { detail: message }))
            ),
            Effect.catchReason("EventLogError", "TooManyUnfinished", (reason) =>
              Effect.fail(StoreProblems.tooManyExecutions(reason))
            ),
            Effect.catchTag("EventLogError", (error) => StoreProblems.execution(params.id)(Effect.fail(error)))
          )
          return yield* Start.standing(log, id)
        })
      )
  })
)

export const layer = Layer.mergeAll(layerWorkers, layerQueue)
