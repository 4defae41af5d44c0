/** `/api/v1/workers` and `/api/v1/queue`: who works, what waits, what failed. */
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

/** A worker that is enlisted. */
export const Worker = Schema.Struct({
  name: Schema.String,
  /** The machine. */
  host: Schema.optionalKey(Schema.String),
  /** Tasks at once, at most. */
  concurrency: Schema.Int,
  /** At most so many by lane; `default` stands for all that are not named. */
  lanes: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int)),
  startedAt: Schema.String,
  status: Schema.Literals(["working", "draining", "stuck"]).annotate({
    description: "Stuck: silent for longer than its leases last, so that others take over its tasks"
  }),
  silentMillis: Schema.Finite.annotate({ description: "Since it was last heard of, in milliseconds" }),
  running: Schema.Array(
    Schema.Struct({ executionId: Schema.String, taskId: Schema.String, lane: Schema.String })
  ).annotate({ description: "Your tasks that it works on" })
}).annotate({ identifier: "Worker", description: "A process that takes tasks" })

/** Tasks of one provider. */
export const Lane = Schema.Struct({
  lane: Schema.String,
  ready: Schema.Int.annotate({ description: "Tasks that a worker could take now" }),
  leased: Schema.Int.annotate({ description: "Tasks that workers have" }),
  limit: Schema.optionalKey(Schema.Int).annotate({
    description: "At most so many at once, of everybody, by all workers together"
  }),
  oldestReadyMillis: Schema.optionalKey(Schema.Finite)
}).annotate({ identifier: "Lane", description: "Your tasks that load the same provider" })

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
  ).annotate({ description: "The task that failed; absent when the execution as a whole did, as by its time limit" })
}).annotate({ identifier: "DeadLetter", description: "An execution that failed, and of what" })

const letters = Page.Page(DeadLetter)

/** How full the queue is. */
export const Overview = Schema.Struct({
  isShared: Schema.Boolean.annotate({ description: "Other processes take from it too" }),
  executions: Schema.Int.annotate({ description: "Your executions that have not ended" }),
  timed: Schema.Int.annotate({ description: "Tasks that become ready at a time: retries, waits with a time limit" }),
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
          "Those of all machines, with a shared queue. One that was killed on another machine, or whose event loop is blocked, is listed as stuck for a while."
      })
    )
  )
  .prefix("/api/v1/workers")
  .annotateMerge(OpenApi.annotations({ title: "Workers", description: "Who takes tasks" })) {}

export class Queue extends HttpApiGroup.make("queue")
  .add(
    HttpApiEndpoint.get("overview", "/", { query: Page.query, success: Overview }).annotateMerge(
      OpenApi.annotations({
        summary: "See how full the queue is",
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
        summary: "Do an execution again that failed or was cancelled",
        description:
          "As a new execution of the same plan that takes over the outputs that stand, and pays for none of them again. The old one " +
          "stays as it is. Asked twice it answers with the same new execution, unless that has failed too."
      })
    )
  )
  .prefix("/api/v1/queue")
  .annotateMerge(OpenApi.annotations({ title: "Queue", description: "What waits, and what failed" })) {}
