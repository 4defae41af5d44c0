/** `/api/v1/executions`: start crews, watch them, stop them. */
import * as Execution from "@crewline/core/Execution"
import * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as ExecutionView from "@crewline/core/ExecutionView"
import * as Message from "@crewline/core/Message"
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Access from "./Access.ts"
import * as Crews from "./Crews.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"
import * as WholeNumber from "./WholeNumber.ts"

/** One line about an execution, in lists. */
export const Summary = Schema.Struct({
  id: Schema.String,
  crewName: Schema.String,
  crewId: Schema.optionalKey(Schema.String),
  status: Execution.Status,
  waitingFor: Schema.optionalKey(Schema.Literal("person")).annotate({
    description: "True while an ask to a person is open"
  }),
  startedAt: Schema.String,
  endedAt: Schema.optionalKey(Schema.String),
  lastSeq: Schema.Int
}).annotate({ identifier: "ExecutionSummary" })

/** Files by path: text, or other bytes in Base64. */
export const FileContents = Schema.Record(
  Schema.String,
  Schema.Union([Schema.String, Schema.Struct({ base64: Schema.String })])
).annotate({ description: "Files of the execution, by path: text, or other bytes in Base64" })
export type FileContents = typeof FileContents.Type

/** The body that starts an execution: a stored or an inline crew, and its inputs. */
export const Start = Schema.Struct({
  crewId: Schema.optionalKey(Name.Key),
  crew: Schema.optionalKey(Crews.CrewBody),
  inputs: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  files: Schema.optionalKey(FileContents),
  priority: Schema.optionalKey(
    ExecutionEvent.Priority.annotate({
      description: "Priority of its tasks among the tenant's executions. Default: normal"
    })
  ),
  sessionId: Schema.optionalKey(
    Name.Name.annotate({
      description: "The conversation to continue: a crew with a memory recalls its earlier messages"
    })
  ),
  onBehalfOf: Access.onBehalfOf
}).annotate({ identifier: "ExecutionStart", description: "Either crewId or crew, with the inputs of the crew" })

const namesIn = (text: string) => text.split(",").map((name) => name.trim())
const isStatus = Schema.is(Execution.Status)

/** Several statuses in a query, separated by commas. */
const Statuses = Schema.String.check(
  Schema.makeFilter((text) => {
    const unknown = namesIn(text).filter((name) => !isStatus(name))
    return unknown.length === 0
      ? undefined
      : `Invalid status ${unknown.map((name) => JSON.stringify(name)).join(", ")}: expected ${Execution.Status.literals.join(", ")}`
  })
)
  .annotate({
    description: `Only executions with this status, or one of these, separated by commas: ${Execution.Status.literals.join(", ")}. \`waiting\` also matches running executions with an open ask`
  })
  .pipe(
    Schema.decodeTo(
      Schema.Array(Execution.Status),
      SchemaTransformation.transform({
        decode: (text): ReadonlyArray<Execution.Status> => namesIn(text).filter(isStatus),
        encode: (statuses: ReadonlyArray<Execution.Status>) => statuses.join(",")
      })
    )
  )

/** The state of an execution, with a page of its tasks. */
const WithTasks = Schema.Struct({
  ...ExecutionView.View.fields,
  nextCursor: Schema.optionalKey(Schema.String).annotate({
    description: "Cursor of the next page of tasks; absent on the last page and without `tasks`"
  })
}).annotate({ identifier: "ExecutionWithTasks", description: "The state of an execution, with a page of its tasks" })

/** Selects the tasks of an execution to show. */
const taskQuery = {
  tasks: Schema.optionalKey(
    WholeNumber.make({
      minimum: 0,
      maximum: Page.maxLimit,
      description:
        `Maximum number of tasks, 0 to ${Page.maxLimit}; all if absent. Fewer if they are large. With 0, the answer has the state ` +
        "of the execution without its tasks"
    })
  ),
  cursor: Page.query.cursor
}

