/** `crewline migrate`: brings the database up to date and says what was applied. */
import * as Database from "@crewline/memory-pg/Database"
import * as PgMigrations from "@crewline/memory-pg/Migrations"
import * as Pglite from "@crewline/memory-pg/Pglite"
import * as Postgres from "@crewline/memory-pg/Postgres"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Migrations from "../Migrations.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Settings from "./Settings.ts"

/** The database as it is: `Database.layer` would migrate it silently. */
const client = (options: Database.Options): Layer.Layer<SqlClient, Pglite.Failure | SqlError> => {
  if (options.kind === "server") return Postgres.layer(options)
  return Pglite.layer({ directory: options.kind === "embedded" ? options.directory : undefined })
}

const applyAll = Effect.all([PgMigrations.migrate, Migrations.migrate]).pipe(Effect.map((names) => names.flat()))

export const migrate = Effect.fn("Migrate.migrate")(function* ({ data }: { readonly data: Option.Option<string> }) {
  const { result } = yield* Output.Output
  const options = yield* Settings.database(data)
  const applied = yield* applyAll.pipe(Effect.provide(client(options)), Effect.mapError(Failure.because))
  for (const name of applied) yield* result(`applied ${name}`)
  const where = options.kind === "embedded" ? `The database in ${options.directory}` : "The database"
  yield* result(`${where} is up to date${applied.length === 0 ? ": there was nothing to do" : ""}.`)
})
