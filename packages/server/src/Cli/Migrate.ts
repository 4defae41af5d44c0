/** `crewline migrate`: brings the database up to date and prints what was applied. */
import * as Database from "@crewline/memory-pg/Database"
import * as PgMigrations from "@crewline/memory-pg/Migrations"
import * as Pglite from "@crewline/memory-pg/Pglite"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Migrations from "../Migrations.ts"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Settings from "./Settings.ts"

const applyAll = Effect.all([PgMigrations.migrate, Migrations.migrate]).pipe(Effect.map((names) => names.flat()))

const noVectors =
  "CREWLINE_EMBEDDER requires pgvector 0.8 or newer, which this database does not have: memory recalls by words only until it is installed."

export const migrate = Effect.fn("Migrate.migrate")(function* ({ data }: { readonly data: Option.Option<string> }) {
  const { result, say } = yield* Output.Output
  const needsVectors = (yield* Environment.embedderReference) !== ""
  const options = yield* Settings.database(data)
  const isNew = options.kind === "embedded" && !Pglite.exists(options.directory)
  // Not `Database.layer`, which would migrate it silently.
  const { applied, hasVectors } = yield* Effect.gen(function* () {
    const applied = yield* applyAll
    return { applied, hasVectors: needsVectors && (yield* PgMigrations.migrateVectors) }
  }).pipe(Effect.provide(Database.layerUnmigrated(options)), Effect.mapError(Failure.because))
  if (isNew) yield* result(`created the database in ${options.directory}`)
  for (const name of applied) yield* result(`applied ${name}`)
  if (needsVectors && !hasVectors) yield* say(noVectors)
  const where = options.kind === "embedded" ? `The database in ${options.directory}` : "The database"
  const nothing = applied.length === 0 && !isNew ? ": no migrations were pending" : ""
  yield* result(`${where} is up to date${nothing}.`)
})
