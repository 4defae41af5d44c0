/**
 * The cost that durability adds to orchestration: CPU per one-task execution, 50 at once, with the
 * log in PostgreSQL and embedded, against the bare `openai` SDK that makes the same calls in the
 * same run. It is the CPU of the process that runs them; for a PostgreSQL server, the CPU of its
 * sessions is reported separately.
 *
 * `npm run -s bench -- durable-overhead --json [--rounds 9] [--executions 500]`. Needs Linux, and
 * PostgreSQL on this machine at `TEST_DATABASE_URL`, default 127.0.0.1:5432.
 */
import * as FakeProvider from "@crewline/fake-provider/Process"
import * as Effect from "effect/Effect"
import * as PostgresServer from "../packages/memory-pg/test/PostgresServer.ts"
import * as CpuTime from "./CpuTime.ts"
import * as OverheadArm from "./OverheadArm.ts"
import type { Options, Report } from "./run.ts"

export const options = { rounds: 9, executions: 500 }

const main = Effect.fnUntraced(function* (report: Report, { executions, rounds }: typeof options) {
  if (PostgresServer.missing !== undefined) return yield* Effect.die(new Error(PostgresServer.missing))
  const provider = yield* Effect.acquireRelease(
    Effect.promise(() => FakeProvider.start("--chunk-delay", "0")),
    (started) => Effect.sync(started.stop)
  )
  const each: OverheadArm.Case = {
    name: "one-task",
    count: executions,
    task: "Say something useful about topic 17.",
    streaming: false,
    tools: false
  }
  for (const database of ["postgres", "pglite"] as const) {
    const { href } = yield* PostgresServer.emptyDatabase
    const sessionMicros = Effect.promise(async () => {
      const sessions = await CpuTime.ofSessions(href)
      return [...sessions.values()].reduce((sum, micros) => sum + micros, 0)
    })
    yield* Effect.gen(function* () {
      const arm = (kind: OverheadArm.Kind | "sdk") =>
        Effect.acquireRelease(
          Effect.promise(() => OverheadArm.start(kind, each, provider, href)),
          (started) => Effect.sync(started.stop)
        )
      const [crewline, sdk] = [yield* arm(database), yield* arm("sdk")]
      const before = yield* sessionMicros
      const comparison = yield* Effect.promise(() => OverheadArm.compare(crewline, sdk, rounds))
      // With the rounds that warm up.
      const postgres = ((yield* sessionMicros) - before) / (executions * (rounds + 2))
      report({
        bench: "durable-overhead",
        case: each.name,
        database,
        ...comparison,
        "sessions µs": Math.round(postgres)
      })
    }).pipe(Effect.scoped)
  }
})

export const run = (report: Report, given: Options): Promise<void> =>
  Effect.runPromise(Effect.scoped(main(report, { ...options, ...given })))
