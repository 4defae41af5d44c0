/** `/api/v1/workers` and `/api/v1/queue`: workers, waiting tasks and failures. */
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"
import * as Executions from "./Executions.ts"
import * as Resource from "./Resource.ts"

/** A registered worker. */
export const Worker = Schema.Struct({
  name: Schema.String,
  /** The machine. */
  host: Schema.optionalKey(Schema.String),
  /** Tasks at once, at most. */
  concurrency: Schema.Int,
  /** Limits by lane; `default` applies to all lanes that are not named. */
  lanes: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int)),
  startedAt: Schema.String,
  status: Schema.Literals(["working", "draining", "stuck"]).annotate({
    description: "Stuck: silent for longer than its leases last, so others take over its tasks"
  }),
  silentMillis: Schema.Finite.annotate({ description: "Time since its last sign of life, in milliseconds" }),
  running: Schema.Array(
    Schema.Struct({ executionId: Schema.String, taskId: Schema.String, lane: Schema.String })
  ).annotate({ description: "Tasks of the tenant that it is running" })
}).annotate({ identifier: "Worker", description: "A process that runs tasks" })

/** Tasks of one provider. */
export const Lane = Schema.Struct({
  lane: Schema.String,
  ready: Schema.Int.annotate({ description: "Tasks ready to be taken" }),
  leased: Schema.Int.annotate({ description: "Tasks held by workers" }),
  limit: Schema.optionalKey(Schema.Int).annotate({
    description: "Maximum number of concurrent tasks, of all tenants and by all workers together"
  }),
  oldestReadyMillis: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "Lane", description: "Tasks of the tenant that use the same provider" })

/** An execution that failed. */
export const DeadLetter = Schema.Struct({
  /** Of the execution. */
  id: Schema.String,
  crewName: Schema.String,
  crewId: Schema.optionalKey(Schema.String),
  startedAt: Schema.String,
  endedAt: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(ExecutionEvent.Failure),
  task: Schema.optionalKey(
    Schema.Struct({ id: Schema.String, attempts: Schema.Int, worker: Schema.optionalKey(Schema.String) })
  ).annotate({
    description: "The task that failed; absent if the execution failed as a whole, for example by its time limit"
  })
}).annotate({ identifier: "DeadLetter", description: "A failed execution and its cause" })

const letters = Page.Page(DeadLetter)

/** How full the queue is. */
export const Overview = Schema.Struct({
  isShared: Schema.Boolean.annotate({ description: "Shared with other processes" }),
  executions: Schema.Int.annotate({ description: "Executions of the tenant that have not ended" }),
  timed: Schema.Int.annotate({ description: "Tasks that become ready at a later time: retries, waits with a timeout" }),
  lanes: Schema.Array(Lane),
  oldestReadyMillis: Schema.optionalKey(Schema.Finite),
  workers: Schema.Array(Worker),
  deadLetters: letters
}).annotate({ identifier: "QueueOverview" })

export class Workers extends HttpApiGroup.make("workers")
  .add(
    HttpApiEndpoint.get("list", "/", { success: Schema.Struct({ items: Schema.Array(Worker) }) }).annotateMerge(
      OpenApi.annotations({
        summary: "List the workers",
        description:
          "With a shared queue, lists the workers of all machines. A worker that was killed on another machine, or whose event loop is blocked, is listed as stuck for a while."
      })
    )
  )
  .prefix("/api/v1/workers")
  .annotateMerge(OpenApi.annotations({ title: "Workers", description: "Processes that run tasks" })) {}

export class Queue extends HttpApiGroup.make("queue")
  .add(
    HttpApiEndpoint.get("overview", "/", { query: Page.query, success: Overview }).annotateMerge(
      OpenApi.annotations({
        summary: "Get the state of the queue",
        description:
          "It counts your own tasks; they may wait for those of others, of which nothing is shown. `limit` and `cursor` page through the " +
          "dead letters."
      })
    ),
    HttpApiEndpoint.get("deadLetters", "/dead-letters", { query: Page.query, success: letters }).annotateMerge(
      OpenApi.annotations({
        summary: "List the executions that failed, newest first",
        description: "With the task that failed, its error and its attempts."
      })
    ),
    HttpApiEndpoint.post("retry", "/dead-letters/:id/retry", {
      params: Resource.params,
      success: HttpApiSchema.WithHeaders(Executions.Started.pipe(HttpApiSchema.status(202)), {
        location: Schema.String
      }),
      error: Problem.schemas("not-found", "gone", "execution-conflict", "too-many-executions")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Retry a failed or cancelled execution",
        description:
          "Starts a new execution of the same plan that copies the outputs of completed tasks, at no further cost. The old execution " +
          "is not changed. A repeated request returns the same new execution, unless that one has failed too."
      })
    )
  )
  .prefix("/api/v1/queue")
  .annotateMerge(OpenApi.annotations({ title: "Queue", description: "Pending tasks and failed executions" })) {}
