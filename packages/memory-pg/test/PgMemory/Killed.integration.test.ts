/** Processes that are killed while they remember, import and fill in vectors. */
import { assert, describe, it } from "@effect/vitest"
import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Database from "../../src/Database.ts"
import * as PgMemory from "../../src/PgMemory.ts"
import { asOwner } from "../Owner.ts"
import * as PostgresServer from "../PostgresServer.ts"
import * as SqlClient from "effect/sql/SqlClient"

const missing =
  PostgresServer.missing ??
  ((await Effect.runPromise(PostgresServer.administer("select from pg_available_extensions where name = 'vector'")))
    .length === 0
    ? "no pgvector: npm run services -- pgvector"
    : undefined)
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

const fixture = join(import.meta.dirname, "..", "fixtures", "rememberForEver.ts")

/** Runs until it has acknowledged this many, then kills it; answers with what it acknowledged. */
const killed = (url: URL, name: string, atLeast: number) =>
  Effect.promise(
    () =>
      new Promise<ReadonlyArray<string>>((resolve, reject) => {
        const child = spawn(process.execPath, [fixture, url.href, name], { stdio: ["ignore", "pipe", "inherit"] })
        let text = ""
        child.stdout.on("data", (piece: Buffer) => {
          text += piece.toString()
          if (text.split("\n").length > atLeast) child.kill("SIGKILL")
        })
        child.on("error", reject)
        // The last line may be cut off.
        child.on("close", () => resolve(text.split("\n").slice(0, -1)))
      })
  )

/** Everything that must be true of the rows, as numbers of those that are wrong. */
const wrong = `select
  (select count(*)::int from crewline_memory m where cardinality(m.terms) <> (
    select count(*) from crewline_memory_term p where p.scope = m.scope and p.memory = m.key and p.term = any (m.terms)
  )) as unindexed,
  (select count(*)::int from crewline_memory_term p where not exists (select from crewline_memory m where m.key = p.memory)) as orphaned,
  (select count(*)::int from (
    select m.scope, 5 * m.kind + m.trust as class, count(*) as documents, sum(m.length) as length
    from crewline_memory m where m.ends_at is null and not m.quarantined group by 1, 2
  ) m full join (select * from crewline_memory_class where documents > 0) c on c.scope = m.scope and c.class = m.class
    where m.documents is distinct from c.documents or m.length is distinct from c.length) as miscounted,
  (select count(*)::int from crewline_memory m where m.conversation is not null and m.place >= (
    select c.next from crewline_memory_conversation c where c.key = m.conversation
  )) as misplaced`

describe.skipIf(missing !== undefined)(missing ?? "Killed processes", () => {
  it.live(
    "nothing that was acknowledged is lost, nothing is half there, and the next one goes on",
    () =>
      Effect.gen(function* () {
        const url = yield* PostgresServer.emptyDatabase
        const acknowledged = (yield* Effect.all(
          [killed(url, "one", 60), Effect.andThen(killed(url, "two", 20), killed(url, "two", 90))],
          { concurrency: 2 }
        )).flat()
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const memory = yield* Memory.Memory
          const all = yield* Stream.runCollect(memory.export())
          const ids = new Set(all.map(({ entry }) => entry.id))
          assert.isAbove(acknowledged.length, 100)
          assert.deepStrictEqual(
            acknowledged.filter((id) => !ids.has(id)),
            []
          )
          assert.deepStrictEqual(yield* asOwner(sql.unsafe(wrong)), [
            { unindexed: 0, orphaned: 0, miscounted: 0, misplaced: 0 }
          ])
          const holding = all.filter(({ entry }) => entry.subject === "s1" && entry.validTo === undefined)
          assert.strictEqual(
            new Set(holding.map(({ entry }) => Memory.Visibility.keyOf(entry.scope))).size,
            holding.length
          )
          const [last] = yield* Stream.runCollect(
            Stream.takeRight(
              PgMemory.migrate({
                space: { name: "test/killed", dimensions: 384, isSemantic: true, alpha: 0.3, floor: 0.9 },
                embed: Embedder.hashing.embed
              }),
              1
            )
          )
          assert.deepStrictEqual(last, { space: "test/killed", filled: all.length, memories: all.length })
        }).pipe(
          Effect.provide(
            PgMemory.layer.pipe(Layer.provideMerge(Database.layer({ ...PostgresServer.optionsOf(url), vectors: true })))
          )
        )
      }).pipe(Effect.scoped),
    120_000
  )
})
