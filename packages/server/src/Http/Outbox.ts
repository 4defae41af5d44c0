/** Handlers of `/api/v1/outbox`. */
import * as Outbox from "@crewline/core/Outbox"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as Page from "./Page.ts"
import * as StoreProblems from "./StoreProblems.ts"

const available = <A>(effect: Effect.Effect<A, Outbox.OutboxError>) =>
  Effect.catch(effect, () => StoreProblems.unavailable({ isRetryable: true }))

export const layer = HttpApiBuilder.group(
  Api,
  "outbox",
  Effect.fnUntraced(function* (handlers) {
    const outbox = yield* Outbox.Outbox
    return handlers
      .handle("list", ({ query }) =>
        Page.read(query, ({ before: after, limit }) =>
          available(
            outbox.list({
              limit,
              ...(after !== undefined && { after }),
              ...(query.state !== undefined && { state: query.state })
            })
          )
        )
      )
      .handle("retry", ({ params }) =>
        Effect.flatMap(available(outbox.retry(params.id)), (row) =>
          row === undefined ? Effect.fail(StoreProblems.notFound("outbox-row", params.id)) : Effect.succeed(row)
        )
      )
  })
)
