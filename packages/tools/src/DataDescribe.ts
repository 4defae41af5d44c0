/** The tool `data_describe`: columns, types, ranges and first rows of a table in a file. */
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Data from "./Data.ts"

const Parameters = Schema.Struct({ path: Schema.NonEmptyString })

const maxColumns = 200

export const make = (options: Data.Options = {}): Toolbox.Tool =>
  BuiltIn.make({
    name: "data_describe",
    description: "Shows columns, types, ranges and first rows of a csv, json or parquet file.",
    parameters: Parameters,
    paths: ["path"],
    aliases: { file: "path", file_path: "path", files: "path", csv: "path" },
    kind: "read",
    idempotent: true,
    origin: "document",
    execute: ({ path }, context) => Data.using(context, [path], options, describe)
  })

const describe = Effect.fnUntraced(function* ({ query, tables }: Data.Database) {
  const table = `"${tables[0]!.name}"`
  const summary = yield* query(
    `select column_name, column_type, min, max, approx_unique, null_percentage from (summarize ${table})`,
    maxColumns
  )
  const count = yield* query(`select count(*) from ${table}`, 1)
  const first = yield* query(`from ${table}`, 3)
  const result: Schema.Json = {
    table: tables[0]!.name,
    rows: count.rows[0]?.[0] ?? 0,
    columns: summary.rows.map(([name = "", type = "", min = null, max = null, distinct = null, nulls = null]) => ({
      name,
      type,
      min,
      max,
      distinct,
      nulls: `${Number(nulls)} %`
    })),
    first: first.rows
  }
  return result
})
