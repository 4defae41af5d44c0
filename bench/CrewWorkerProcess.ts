/**
 * A worker process for `bench/crew-queue.ts`, over Redis and PostgreSQL, one task at a time.
 * Arguments: the port of Redis, the URL of the database, and its name. It notifies its parent once
 * it runs.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TimedCrew from "./TimedCrew.ts"

const [port = "", url = "", name = "worker"] = process.argv.slice(2)
process.once("disconnect", () => process.exit(0))
await Effect.runPromise(
  Effect.andThen(
    Effect.sync(() => process.send?.("ready")),
    Effect.never
  ).pipe(
    Effect.provide(
      Crewline.layer({ worker: { concurrency: 1, name } }).pipe(
        Layer.provide([TimedCrew.services, TimedCrew.shared(Number(port), url)])
      )
    )
  )
)
