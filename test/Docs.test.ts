/**
 * Runs the code blocks of README.md and docs/. The language of a block determines how:
 *
 * - `ts`: a whole program; it is type-checked and run, with the demonstration model, and must exit
 *   with 0. A program that mentions `DATABASE_URL` gets an empty database. A test is run by vitest.
 *   A block that begins with the name of a file (`// server.ts`) is run by `DocsRecipes.test.ts`.
 * - `bash`: all blocks of a file, in order, in one shell in the root of the repository; every
 *   command must succeed. In a file that mentions `CREWLINE_URL`, a server listens there.
 * - `yaml` that begins with `name:`: a whole crew, which must be valid.
 * - anything else (`sh`, `text`, `json` …) is not run.
 */
import * as CrewFile from "../packages/core/src/CrewFile.ts"
import * as Crew from "../packages/core/src/Crew.ts"
import * as Manager from "../packages/core/src/Crew/Manager.ts"
import * as Synthesis from "../packages/core/src/Crew/Synthesis.ts"
import * as MemoryOptions from "../packages/core/src/MemoryOptions.ts"
import * as Policy from "../packages/core/src/Policy.ts"
import * as Agent from "../packages/core/src/Agent.ts"
import * as Task from "../packages/core/src/Task.ts"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, globSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as Postgres from "../packages/memory-pg/src/Postgres.ts"
import * as PgMigrations from "../packages/memory-pg/src/Migrations.ts"
import * as EarlierDatabase from "../packages/memory-pg/test/EarlierDatabase.ts"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as Migrations from "../packages/server/src/Migrations.ts"
import { blocksOf, environment, pages, programs, root, run, scratchpad } from "./DocsPrograms.ts"

describe("the programs of the documentation", { timeout: 120_000 }, () => {
  const folder = scratchpad("docs")

  beforeAll(async () => {
    await mkdir(folder, { recursive: true })
    for (const { code, file } of programs) await writeFile(join(folder, file), code)
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../../../tsconfig.test.json",
        compilerOptions: { incremental: false, tsBuildInfoFile: null },
        include: ["*.ts"],
        exclude: []
      })
    )
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("there are some", () => {
    expect(programs.map(({ page }) => page)).toContain("README.md")
  })

  const runnable = programs.filter(({ kind }) => kind !== "recipe")

  it.each(runnable.filter(({ code }) => !code.includes("DATABASE_URL")))("$page:$line runs", async ({ file, kind }) => {
    const { code, output } =
      kind === "test"
        ? await run("vitest", ["run", "--testTimeout=60000", "--root", folder, file], { cwd: folder })
        : await run(process.execPath, [join(folder, file)], { cwd: folder })
    expect(code, output).toBe(0)
    expect(output).not.toBe("")
  })

  it.skipIf(PostgresServer.missing !== undefined).each(runnable.filter(({ code }) => code.includes("DATABASE_URL")))(
    "$page:$line runs on a PostgreSQL server, and again",
    async ({ file }) => {
      const runTwice = Effect.gen(function* () {
        const { href } = yield* PostgresServer.emptyDatabase
        const once = Effect.promise(() =>
          run(process.execPath, [join(folder, file)], { cwd: folder, env: { DATABASE_URL: href } })
        )
        return [yield* once, yield* once] as const
      })
      const [first, second] = await Effect.runPromise(Effect.scoped(runTwice))
      expect([first, second]).toMatchObject([{ code: 0 }, { code: 0 }])
      expect(first.output).toMatch(/^started/)
      expect(second.output).toMatch(/^goes on with/)
    }
  )

  it("have no type errors", async () => {
    expect(await run("tsc", ["-p", folder], { cwd: root })).toEqual({ code: 0, output: "" })
  })
})

