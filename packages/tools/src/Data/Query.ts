/** Statements of a database, with limits, and with results as JSON. */
import { type ToolError, ToolFailed, ToolRetry } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type ChildProcess, spawn } from "node:child_process"
import * as Process from "./Process.ts"

export interface Table {
  readonly name: string
  readonly path: string
}

export interface Rows {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<Schema.Json>>
  /** There were more rows than requested. */
  readonly isCut: boolean
}

export interface Limits {
  /** Time limit of one statement, in milliseconds. */
  readonly timeoutMillis: number
  /** Of the database, in MiB. */
  readonly maxMemory: number
}

/** The longest text of one value, in characters. */
const maxValue = 2_000

const formats: { readonly [extension: string]: string } = {
  csv: "read_csv",
  tsv: "read_csv",
  json: "read_json",
  jsonl: "read_json",
  ndjson: "read_json",
  parquet: "read_parquet"
}

/** The function that reads files with this name; `undefined`: unsupported. */
export const formatOf = (path: string): string | undefined => {
  const extension = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? ""
  return Object.hasOwn(formats, extension) ? formats[extension] : undefined
}

/**
 * The buffers of a CSV reader, in bytes: two of the longest lines that it accepts. The default of
 * 32 MiB, several at a time, would use up a small memory limit for the smallest file.
 */
const csvBuffer = 4 * 1024 * 1024

/** The statement that loads a file into a table. */
export const loading = ({ name, path }: Table, file: string): string => {
  const format = formatOf(path)
  const options = format === "read_csv" ? `, buffer_size = ${csvBuffer}` : ""
  return `create table "${name}" as from ${format}('${file.replaceAll("'", "''")}'${options})`
}

/** A database in a separate process. */
export class Connection {
  readonly #process: ChildProcess
  readonly #limits: Limits
  #settle: ((reply: Process.Reply | "Ended") => void) | undefined
  #last: Process.Reply | "Ended" | undefined

  /** `url`: of the module `@duckdb/node-api`. */
  constructor(url: string, limits: Limits) {
    this.#limits = limits
    const settings: Process.Settings = { url, maxMemory: limits.maxMemory }
    // As text, so that bundling cannot lose the file. Without the environment: it holds keys.
    const text = `(${Process.main.toString()})(${JSON.stringify(settings)}, (url) => import(url))`
    this.#process = spawn(process.execPath, ["--input-type=module", "-e", text], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: {}
    })
    this.#process.on("message", (reply: Process.Reply) => this.#receive(reply))
    this.#process.on("error", () => this.#receive("Ended"))
    this.#process.on("exit", () => this.#receive("Ended"))
  }

  readonly ready: Effect.Effect<void, ToolError> = Effect.suspend(() => Effect.asVoid(this.#reply()))

  /** At most `limit` rows. */
  rows(sql: string, limit: number): Effect.Effect<Rows, ToolError> {
    return Effect.suspend(() => {
      const request: Process.Request = { sql, limit: limit + 1 }
      this.#process.send(request, () => {})
      return Effect.map(this.#reply(), (reply) => shown(reply, limit))
    })
  }

  close(): void {
    this.#process.kill("SIGKILL")
  }

  #receive(reply: Process.Reply | "Ended"): void {
    // Only the exit of the process follows.
    if (this.#last !== undefined && this.#last !== "Ended" && this.#last._tag === "MemoryExceeded") return
    const settle = this.#settle
    this.#settle = undefined
    if (settle === undefined) this.#last = reply
    else settle(reply)
  }

  /** The next reply. A process that does not reply in time is killed. */
  #reply(): Effect.Effect<Process.Reply, ToolError> {
    return Effect.callback<Process.Reply, ToolError>((resume) => {
      const timer = setTimeout(() => {
        this.close()
        const message = `The query did not finish within ${this.#limits.timeoutMillis / 1_000} s and was stopped.`
        resume(Effect.fail(new ToolFailed({ message, code: "timeout" })))
      }, this.#limits.timeoutMillis)
      const settle = (reply: Process.Reply | "Ended") => {
        clearTimeout(timer)
        const problem = problemOf(reply, this.#limits.maxMemory)
        resume(problem === undefined && reply !== "Ended" ? Effect.succeed(reply) : Effect.fail(problem ?? ended))
      }
      const early = this.#last
      this.#last = undefined
      if (early === undefined) this.#settle = settle
      else settle(early)
      return Effect.sync(() => {
        clearTimeout(timer)
        this.close()
      })
    })
  }
}

const ended = new ToolFailed({ message: "The database process exited before it returned a result." })

const shown = (reply: Process.Reply, limit: number): Rows => {
  if (reply._tag !== "Rows") return { columns: [], rows: [], isCut: false }
  const isNumber = reply.types.map((type) =>
    /^(?:U?(?:TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|DECIMAL|DOUBLE|FLOAT)/.test(type)
  )
  const rows = reply.rows
    .slice(0, limit)
    .map((row) => row.map((value, index) => valueOf(value, isNumber[index] === true)))
  return { columns: reply.columns, rows, isCut: reply.rows.length > limit }
}

/** Numbers that JavaScript cannot represent exactly remain text. */
const valueOf = (value: unknown, isNumber: boolean): Schema.Json => {
  // The process created the value with `getRowsJson`.
  if (typeof value !== "string") return value as Schema.Json
  if (isNumber) {
    const number = Number(value)
    return Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : value
  }
  return value.length > maxValue ? `${value.slice(0, maxValue)}…` : value
}

const denied = /^(?:Permission Error|IO Error)|Cannot change configuration|disabled (?:by|through) configuration/

const problemOf = (reply: Process.Reply | "Ended", maxMemory: number): ToolError | undefined => {
  if (reply === "Ended") return ended
  if (reply._tag === "MemoryExceeded" || (reply._tag === "Failed" && /out of memory/i.test(reply.message))) {
    return new ToolFailed({
      message: `The query needed more than ${maxMemory} MiB of memory.`,
      code: "memory-exceeded"
    })
  }
  if (reply._tag !== "Failed") return undefined
  if (!denied.test(reply.message)) return new ToolRetry({ message: reply.message })
  const [first = ""] = reply.message.split("\n")
  return new ToolRetry({ message: `The SQL may only query the given tables: ${first}`, code: "sql-refused" })
}
