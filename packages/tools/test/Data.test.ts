import { readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as DataDescribe from "../src/DataDescribe.ts"
import * as DataQuery from "../src/DataQuery.ts"
import * as World from "./World.ts"

let world: World.World
const tool = DataQuery.make({ maxRows: 5 })
const hasty = DataQuery.make({ timeoutMillis: 400, maxMemory: 64 })
const files = "sales.csv"
const query = (sql: string, paths: string | Array<string> = files) => world.call(tool, { sql, files: paths })

beforeAll(() => {
  const rows = Array.from({ length: 1_000 }, (_, id) => `${id},${["north", "south"][id % 2]},${id / 4}`)
  world = World.make({
    "sales.csv": `id,region,amount\n${rows.join("\n")}\n`,
    "in/2024 people.json": JSON.stringify([
      { id: 1, name: "Ada" },
      { id: 2, name: "Bo" }
    ]),
    "events.jsonl": '{"a":1}\n{"a":2}\n',
    "broken.parquet": "PAR1 no",
    "notes.txt": "text"
  })
})
afterAll(() => world.remove())

describe("data_query", () => {
  it("runs SQL over files, and returns numbers as numbers", async () => {
    expect(
      JSON.parse(await query("select region, count(*) n, sum(amount) total from sales group by 1 order by 1"))
    ).toEqual({
      columns: ["region", "n", "total"],
      rows: [
        ["north", 500, 62_375],
        ["south", 500, 62_500]
      ]
    })
    const joined = await query('select name, amount from sales join "_2024_people" using (id) order by name', [
      files,
      "in/2024 people.json"
    ])
    expect(JSON.parse(joined).rows).toEqual([
      ["Ada", 0.25],
      ["Bo", 0.5]
    ])
    expect(JSON.parse(await query("select sum(a) from events", "events.jsonl")).rows).toEqual([[3]])
    expect(JSON.parse(await query("select 123456789012345678901::hugeint as big")).rows).toEqual([
      ["123456789012345678901"]
    ])
  })

  it("truncates long results and reports it", async () => {
    const { note, rows } = JSON.parse(await query("from sales"))
    expect(rows).toHaveLength(5)
    expect(note).toMatch(/first 5 rows/)
  })

  it("explains what is wrong with SQL, files and names", async () => {
    expect(await query("select regin from sales")).toMatch(/^ToolRetry: .*region/s)
    expect(await query("from sales", "sale.csv")).toMatch(/Did you mean "sales\.csv"/)
    expect(await query("from notes", "notes.txt")).toMatch(/"notes\.txt" is not a table: expected a \.csv/)
    expect(await query("from broken", "broken.parquet")).toMatch(
      /^ToolFailed.*"broken\.parquet" cannot be read as a table/
    )
    expect(await query("from x", "../x.csv")).toMatch(/^ToolRetry path-refused/)
  })

  it.each([
    ["reading a file", "from read_csv('/etc/passwd')"],
    ["reading text", "select * from read_text('/etc/passwd')"],
    ["a path as a table", "from '/etc/passwd'"],
    ["listing files", "from glob('/etc/*')"],
    ["writing a file", "copy sales to '/tmp/out.csv'"],
    ["exporting", "export database '/tmp/exp'"],
    ["attaching a database", "attach '/tmp/x.db'"],
    ["installing an extension", "install httpfs"],
    ["loading an extension", "load httpfs"],
    ["allowing external access", "set enable_external_access = true"],
    ["unlocking", "set lock_configuration = false"],
    ["more memory", "set memory_limit = '8GB'"],
    ["a temporary directory", "set temp_directory = '/tmp'"],
    ["a secret", "create secret s (type s3, key_id 'a', secret 'b')"],
    ["several statements", "select 1; copy sales to '/tmp/out.csv'"]
  ])("refuses %s", async (_, sql) => {
    expect(await query(sql)).toMatch(/^ToolRetry/)
  })

  it("reports that the lock refuses files outside", async () => {
    expect(await query("from read_csv('/etc/passwd')")).toMatch(
      /^ToolRetry sql-refused: The SQL may only query the given tables/
    )
  })

  it("stops queries that take too long or use too much memory", async () => {
    const before = process.memoryUsage().rss
    const run = (sql: string) => world.call(hasty, { sql, files })
    expect(await run("select count(*) from range(1000000000) a, range(100) b")).toMatch(/^ToolFailed timeout/)
    expect(await run("select list(a.range) from range(100000000) a")).toMatch(/^ToolFailed (?:memory-exceeded|timeout)/)
    expect(await run("select repeat('x', 2000000000)")).toMatch(/^Tool(?:Failed|Retry)/)
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024)
  })

  it("leaves no copies of the files behind", () => {
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("crewline-data-"))).toEqual([])
  })
})

describe("data_describe", () => {
  it("describes columns and shows the first rows", async () => {
    const answer = JSON.parse(await world.call(DataDescribe.make(), { path: files }))
    expect(answer).toMatchObject({
      table: "sales",
      rows: 1_000,
      first: [
        [0, "north", 0],
        [1, "south", 0.25],
        [2, "north", 0.5]
      ]
    })
    expect(answer.columns).toContainEqual({
      name: "id",
      type: "BIGINT",
      min: "0",
      max: "999",
      distinct: expect.any(Number),
      nulls: "0 %"
    })
  })
})
