/**
 * The process of a database. `main` is run from its source text: nothing outside it is in scope. It
 * is a process because some operations of the database cannot be interrupted: it is killed at its
 * limits.
 */

export interface Settings {
  /** The module of `@duckdb/node-api`. */
  readonly url: string
  /** Of the database, in MiB. */
  readonly maxMemory: number
}

export interface Request {
  readonly sql: string
  /** The maximum number of returned rows. */
  readonly limit: number
}

export type Reply =
  | { readonly _tag: "Ready" }
  | {
      readonly _tag: "Rows"
      readonly columns: ReadonlyArray<string>
      readonly types: ReadonlyArray<string>
      readonly rows: ReadonlyArray<ReadonlyArray<unknown>>
    }
  | { readonly _tag: "Failed"; readonly message: string }
  /** The process is about to end: it has used too much memory. */
  | { readonly _tag: "MemoryExceeded" }

type Duck = typeof import("@duckdb/node-api")

/** Answers requests, one after the other. `load` imports a module. */
export const main = async ({ maxMemory, url }: Settings, load: (url: string) => Promise<Duck>): Promise<void> => {
  const send = (reply: Reply, then?: () => void): void => void process.send!(reply, undefined, undefined, then)
  const end = (): void => void process.kill(process.pid, "SIGKILL")
  // Includes memory of the process itself, and of intermediate values that the database does not
  // count.
  const maxBytes = (maxMemory + 256) * 1024 * 1024
  setInterval(() => {
    if (process.memoryUsage.rss() > maxBytes) send({ _tag: "MemoryExceeded" }, end)
  }, 20)
  process.on("disconnect", end)
  const { DuckDBInstance } = await load(url)
  const instance = await DuckDBInstance.create(":memory:", {
    threads: "2",
    memory_limit: `${maxMemory}MB`,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false"
  })
  const connection = await instance.connect()
  process.on("message", ({ limit, sql }: Request) => {
    // Streamed, so that rows beyond the limit are not computed.
    connection.streamAndReadUntil(sql, limit).then(
      (reader) =>
        send({
          _tag: "Rows",
          columns: reader.deduplicatedColumnNames(),
          types: reader.columnTypes().map(String),
          rows: reader.getRowsJson().slice(0, limit)
        }),
      (error: unknown) => send({ _tag: "Failed", message: error instanceof Error ? error.message : String(error) })
    )
  })
  send({ _tag: "Ready" })
}
