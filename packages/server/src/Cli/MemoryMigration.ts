/**
 * `crewline memory migrate`: creates vectors of another embedder for all memories of all tenants,
 * directly in the database. Servers and workers continue with their current embedder; those that
 * start afterwards with the new one find its vectors complete. It can be interrupted and run again
 * at any time, and continues with the memories that have no vector yet.
 */
import * as Database from "@crewline/memory-pg/Database"
import * as PgMemory from "@crewline/memory-pg/PgMemory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Migrations from "../Migrations.ts"
import * as MasterKeys from "../ResourceStore/MasterKeys.ts"
import * as ProviderStore from "../ResourceStore/Providers.ts"
import * as TenantEmbedder from "../TenantEmbedder.ts"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as ProgressBar from "./ProgressBar.ts"
import * as Settings from "./Settings.ts"

export interface Options {
  readonly to: string
  readonly data: Option.Option<string>
  readonly json: boolean
}

const refused = (error: Error): Failure.Failure =>
  "_tag" in error && error._tag === "DirectoryInUse"
    ? Failure.failed(
        `${error.message} An embedded database supports only one process: restart it with CREWLINE_EMBEDDER, ` +
          "and it creates the vectors while it runs."
      )
    : Failure.because(error)

export const migrate = Effect.fn("MemoryMigration.migrate")(function* ({ data, json, to }: Options) {
  const { result } = yield* Output.Output
  const embedder = yield* Environment.embedder(to)
  if (embedder === undefined)
    return yield* Failure.invalid(
      `--to ${to} needs no vectors: start servers and workers with CREWLINE_EMBEDDER=${to}.`
    )
  const database = yield* Settings.database(data)
  const bar = yield* ProgressBar.make("Embedded")
  let reached: PgMemory.Progress = { space: embedder.space.name, filled: 0, memories: 0 }
  const stores = ProviderStore.layer.pipe(
    Layer.provide(MasterKeys.layer(yield* Settings.masterKeys)),
    Layer.provide(Migrations.layer),
    Layer.provideMerge(Database.layer({ ...database, vectors: true }))
  )
  yield* Effect.flatMap(TenantEmbedder.make(embedder), (embedderOf) =>
    Stream.runForEach(PgMemory.migrate(embedder, { embedderOf }), (progress) => {
      reached = progress
      return bar.show(progress.filled, progress.memories)
    })
  ).pipe(
    Effect.provide(stores),
    Effect.mapError((error) => {
      const { code, message } = refused(error)
      const rest =
        reached.filled === 0 ? "" : `\n${reached.filled} memories have vectors: run the command again to continue.`
      return new Failure.Failure({ code, message: message + rest })
    })
  )
  const { filled, memories, space, without = [] } = reached
  const left = without.length === 0 ? "" : ` The memories of ${without.join(", ")} have none: see the log.`
  yield* result(
    json
      ? JSON.stringify(reached)
      : `${filled} of ${memories} memories have vectors of ${space}.${left} Start servers and workers with CREWLINE_EMBEDDER=${space}.`
  )
}, Effect.scoped)