/** A started execution. */
export const Started = Schema.Struct({
  id: Schema.String,
  status: Execution.Status,
  crewName: Schema.String,
  crewId: Schema.optionalKey(Schema.String),
  startedAt: Schema.String
}).annotate({ identifier: "ExecutionStarted" })

/** An event; the other fields depend on `type`. */
export const Event = Schema.StructWithRest(
  Schema.Struct({
    seq: Schema.Int,
    type: Schema.String,
    at: Schema.String,
    executionId: Schema.String,
    taskId: Schema.optionalKey(Schema.String)
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
).annotate({ identifier: "ExecutionEvent", description: "An event of an execution, numbered per execution" })

/** The most events of one answer. */
export const maxEvents = 1_000

/** No event has a greater seq: storages count with 32 bits. */
const maxSeq = 2 ** 31 - 1

/** A message over HTTP. */
export const MessageBody = Schema.Struct({ ...Message.Message.fields, onBehalfOf: Access.onBehalfOf }).annotate({
  identifier: "MessageBody",
  description: "A message to the manager, or to the agent of a task"
})
export type MessageBody = typeof MessageBody.Type

const isKey = Schema.isPattern(/^[\x21-\x7e]{1,255}$/, { expected: "1 to 255 visible characters" })

/** A key chosen by the sender, so that a repeated request counts once. */
export const IdempotencyKey = Schema.String.check(isKey)

const idempotencyKey = (does: string) => ({
  "idempotency-key": Schema.optionalKey(IdempotencyKey).annotate({
    description: `Repeating a request with the same key ${does}; a different request with the same key fails with 422`
  })
})

export class Executions extends HttpApiGroup.make("executions")
  .add(
    HttpApiEndpoint.post("start", "/", {
      headers: idempotencyKey("returns the first execution"),
      payload: Start,
      success: HttpApiSchema.WithHeaders(Started.pipe(HttpApiSchema.status(202)), { location: Schema.String }),
      error: Problem.schemas(
        ...Problem.ofBody,
        "not-found",
        "gone",
        "crew-invalid",
        "idempotency-key-reused",
        "too-many-executions",
        "path-refused",
        "quota-exceeded"
      )
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Start a crew",
        description:
          "Returns as soon as the execution is stored. The execution runs in the background and continues after a restart. To attach files, set `files`, or send a " +
          "`multipart/form-data` body: its part `start` is this JSON, and every other part is a file. The name of the part is the path of the file; for parts named `files`, the path is the file name."
      })
    ),
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...Page.query,
        status: Schema.optionalKey(Statuses),
        crewId: Schema.optionalKey(Name.Key),
        crewName: Schema.optionalKey(Name.Key)
      },
      success: Page.Page(Summary)
    }).annotateMerge(
      OpenApi.annotations({ summary: "List executions, newest first", description: "Summaries, without tasks." })
    ),
    HttpApiEndpoint.get("get", "/:id", {
      params: Resource.params,
      query: taskQuery,
      success: WithTasks,
      error: Problem.schemas("not-found", "gone")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Get an execution with the state of its tasks",
        description:
          "All tasks in one answer, or in pages: first the tasks of the crew in their order, then spawned tasks in the order in " +
          "which they were added."
      })
    ),
    HttpApiEndpoint.delete("remove", "/:id", {
      params: Resource.params,
      success: HttpApiSchema.NoContent,
      error: Problem.schemas("not-found", "gone", "execution-conflict")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Delete an execution that has ended",
        description:
          "Deletes its events and outputs too; afterwards all its URLs return 410. If it has not ended, the request fails with 409: cancel it " +
          "first. Its idempotency key can be used again."
      })
    ),
    HttpApiEndpoint.post("cancel", "/:id/cancel", {
      params: Resource.params,
      success: ExecutionView.View.pipe(HttpApiSchema.status(202)),
      error: Problem.schemas("not-found", "gone")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Cancel an execution",
        description: "Also stops calls in flight. Does nothing if the execution has ended."
      })
    ),
    HttpApiEndpoint.post("pause", "/:id/pause", {
      params: Resource.params,
      success: ExecutionView.View.pipe(HttpApiSchema.status(202)),
      error: Problem.schemas("not-found", "gone", "execution-conflict")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Pause an execution",
        description: "No further task starts on any worker; running tasks finish."
      })
    ),
    HttpApiEndpoint.post("resume", "/:id/resume", {
      params: Resource.params,
      success: ExecutionView.View.pipe(HttpApiSchema.status(202)),
      error: Problem.schemas("not-found", "gone", "execution-conflict")
    }).annotateMerge(
      OpenApi.annotations({ summary: "Resume a paused execution", description: "Tasks that were held back begin." })
    ),
    HttpApiEndpoint.get("events", "/:id/events", {
      params: Resource.params,
      headers: { "last-event-id": Schema.optionalKey(Schema.String) },
      query: {
        after: Schema.optionalKey(
          WholeNumber.make({ minimum: 0, maximum: maxSeq, description: "Only events with a greater seq; 0 by default" })
        ),
        limit: Schema.optionalKey(
          WholeNumber.make({
            minimum: 1,
            maximum: maxEvents,
            description: `Maximum number of events, 1 to ${maxEvents}. Default: 100. Fewer if they are large. JSON only`
          })
        ),
        deltas: Schema.optionalKey(Schema.Literals(["true", "false"])).annotate({
          description: "Server-sent events only: `false` omits text deltas"
        })
      },
      success: [
        Schema.Struct({
          items: Schema.Array(Event),
          /** `after` of the next page; absent when there are no more events yet. */
          nextAfter: Schema.optionalKey(Schema.Int)
        }).annotate({ identifier: "ExecutionEvents" }),
        Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" }))
      ],
      error: Problem.schemas("not-found", "gone")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Read or follow the events",
        description:
          "With `Accept: text/event-stream` the answer is a stream of server-sent events: first the stored events after `after` " +
          "(or after `Last-Event-ID`, which takes precedence), then live ones. `id` is the seq, `data` the event as JSON; text " +
          "deltas (`TextDelta`) have no `id`. A comment is sent every 15 seconds. After `ExecutionEnded` the stream " +
          "ends, and a repeated request returns 204, which tells an EventSource to stop reconnecting. Otherwise returns a page of events as JSON."
      })
    ),
    HttpApiEndpoint.post("message", "/:id/messages", {
      params: Resource.params,
      headers: idempotencyKey("sends nothing and returns the first message"),
      payload: MessageBody,
      success: Message.Sent.pipe(HttpApiSchema.status(202)),
      error: Problem.schemas(
        ...Problem.ofBody,
        "not-found",
        "gone",
        "execution-conflict",
        "task-settled",
        "too-many-messages",
        "unknown-task",
        "no-manager",
        "idempotency-key-reused"
      )
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Send a message to the manager or an agent",
        description:
          "The recipient reads it before its next turn, and continues with it if it has just answered: with `taskId`, the agent of that " +
          "task; without it, the manager. If there is no manager, the message must name a task."
      })
    ),
    HttpApiEndpoint.post("signal", "/:id/signals/:signal", {
      params: { ...Resource.params, signal: Name.Key },
      payload: Schema.Json,
      success: ExecutionView.View.pipe(HttpApiSchema.status(202)),
      error: Problem.schemas(...Problem.ofBody, "not-found", "gone", "execution-conflict")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Send a signal that a task declares",
        description:
          "The body is its value. It may arrive before the task waits for it. The first signal counts; later ones are ignored. A name " +
          "that no task of the execution declares returns 404, and nothing is stored. Asks are answered in the inbox."
      })
    )
  )
  .prefix("/api/v1/executions")
  .annotateMerge(OpenApi.annotations({ title: "Executions", description: "Running crews" })) {}
