/** `/api/v1/outbox`: what follows from events, and is not done yet. */
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
        summary: "List what follows from events and is not done yet, oldest first",
        description:
          "A memory to be kept, for example. `pending` rows are served by a worker, again and later each time when that fails; `dead` ones " +
          "failed for the last time. What is done is not listed."
      })
    ),
    HttpApiEndpoint.post("retry", "/:id/retry", {
      params: Resource.params,
      success: Outbox.View,
      error: Problem.schemas("not-found")
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Send a dead letter again",
        description:
          "It is `pending` again, as if it had never been tried, and a worker serves it within seconds. A row that is `pending` already stays " +
          "as it is. One that is done is not there any more: 404."
      })
    )
  )
  .prefix("/api/v1/outbox")
  .annotateMerge(OpenApi.annotations({ title: "Outbox", description: "What follows from events" })) {}
