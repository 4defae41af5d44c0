/**
 * How long a resume of the feed takes with few and with many old events of the same tenant: a page
 * after the middle and one at the end, of 128 events. `--rows 10000000` makes the many, `--few` the
 * others; both are made in SQL.
 *
 * `npm run -s bench -- feed --json [--rows 100000]`. Needs PostgreSQL at `TEST_DATABASE_URL`,
 * default 127.0.0.1:5432.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SqlClient from "effect/sql/SqlClient"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import type { Options, Report } from "./run.ts"

export const options = { rows: 100_000, few: 10_000 }

const rounds = 200
/** Events of an execution. */
const perExecution = 100

const fill = (rows: number) => [
  `insert into crewline_execution (tenant, id, crew_name, status, last_seq, version, last_at, started_at, ended_at, place)
    select 'default', 'old-' || n, 'crew', 'completed', ${perExecution}, 1, now(), now(), now(), n + 1
    from generate_series(1, ${rows / perExecution}) n`,
  `insert into crewline_event (execution, seq, tenant, type, at, append_first, append_last, append_version, place, body)
    select x.key, n, 'default', 'SignalReceived', now(), n, n, 1, x.place, '{"type":"SignalReceived","signal":"s","value":1}'
    from crewline_execution x, generate_series(1, ${perExecution}) n`,
  `select setval('crewline_place_sequence', ${rows / perExecution + 1})`
]

const measure = (rows: number) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const began = performance.now()
    yield* sql.withTransaction(Effect.forEach(["set local role none", ...fill(rows)], (text) => sql.unsafe(text)))
    const filled = performance.now() - began
    const page = (place: number) =>
      Effect.gen(function* () {
        const times: Array<number> = []
        for (let n = 0; n < rounds; n++) {
          const from = performance.now()
          yield* sql.unsafe("select * from crewline_feed('default', $1::int, 0, 0, 128)", [place])
          times.push(performance.now() - from)
        }
        return times.sort((a, b) => a - b)[rounds / 2]!
      })
    const last = rows / perExecution + 1
    return { seconds: filled / 1_000, middle: yield* page((last / 2) | 0), end: yield* page(last) }
  })

const main = (report: Report, { few, rows }: typeof options) =>
  Effect.gen(function* () {
    if (PostgresServer.missing !== undefined) return yield* Effect.die(new Error(PostgresServer.missing))
    for (const count of [few, rows]) {
      const { end, middle, seconds } = yield* Effect.provide(measure(count), Layer.fresh(PostgresServer.layer))
      report({ bench: "feed", case: `${count} old events`, "fill s": seconds, "middle ms": middle, "end ms": end })
    }
  })

export const run = (report: Report, given: Options): Promise<void> =>
  Effect.runPromise(Effect.scoped(main(report, { ...options, ...given })))
