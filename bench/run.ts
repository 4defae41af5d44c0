/**
 * `npm run -s bench -- <name> [--json]`: runs `bench/<name>.ts` and prints its report, as a table
 * or, with `--json`, as one object per line. Nothing else is written to stdout; progress belongs on
 * stderr.
 *
 * A benchmark exports `run(report, options, files)` and calls `report` once per measured case. It
 * exports its numeric options as `options`, by name and with their defaults; `--name 3` sets one.
 * It exports the names of files that it reads as `files`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** One measured case: which benchmark, which case, and its figures by name. */
export interface Row {
  readonly bench: string
  readonly case: string
  readonly [figure: string]: string | number
}

export type Report = (row: Row) => void

export interface Options {
  readonly [name: string]: number
}

/** Paths by the names that a benchmark has for them. */
export interface Files {
  readonly [name: string]: string
}

interface Bench {
  readonly run: (report: Report, options: Options, files: Files) => Promise<void>
  readonly options?: Options
  readonly files?: ReadonlyArray<string>
}

const isBench = (module: unknown): module is Bench =>
  typeof module === "object" && module !== null && "run" in module && typeof module.run === "function"

/** A file beside this one is a benchmark when it exports `run`; the others serve the benchmarks. */
const exportsRun = (file: string): boolean =>
  /^export (const|async function|function) run\b/m.test(readFileSync(join(import.meta.dirname, file), "utf8"))

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && exportsRun(file))
  .map((file) => file.slice(0, -".ts".length))
  .sort()

const cell = (value: string | number | undefined): string => {
  if (typeof value !== "number") return value ?? ""
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
}

/** Rows under one header per group of rows with the same figures, numbers aligned to the right. */
const table = (rows: ReadonlyArray<Row>): string => {
  const groups = new Map<string, Array<Row>>()
  for (const row of rows) {
    const columns = Object.keys(row).join("\0")
    groups.set(columns, [...(groups.get(columns) ?? []), row])
  }
  return [...groups.values()]
    .map((group) => {
      const columns = Object.keys(group[0] ?? {})
      const lines = [columns, ...group.map((row) => columns.map((column) => cell(row[column])))]
      const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] ?? "").length)))
      const isNumeric = columns.map((column) => group.every((row) => typeof row[column] === "number"))
      return lines
        .map((line) =>
          line
            .map((text, index) =>
              isNumeric[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)
            )
            .join("  ")
            .trimEnd()
        )
        .join("\n")
    })
    .join("\n\n")
}

const refuse = (problem: string): never => {
  process.stderr.write(
    `${problem}\nnpm run -s bench -- <name> [--json], name one of: ${names.join(", ") || "(none yet)"}\n`
  )
  process.exit(2)
}

const args = process.argv.slice(2)
const asJson = args.includes("--json")
const [name, ...rest] = args.filter((argument) => argument !== "--json")

if (name === undefined) refuse("Which benchmark?")
if (!names.includes(name!)) refuse(`There is no benchmark "${name}".`)

const bench: unknown = await import(new URL(`${name}.ts`, import.meta.url).href)
if (!isBench(bench)) throw new Error(`bench/${name}.ts exports no function "run".`)

const options: Record<string, number> = { ...bench.options }
const files: Record<string, string> = {}
while (rest.length > 0) {
  const [argument = "", value = ""] = rest.splice(0, 2)
  const option = argument.replace(/^--/, "")
  if (argument.startsWith("--") && bench.files?.includes(option) === true) {
    if (value === "") refuse(`${argument} needs the path of a file.`)
    files[option] = value
    continue
  }
  if (!argument.startsWith("--") || !Object.hasOwn(options, option)) {
    const known = [...Object.keys(options), ...(bench.files ?? [])].map((each) => `--${each}`)
    refuse(`Unknown argument "${argument}"${known.length > 0 ? `; "${name}" accepts ${known.join(", ")}` : ""}.`)
  }
  if (!/^\d+$/.test(value)) refuse(`${argument} needs a whole number, not "${value}".`)
  options[option] = Number(value)
}

// A reader that takes only the first lines (`… | head -1`) is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

const rows: Array<Row> = []
await bench.run(
  (row) => {
    rows.push(row)
    if (asJson) process.stdout.write(`${JSON.stringify(row)}\n`)
  },
  options,
  files
)
if (rows.length === 0) throw new Error(`bench/${name}.ts reported nothing.`)
if (!asJson) process.stdout.write(`${table(rows)}\n`)
