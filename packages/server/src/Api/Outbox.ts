/** `/api/v1/outbox`: effects of events that have not been delivered yet. */
import * as Outbox from "@crewline/core/Outbox"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

export class OutboxRows extends HttpApiGroup.make("outbox")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        ...Page.query,
        state: Schema.optionalKey(Outbox.State).annotate({ description: "Only rows in this state" })
      },
      success: Page.Page(Outbox.View)
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List pending rows and dead letters, oldest first",
        description:
          "A row is a pending consequence of an event, for example a memory to store. Workers serve `pending` rows and retry with growing delays; `dead` rows " +
          "have used up their attempts. Completed rows are not listed."
      })
    ),
    HttpApiEndpoint.post("retry", "/:id/retry", {
      params: Resource.params,
      success: Outbox.View,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Retry a dead letter",
        description:
          "Makes the row `pending` with no attempts, and a worker serves it within seconds. A row that is already `pending` is left " +
          "unchanged. A completed row no longer exists: 404."
      })
    )
  )
  .prefix("/api/v1/outbox")
  .annotateMerge(OpenApi.annotations({ title: "Outbox", description: "Consequences of events" })) {}
