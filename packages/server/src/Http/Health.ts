/** Handlers of `/health`. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as Health from "../Api/Health.ts"
import * as Dependencies from "../Dependencies.ts"
import * as Lifecycle from "../Listener/Lifecycle.ts"
import * as TaskQueue from "@crewline/core/TaskQueue"

export const layer = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const dependencies = yield* Dependencies.Dependencies
    const lifecycle = yield* Lifecycle.Lifecycle
    const queue = yield* TaskQueue.TaskQueue
    return handlers
      .handle("live", () => Effect.succeed({ status: "live" as const }))
      .handle("ready", () =>
        Effect.gen(function* () {
          const outages = yield* dependencies.outages
          const isStopping = yield* lifecycle.isStopping
          const stateOf = (part: Dependencies.Part) =>
            outages.some((outage) => outage.part === part) ? ("failed" as const) : ("ok" as const)
          const parts = {
            database: stateOf("database"),
            // A worker has nothing to do while the shared queue is unavailable.
            worker: isStopping ? ("failed" as const) : queue.isShared ? stateOf("redis") : ("ok" as const),
            ...(dependencies.parts.includes("redis") && { redis: stateOf("redis") })
          }
          if (outages.length === 0 && !isStopping) return { status: "ready" as const, parts }
          return yield* Effect.fail(
            new Health.NotReady({
              status: "not-ready",
              parts,
              detail: isStopping ? "The server is stopping." : outages.map(({ detail }) => detail).join(" "),
              ...(outages.length > 0 && { outages })
            })
          )
        })
      )
  })
)
