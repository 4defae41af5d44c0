/** `/api/v1/outbox`: what follows from events, and is not done yet. */
import * as Outbox from "@crewline/core/Outbox"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Page from "./Page.ts"

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
    )
  )
  .prefix("/api/v1/outbox")
  .annotateMerge(OpenApi.annotations({ title: "Outbox", description: "What follows from events" })) {}
