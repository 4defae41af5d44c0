/**
 * The pages that statements read of many rows, regardless of the planner's statistics. A plan that
 * was made while the tables were empty is kept, so each session starts with one.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import * as Database from "../src/Database.ts"
import * as RowSecurity from "../src/RowSecurity.ts"
import * as PostgresServer from "./PostgresServer.ts"

/** What the planner knows. */
export const statistics = ["absent", "stale", "emptied", "fresh"] as const

/** A statement, with the maximum number of pages. */
export type Operation = readonly [name: string, text: string, pages: number]

/**
 * The statistics left after many rows were deleted: the planner expects one row for any new value.
 */
const emptied = `
update pg_class set reltuples = 1, relpages = 10000
  where relnamespace = current_schema()::regnamespace and relname like 'crewline%' and relkind in ('r', 'i')`

interface Plan {
  readonly "QUERY PLAN": ReadonlyArray<{
    readonly Plan: { readonly "Shared Hit Blocks": number; readonly "Shared Read Blocks": number }
  }>
}

export interface Options {
  readonly statistics: (typeof statistics)[number]
  /** Whether they run as the role of connections. */
  readonly confined: boolean
  /** Statements before the others are planned. */
  readonly first?: ReadonlyArray<string>
  /** Statements that store the rows, separated by semicolons. */
  readonly fill: string
  readonly operations: ReadonlyArray<Operation>
}

/** The pages of each operation, on a database of its own. */
export const measure = Effect.fnUntraced(function* (options: Options) {
  const { confined, fill, first = [], operations, statistics } = options
  const measured = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const run = (text: string) => sql.unsafe(text)
    const asOwner = run("set local role none")
    for (const text of first) yield* run(text)
    const become = confined ? run(`set local role ${RowSecurity.role}`) : asOwner
    // So that planning does not count; rows stored by the operations are removed with the
    // savepoint.
    const plan = Effect.gen(function* () {
      yield* become
      yield* run("savepoint planning")
      for (const [, text] of operations) yield* run(text)
      yield* run("rollback to savepoint planning")
    })
    yield* plan
    yield* asOwner
    if (statistics === "stale" || statistics === "emptied") yield* run("analyze")
    if (statistics === "emptied") yield* run(emptied)
    yield* Effect.forEach(fill.trim().split(";").filter(Boolean), run)
    if (statistics === "fresh") yield* run("analyze")
    yield* plan
    const found: Record<string, number> = {}
    for (const [name, text] of operations) {
      const [row] = yield* sql.unsafe<Plan>(`explain (analyze, buffers, format json) ${text}`)
      const { Plan: read } = row!["QUERY PLAN"][0]!
      found[name] = read["Shared Hit Blocks"] + read["Shared Read Blocks"]
    }
    return found
  })
  const url = yield* PostgresServer.emptyDatabase
  return yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(measured)).pipe(
    Effect.provide(Database.layer(PostgresServer.optionsOf(url)))
  )
})
