/** `/api/v1/feed`: the events of all executions of a tenant in one order. */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { Event } from "./Executions.ts"
import * as Problem from "./Problem.ts"
import * as WholeNumber from "./WholeNumber.ts"

/** Every type of event. One that is missing here does not compile. */
const eventTypes: { readonly [T in ExecutionEvent.Type]: true } = {
  ExecutionStarted: true,
  TaskStarted: true,
  TurnCompleted: true,
  ModelNoticed: true,
  GuardrailJudged: true,
  ToolStarted: true,
  ToolCalled: true,
  MemoryRecalled: true,
  OutputRejected: true,
  AgentAssigned: true,
  ReviewJudged: true,
  RecoveryChosen: true,
  TaskSuspended: true,
  TaskRetried: true,
  TaskReleased: true,
  TaskUnserved: true,
  TaskCompleted: true,
  TaskFailed: true,
  TaskSkipped: true,
  TaskCancelled: true,
  SignalReceived: true,
  AskAnswered: true,
  MessageSent: true,
  LimitRaised: true,
  LimitReached: true,
  ExecutionPaused: true,
  ExecutionResumed: true,
  ExecutionEnded: true
}

/** An event of the feed. */
export const FeedEvent = Schema.StructWithRest(
  Schema.Struct({
    ...Event.schema.fields,
    cursor: Schema.String.annotate({
      description: "Pass it as `after` to continue the feed after this event"
    }),
    crewName: Schema.String,
    crewId: Schema.optionalKey(Schema.String)
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
).annotate({ identifier: "FeedEvent", description: "An event of any execution of the tenant" })

const Types = Schema.String.check(
  Schema.makeFilter((text) => {
    const unknown = text.split(",").filter((type) => !Object.hasOwn(eventTypes, type))
    return unknown.length === 0
      ? undefined
      : `Invalid type ${unknown.map((type) => JSON.stringify(type)).join(", ")}: expected ${Object.keys(eventTypes).join(", ")}`
  })
).annotate({ description: "Only events of this type, or of these types, separated by commas" })

/** Filters of the feed. */
export const filters = {
  type: Schema.optionalKey(Types),
  crewId: Schema.optionalKey(Name.Key),
  crewName: Schema.optionalKey(Name.Key),
  executionId: Schema.optionalKey(Name.Key)
}

/** Filters of a query, as they are sent. */
export const Filters = Schema.Struct(filters)
export type Filters = typeof Filters.Type

/** The most events of one answer. */
export const maxEvents = 1_000

export class Feed extends HttpApiGroup.make("feed")
  .add(
    HttpApiEndpoint.get("read", "/", {
      headers: { "last-event-id": Schema.optionalKey(Schema.String) },
      query: {
        after: Schema.optionalKey(Schema.String).annotate({
          description: "`cursor` of the last event read; if absent, starts with the oldest retained event"
        }),
        ...filters,
        limit: Schema.optionalKey(
          WholeNumber.make({
            minimum: 1,
            maximum: maxEvents,
            description: `Maximum number of events to examine, 1 to ${maxEvents}. Default: 100. Fewer if they are large. JSON only`
          })
        )
      },
      success: [
        Schema.Struct({
          items: Schema.Array(FeedEvent),
          nextAfter: Schema.optionalKey(Schema.String).annotate({
            description:
              "`after` of the next page, whether or not there are more events yet; absent while the feed is empty"
          }),
          hasMore: Schema.Boolean
        }).annotate({ identifier: "FeedEvents" }),
        Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" }))
      ],
      error: Problem.schemas("cursor-expired")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Read or follow the events of all executions",
        description:
          "Every event once, with the events of an execution in the order of `seq`; without text deltas. With " +
          "`Accept: text/event-stream` the answer is a stream of server-sent events that does not end: first the stored events after " +
          "`after` (or after `Last-Event-ID`, which takes precedence), then live ones. `id` is the cursor, `data` the event as JSON. " +
          "A comment is sent every 15 seconds and moves the cursor past filtered events. Otherwise returns a page of events as " +
          "JSON. A cursor older than events that were deleted because of their age (CREWLINE_RETENTION) returns 410."
      })
    )
  )
  .prefix("/api/v1/feed")
  .annotateMerge(OpenApi.annotations({ title: "Feed", description: "Events of all executions" })) {}
