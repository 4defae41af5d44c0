/** The tool `data_query`: SQL over CSV, JSON and Parquet files of the workspace. */
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import * as Data from "./Data.ts"

export interface Options extends Data.Options {
  /** Maximum number of rows in a result. Default: 200. */
  readonly maxRows?: number
}

const Path = Schema.NonEmptyString

const Parameters = Schema.Struct({ sql: Path, files: Schema.Union([Path, Schema.Array(Path)]) })

export const make = ({ maxRows = 200, ...options }: Options = {}): Toolbox.Tool =>
  BuiltIn.make({
    name: "data_query",
    description: "Runs DuckDB SQL over csv, json or parquet files; data/sales.csv is the table sales.",
    parameters: Parameters,
    paths: ["files"],
    aliases: { query: "sql", path: "files", file: "files", paths: "files", file_path: "files", csv: "files" },
    kind: "read",
    idempotent: true,
    origin: "document",
    execute: ({ files, sql }, context) =>
      Data.using(context, typeof files === "string" ? [files] : files, options, ({ query }) =>
        Effect.map(query(sql, maxRows), ({ columns, isCut, rows }): Schema.Json => ({
          columns,
          rows,
          ...(isCut && { note: `Only the first ${maxRows} rows: aggregate, or use limit and offset.` })
        }))
      )
  })
