/**
 * The feed of a database that was restored from a dump: cursors of before the dump hold, those that
 * the other database gave out later are refused, however much is appended to the restored one.
 */
import { spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Postgres from "./fake/Database.ts"
import * as Feed from "./fake/Feed.ts"
import * as Server from "./fake/Server.ts"

const { missing } = Postgres
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const name = (of: string) => `crewline_test_${of}_${process.pid}`
const original = name("dumped")
const crew = {
  name: "one",
  agents: { a: { role: "r", goal: "g" } },
  tasks: { first: { description: "d", expectedOutput: "e", agent: "a" } }
}

const serve = (database: string) =>
  Server.start({ database: { kind: "server", url: Redacted.make(Postgres.urlOf(database)) } })

/** Runs an execution to its end. */
const run = async ({ url }: Server.Running) => {
  const { body } = await Server.request(`${url}/api/v1/executions`, { body: { crew } })
  const stream = await fetch(`${url}/api/v1/executions/${body.id}/events`, { headers: { accept: "text/event-stream" } })
  await stream.text()
}

/** The events of a page, without what is not of the event. */
const page = async ({ url }: Server.Running, after?: string): Promise<ReadonlyArray<Feed.Event>> => {
  const query = after === undefined ? "" : `&after=${after}`
  const { body, status } = await Server.request(`${url}/api/v1/feed?limit=200${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.items
}

const tool = (command: string, ...args: ReadonlyArray<string>) => {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8" })
  return error === undefined && status === 0 ? undefined : `${command}: ${error?.message ?? stderr}`
}

describe.skipIf(missing !== undefined)(missing ?? "the feed of a restored database", { timeout: 120_000 }, () => {
  const copies = { template: name("template"), "pg_dump and pg_restore": name("restored") }
  const problems = new Map<string, string | undefined>()
  let folder: string
  let before: ReadonlyArray<Feed.Event>
  let later: ReadonlyArray<Feed.Event>

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "crewline-dump-"))
    await Postgres.sql(`create database ${original}`)
    const first = await serve(original)
    await run(first)
    await run(first)
    before = await page(first)
    await first.stop()
    // No server may be connected to a template.
    await Postgres.sql(`create database ${copies.template} template ${original}`)
    const restored = copies["pg_dump and pg_restore"]
    const dump = join(folder, "before.dump")
    await Postgres.sql(`create database ${restored}`)
    problems.set(
      "pg_dump and pg_restore",
      tool("pg_dump", "--format=custom", `--file=${dump}`, `--dbname=${Postgres.urlOf(original)}`) ??
        tool("pg_restore", `--dbname=${Postgres.urlOf(restored)}`, dump)
    )
    const second = await serve(original)
    await run(second)
    later = await page(second, before.at(-1)!.cursor)
    await second.stop()
  }, 120_000)
  afterAll(async () => {
    for (const database of [original, ...Object.values(copies)])
      await Postgres.sql(`drop database if exists ${database} with (force)`)
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  for (const [how, database] of Object.entries(copies))
    it(`made by ${how} accepts cursors from before the dump and refuses later ones`, async (context) => {
      const problem = problems.get(how)
      if (problem !== undefined) return context.skip(problem)
      expect(before.length).toBeGreaterThan(4)
      expect(later.length).toBeGreaterThan(2)
      const server = await serve(database)
      try {
        expect(await page(server)).toEqual(before)
        for (const [at, { cursor }] of before.entries())
          expect(await page(server, cursor)).toEqual(before.slice(at + 1))
        const refuses = async () => {
          for (const { cursor } of later) {
            const refused = await Server.request(`${server.url}/api/v1/feed?after=${cursor}`)
            expect(refused).toMatchObject({
              status: 400,
              body: { code: "invalid-request", errors: [{ path: ["query", "after"], code: "invalid-cursor" }] }
            })
            await expect(Feed.open(server.url, `?after=${cursor}`)).rejects.toThrow("400")
          }
        }
        await refuses()
        // By now there are as many events as in the other database, and more.
        await run(server)
        await run(server)
        const added = await page(server, before.at(-1)!.cursor)
        expect(added.length).toBeGreaterThan(later.length)
        await refuses()
        // A cursor that it gave out itself holds.
        expect(await page(server, added[0]!.cursor)).toEqual(added.slice(1))
        expect(await page(server)).toEqual([...before, ...added])
      } finally {
        await server.stop()
      }
    })
})
