/**
 * The work of a task here, instead of calling a model: two billed calls, each recorded as a turn,
 * and each noted outside the log with the run that made it. The task `grow` suspends itself four
 * times: for all tasks that it spawned, for any of them, for a time, and for a signal.
 */
import type { Ended, Leg, Lost } from "@crewline/core/AgentLoop"
import * as EventLog from "@crewline/core/EventLog"
import type * as Plan from "@crewline/core/Plan"
import * as Usage from "@crewline/core/Usage"
import type * as Wait from "@crewline/core/Wait"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as SqlClient from "effect/sql/SqlClient"
import * as Graphs from "./Graphs.ts"

export const table = "chaos_call"

export const migrate = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.unsafe(`create table ${table} (
    execution text not null, task text not null, run int not null, turn int not null, worker text not null,
    at timestamptz not null default clock_timestamp())`)
)

const turns = 2

const waits = (more: {
  readonly tasks?: ReadonlyArray<string>
  readonly signals?: ReadonlyArray<string>
  readonly mode?: "any"
  readonly timeoutMillis?: number
}): Wait.Waits => {
  const { mode, signals = [], tasks = [], timeoutMillis } = more
  // Tasks that are not needed for `any` are awaited later.
  const group: Wait.Group = { tasks, signals, need: mode === "any" ? 1 : "all", rest: "keep" }
  return {
    groups: tasks.length + signals.length === 0 ? [] : [group],
    ...(timeoutMillis === undefined ? {} : { timeoutMillis })
  }
}

/** The action of `grow` in its n-th leg that is not a repetition. */
const growths: ReadonlyArray<{
  readonly waits: ReturnType<typeof waits>
  readonly spawn: ReadonlyArray<Plan.PlannedTask>
}> = [
  {
    spawn: [Graphs.task("grow/a"), Graphs.task("grow/b", ["grow/a"]), Graphs.task("grow/c")],
    waits: waits({ tasks: ["grow/a", "grow/b", "grow/c"] })
  },
  {
    spawn: [Graphs.task("grow/d"), Graphs.task("grow/e")],
    waits: waits({ tasks: ["grow/d", "grow/e"], mode: "any", timeoutMillis: 2_000 })
  },
  { spawn: [], waits: waits({ timeoutMillis: 100 }) },
  { spawn: [], waits: waits({ tasks: ["grow/d", "grow/e"], signals: [Graphs.signal] }) }
]

export const make = (options: { readonly worker: string; readonly maxMillis: number }) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const log = yield* EventLog.EventLog
    return (_: unknown, leg: Leg): Effect.Effect<Ended, Lost | EventLog.EventLogError> =>
      Effect.gen(function* () {
        const { executionId, history, run, task } = leg
        for (let turn = history.turns.length + 1; turn <= turns; turn++) {
          const call = { execution: executionId, task: task.id, run, turn, worker: options.worker }
          yield* sql`insert into ${sql(table)} ${sql.insert(call)}`
          yield* Effect.sleep(yield* Random.nextIntBetween(1, options.maxMillis))
          yield* leg.record([
            {
              type: "TurnCompleted",
              taskId: task.id,
              run,
              turn,
              messages: [],
              parts: [{ type: "text", text: `turn ${turn}` }],
              finishReason: turn === turns ? "stop" : "tool-calls",
              model: "chaos/labour",
              usage: { ...Usage.zero, requests: 1 }
            }
          ])
        }
        if (task.id === "grow") {
          const events = yield* log.read(executionId, { taskId: task.id, payloads: false })
          const growth = growths[events.filter((event) => event.type === "TaskSuspended").length]
          if (growth !== undefined) {
            const what = { kind: "calls", turn: turns } as const
            return { outcome: { _tag: "Suspended", for: what, ...growth }, progress: [] } satisfies Ended
          }
        }
        return { outcome: { _tag: "Completed", output: `${task.id} is done` }, progress: [] } satisfies Ended
      }).pipe(Effect.catchTag("SqlError", Effect.die))
  })
