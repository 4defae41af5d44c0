/**
 * Processes that die between an outcome and its effects: nothing is lost, and nothing is done
 * twice.
 */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Database from "../src/Database.ts"
import { asOwner } from "./Owner.ts"
import * as PostgresServer from "./PostgresServer.ts"

const { missing } = PostgresServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const kills = 30
const fixture = fileURLToPath(new URL("fixtures/dieBeforeServing.ts", import.meta.url))

/** Starts are most of the work here. */
const compileCache = await mkdtemp(join(tmpdir(), "crewline-outbox-"))
afterAll(() => rm(compileCache, { recursive: true, force: true }))

/** Runs it until it exits; returns the result. */
const run = (url: URL, dies: number, when: "before" | "after") =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [fixture, url.href, String(dies), when], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache }
    })
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null]
    return signal ?? code
  })

interface Served {
  readonly execution: string
  readonly seq: number
  readonly part: number
}

describe.skipIf(missing !== undefined)("the outbox", () => {
  it.live(
    `loses nothing and does nothing twice when processes die between outcome and consumer ${kills} times`,
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresServer.emptyDatabase
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* asOwner(
            Effect.gen(function* () {
              yield* sql`create table effect (execution text, seq int, part int, primary key (execution, seq, part))`
              yield* sql`create table try (execution text, seq int, part int)`
              yield* sql`grant select, insert on effect, try to public`
            })
          )
          for (let kill = 0; kill < kills; kill++)
            assert.strictEqual(yield* run(url, 1 + (kill % 4), kill % 3 === 2 ? "after" : "before"), "SIGKILL")
          assert.strictEqual(yield* run(url, 0, "before"), 0)
          const outcomes = yield* asOwner(sql<Served>`
            select x.id as execution, e.seq, p.part from crewline_event e
            join crewline_execution x on x.key = e.execution
            cross join (values (0), (1)) p (part)
            where e.type = 'TaskCompleted' order by 1, 2, 3`)
          const effects = yield* sql<Served>`select execution, seq, part from effect order by 1, 2, 3`
          const [tries] = yield* sql<{ readonly count: number }>`select count(*)::int as count from try`
          // Many, although a process may die of rows left by an earlier one before it has started
          // anything: the number depends on speed.
          assert.isAbove(outcomes.length, kills)
          assert.deepStrictEqual(effects, outcomes)
          // Otherwise the test shows nothing: at least the rows in progress at each death were
          // served again.
          assert.isAtLeast(tries!.count, outcomes.length + kills / 2)
          assert.deepStrictEqual(yield* asOwner(sql`select * from crewline_outbox`), [])
        }).pipe(Effect.provide(Database.layer(PostgresServer.optionsOf(url))))
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
