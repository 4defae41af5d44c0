/**
 * `/api/v1/audit`: who did what in the tenant. Clients cannot change entries; the database refuses
 * it.
 */
import * as Name from "@crewline/core/Name"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "./Access.ts"
import * as Me from "./Me.ts"
import * as Page from "./Page.ts"

/** An operation and its actor. */
export const Entry = Schema.Struct({
  id: Schema.String,
  at: Schema.String,
  operation: Schema.String.annotate({ description: "As OpenAPI names it: `keys.create`" }),
  resource: Schema.optionalKey(Schema.String).annotate({
    description: "The id of what was created, changed or asked for"
  }),
  actor: Schema.optionalKey(Schema.String).annotate({
    description: "The name of the credential; absent: it belongs to nobody that is known"
  }),
  role: Schema.optionalKey(Access.Role),
  credential: Schema.optionalKey(Me.Credential),
  keyId: Schema.optionalKey(Schema.String),
  onBehalfOf: Schema.optionalKey(Schema.String).annotate({ description: "The user for whom a service did it" }),
  address: Schema.optionalKey(Schema.String).annotate({
    description: "Where the request came from; absent: the command line, on the database itself"
  }),
  status: Schema.Int.annotate({
    description: "Of the answer; 503 may stand for what took too long, and was done or not"
  }),
  code: Schema.optionalKey(Schema.String).annotate({ description: "Of the problem that it was answered with" }),
  details: Schema.optionalKey(Schema.JsonObject),
  times: Schema.Int.annotate({
    description: "Refused requests of one caller within a minute are one entry for the first, and one for all others"
  })
}).annotate({ identifier: "AuditEntry", description: "What happened, and who did it" })
export type Entry = typeof Entry.Type

const Moment = Schema.String.check(
  Schema.makeFilter(
    (text) =>
      (/^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) && !Number.isNaN(Date.parse(text))) ||
      "Expected a date or a time, such as 2026-11-30 or 2026-11-30T12:00:00Z"
  )
)

const filters = {
  operation: Schema.optionalKey(Name.Key),
  actor: Schema.optionalKey(Name.Key),
  resource: Schema.optionalKey(Name.Key),
  outcome: Schema.optionalKey(Schema.Literals(["done", "refused"])).annotate({
    description: "`done`: answered with a status below 400"
  }),
  since: Schema.optionalKey(Moment),
  until: Schema.optionalKey(Moment)
}

const Filters = Schema.Struct(filters)
/** Filters of the list. */
export type Filters = typeof Filters.Type

/** Records every operation that is not read-only, and every refusal. */
export class Auditing extends HttpApiMiddleware.Service<Auditing>()("@crewline/server/Api/Auditing") {}

export class Audit extends HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: { ...Page.query, ...filters },
      success: Page.Page(Entry)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List who did what, newest first",
        description:
          "Every request that creates, changes or deletes something, whatever became of it, and every request that was refused. Reading is not recorded."
      })
    )
  )
  .prefix("/api/v1/audit")
  .annotateMerge(OpenApi.annotations({ title: "Audit log", description: "Who did what" })) {}
