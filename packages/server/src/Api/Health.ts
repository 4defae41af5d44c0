/** `/health`: for monitoring the process. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"

const part = Schema.Literals(["ok", "failed"])

/** The state of the server's parts. */
export const Readiness = Schema.Struct({
  status: Schema.Literals(["ready", "not-ready"]),
  /** `redis` only where it is configured. */
  parts: Schema.Struct({ database: part, worker: part, redis: Schema.optionalKey(part) }),
  /** Why a part does not work. */
  detail: Schema.optionalKey(Schema.String),
  /** Dependencies that fail. */
  outages: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        part: Schema.Literals(["database", "redis"]),
        detail: Schema.String,
        /** What works without the dependency. */
        stillWorks: Schema.String,
        /** When it was first seen to fail. */
        since: Schema.String
      })
    )
  )
}).annotate({ identifier: "Readiness" })

/** The server cannot work now. */
export class NotReady extends Schema.Class<NotReady>("NotReady")(Readiness.fields, { httpApiStatus: 503 }) {}

export class Health extends HttpApiGroup.make("health")
  .add(
    HttpApiEndpoint.get("live", "/live", {
      success: Schema.Struct({ status: Schema.Literal("live") })
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Check that the process is alive",
        description: "Checks nothing else and requires no credential."
      })
    ),
    HttpApiEndpoint.get("ready", "/ready", { success: Readiness, error: NotReady }).annotateMerge(
      OpenApi.annotations({
        summary: "Check that the server can accept work; 503 names the dependency that is unavailable",
        description: "Checks the database and Redis and requires no credential."
      })
    )
  )
  .prefix("/health")
  .annotateMerge(OpenApi.annotations({ title: "Health", description: "Whether the server works" })) {}
