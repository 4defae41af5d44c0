/**
 * `crewline adopt`: releases the executions of a dead worker, so that running servers continue
 * them.
 */
import * as Adoption from "@crewline/core/Adoption"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "../Queue.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Settings from "./Settings.ts"

export interface Options {
  readonly worker: string
  readonly force: boolean
}

export const adopt = Effect.fn("Adopt.adopt")(function* ({ force, worker }: Options) {
  const { result } = yield* Output.Output
  const database = yield* Settings.database(Option.none())
  if (database.kind !== "server") {
    return yield* Failure.invalid(
      "An embedded database needs no adoption: the next process that opens it continues its executions at once. Set DATABASE_URL to the PostgreSQL server that the dead worker used."
    )
  }
  const queue = yield* Settings.queue(database)
  const log = PgEventLog.layerWith({ listens: false }).pipe(Layer.provide(Database.layer(database)))
  const { executions } = yield* Adoption.release(worker, { force }).pipe(
    Effect.provide([log, Queue.layer(queue)]),
    Effect.mapError((error) =>
      error._tag === "WorkerAlive"
        ? Failure.failed(error.message.replace("use force", "add --force"))
        : Failure.because(error)
    )
  )
  const what = executions === 1 ? "1 execution that it owned is" : `${executions} executions that it owned are`
  yield* result(`Worker ${worker} was released: ${what} free for others.`)
})