describe("the commands of the documentation", { timeout: 120_000 }, () => {
  const scripts = pages.flatMap((page) => {
    const blocks = blocksOf(page).filter(({ language }) => language === "bash")
    return blocks.length === 0 ? [] : [{ page, script: blocks.map(({ code }) => code).join("\n") }]
  })
  let data: string
  let server: ChildProcess
  let url: string

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "crewline-docs-"))
    server = spawn(
      process.execPath,
      ["packages/server/bin/crewline.mjs", "serve", "--port", "0", "--data", join(data, "server")],
      {
        cwd: root,
        env: environment({
          CREWLINE_MASTER_KEY: randomBytes(32).toString("base64"),
          OTHER_BASE_URL: "http://127.0.0.1:9999/v1"
        }),
        stdio: ["ignore", "pipe", "inherit"]
      }
    )
    url = await new Promise<string>((resolve, reject) => {
      server.stdout?.on("data", (line) => resolve(/http:\S+/.exec(String(line))?.[0] ?? ""))
      server.on("exit", (code) => reject(new Error(`The server ended with ${code}`)))
    })
  }, 120_000)

  afterAll(async () => {
    const ended = new Promise((resolve) => server.on("exit", resolve))
    server.kill()
    await ended
    await rm(data, { recursive: true, force: true })
  })

  it.each(scripts)("$page", async ({ script }) => {
    const { code, output } = await run("bash", ["-euo", "pipefail", "-c", script], {
      cwd: root,
      env: { CREWLINE_URL: url, CREWLINE_DATA: join(data, "command") }
    })
    expect({ code, output }).toMatchObject({ code: 0 })
  })
})

describe("the words of the documentation", () => {
  it("every crew in it is valid", () => {
    const crews = pages.flatMap((page) =>
      blocksOf(page).filter(({ code, language }) => language === "yaml" && code.startsWith("name:"))
    )
    expect(crews.length).toBeGreaterThan(0)
    for (const { code } of crews) expect(CrewFile.parse(code)).toMatchObject({ _tag: "Success" })
  })

  const readmes = globSync("packages/*/README.md", { cwd: root })

  it("every published package has a README: its name, how to install it, and where its documentation is", () => {
    const manifests = globSync("packages/*/package.json", { cwd: root })
    expect(readmes.length).toBeGreaterThan(0)
    for (const file of manifests) {
      const { name, private: isPrivate } = JSON.parse(readFileSync(join(root, file), "utf8"))
      if (isPrivate === true) continue
      const readme = join(root, dirname(file), "README.md")
      const text = existsSync(readme) ? readFileSync(readme, "utf8") : ""
      expect(text, `${dirname(file)}/README.md`).toMatch(new RegExp(`^# \`${name}\`\n`))
      expect(text).toMatch(new RegExp(`^npm install .*\\b${name.replace("@", "")}\\b`, "m"))
      const named = Array.from(text.matchAll(/`((?:docs|examples)\/[^`]+)` in the repository/g), ([, path]) => path!)
      expect(named.filter((path) => path.startsWith("docs/"))).not.toEqual([])
      expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
      // npm shows the page and cannot resolve links within the repository.
      expect(text).not.toMatch(/\]\(\.\.?\//)
    }
  })

  it("every link within the repository leads somewhere", () => {
    for (const page of [...pages, ...readmes]) {
      const text = readFileSync(join(root, page), "utf8")
      const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)(#[^)]*)?\)/g), (match) => match[1] ?? "")
      expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([])
    }
  })

  it("crew-files.md has every key of a crew, an agent and a task", async () => {
    const text = await readFile(join(root, "docs/crew-files.md"), "utf8")
    const keys = [
      Crew.Definition,
      Manager.Manager,
      MemoryOptions.MemoryOptions,
      Synthesis.Synthesis,
      Agent.Agent,
      Policy.Policy,
      Agent.ModelOptions,
      Task.Task,
      Task.Attachment,
      Task.Retry,
      Task.When,
      Task.Review
    ].flatMap((schema) => Object.keys(schema.fields))
    expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([])
  })

  it("names one version of Node that is needed, as every package.json does", async () => {
    const manifests = ["package.json", ...globSync("{packages,examples}/*/package.json", { cwd: root })]
    const engines = manifests.flatMap((file) => {
      const { engines } = JSON.parse(readFileSync(join(root, file), "utf8"))
      return engines === undefined ? [] : [engines.node]
    })
    const [engine] = new Set(engines)
    expect(new Set(engines)).toEqual(new Set([engine]))
    const texts = [...pages, "CONTRIBUTING.md"].map((page) => readFileSync(join(root, page), "utf8"))
    const needed = texts.flatMap((text) =>
      Array.from(text.matchAll(/Node(?:\.js)? ([\d.]+) or (?:newer|later)/g), ([, version]) => `>=${version}`)
    )
    expect(needed.length).toBeGreaterThan(2)
    expect(new Set(needed)).toEqual(new Set([engine]))
  })

  it("events.md has every type of event and every field of it", async () => {
    const text = await readFile(join(root, "docs/events.md"), "utf8")
    const source = await readFile(join(root, "packages/core/src/ExecutionEvent.ts"), "utf8")
    const interfaces = Array.from(source.matchAll(/export interface (\w+)(?: extends [^{]+)? \{\n([^]*?)\n\}/g))
    const events = interfaces.filter(([, , body]) => /readonly type: "/.test(body ?? ""))
    expect(events.length).toBeGreaterThan(15)
    const missing = events.flatMap(([, name, body]) => {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${name}\``)) ?? ""
      const fields = Array.from((body ?? "").matchAll(/^ {2}readonly (\w+\??):/gm), (match) => match[1] ?? "")
      const everywhere = new Set(["type", "taskId", "executionId", "at"])
      return fields
        .filter((field) => !everywhere.has(field) && !row.includes(`\`${field}\``))
        .map((field) => `${name}.${field}`)
    })
    expect(missing).toEqual([])
  })
})

