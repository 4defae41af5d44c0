/** Handlers of `/health`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as SqlClient from "effect/sql/SqlClient"
import { Api } from "../Api.ts"
import * as Health from "../Api/Health.ts"
import * as Lifecycle from "../Listener/Lifecycle.ts"

/** A database that has not answered after this long does not answer. */
const patience = "3 seconds"

export const layer = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const sql = yield* SqlClient.SqlClient
    const lifecycle = yield* Lifecycle.Lifecycle
    return handlers
      .handle("live", () => Effect.succeed({ status: "live" as const }))
      .handle("ready", () =>
        Effect.gen(function* () {
          const database = yield* sql`select 1`.pipe(
            Effect.timeout(patience),
            Effect.match({ onSuccess: () => "ok" as const, onFailure: () => "failed" as const })
          )
          const isStopping = yield* lifecycle.isStopping
          const parts = { database, worker: isStopping ? ("failed" as const) : ("ok" as const) }
          if (database === "ok" && !isStopping) return { status: "ready" as const, parts }
          return yield* Effect.fail(
            new Health.NotReady({
              status: "not-ready",
              parts,
              detail: isStopping ? "The server is stopping." : "The database does not answer."
            })
          )
        })
      )
  })
)