describe.skipIf(PostgresServer.missing !== undefined)("docs/upgrading.md", () => {
  const refusalOf = (
    migrate: Effect.Effect<unknown, Error, SqlClient.SqlClient>,
    change: Effect.Effect<unknown, Error, SqlClient.SqlClient>
  ) =>
    Effect.gen(function* () {
      const { href } = yield* PostgresServer.emptyDatabase
      const connection = Postgres.layer({ url: Redacted.make(href) })
      yield* Effect.provide(change, connection)
      return (yield* Effect.flip(Effect.provide(migrate, connection))).message
    }).pipe(Effect.scoped, Effect.runPromise)

  it("quotes what a database of an older and of a newer format is refused with", async () => {
    const older = await refusalOf(PgMigrations.migrate, EarlierDatabase.make)
    const last = Migrations.migrations.length
    const migrateNewer = Effect.flatMap(SqlClient.SqlClient, (sql) =>
      Effect.andThen(
        Migrations.migrate,
        sql`insert into crewline_migration (component, id, name, sha256) values ('server', ${last + 1}::int, 'next', '')`
      )
    )
    const newer = await refusalOf(Migrations.migrate, migrateNewer)
    const text = readFileSync(join(root, "docs/upgrading.md"), "utf8")
    expect(text).toContain(older)
    // The page shows some number, which need not be the last one.
    const anyNumber = (message: string) => message.replaceAll(/\d+/g, "N")
    expect(anyNumber(text)).toContain(anyNumber(newer))
  })
})

describe.each(["docs/dependencies.md", "docs/failure-modes.md"])("%s", (page) => {
  const rows = readFileSync(join(root, page), "utf8").matchAll(/`(\S+\.test\.ts)`: (.+?) *\|$/gm)
  it.each(Array.from(rows, ([, file = "", title = ""]) => [file, title]))("a row is run by %s: %s", (file, title) => {
    expect(readFileSync(join(root, "packages", file), "utf8")).toContain(`"${title}`)
  })
})
