/** Look-ups by name: asks, values of signals, spawned tasks. */
import * as EventLog from "@crewline/core/EventLog"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type { PlannedTask } from "@crewline/core/Plan"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Failures from "./Failures.ts"
import { type Query, withTenant } from "./Query.ts"
import * as StoredEvent from "./StoredEvent.ts"

/** An ask with its events. Of asks that one event asked, the first has the event. */
interface AskRow {
  readonly execution_id: string | null
  readonly state: EventLog.RecordedAsk["state"]
  readonly id: string
  readonly asked_seq: number
  readonly asked_at: Date
  readonly asked: string | null
  readonly asked_payload: string | null
  readonly closed_at: Date | null
  readonly answer: string | null
  readonly answer_payload: string | null
}

interface EventRow {
  readonly body: string | null
  readonly payload: string | null
}

const eventOf = <A>({ body, payload }: EventRow): A => StoredEvent.parse(body!, payload)

const makeAskOf = () => {
  const asked = new Map<string, ReadonlyArray<EventLog.RecordedAsk>>()
  return (row: AskRow): EventLog.RecordedAsk => {
    const executionId = row.execution_id!
    const key = `${row.asked_seq} ${executionId}`
    if (row.asked !== null) {
      const event = eventOf<ExecutionEvent.TaskSuspended>({ body: row.asked, payload: row.asked_payload })
      asked.set(key, EventLog.asksOf({ ...event, at: row.asked_at.toISOString(), executionId }))
    }
    const ask = asked.get(key)!.find(({ id }) => id === row.id)!
    if (row.closed_at === null) return ask
    const at = row.closed_at.toISOString()
    if (row.answer === null) return { ...ask, state: "closed", closedAt: at }
    const answer = eventOf<ExecutionEvent.AskAnswered>({ body: row.answer, payload: row.answer_payload })
    return EventLog.answered(ask, { ...answer, at })
  }
}

const allStates: ReadonlyArray<EventLog.RecordedAsk["state"]> = ["open", "answered", "closed"]

export const make = (query: Query): Pick<EventLog.EventLog["Service"], "asks" | "ask" | "signals" | "spawned"> => {
  /** The events that brought signals or tasks of these names, whole. */
  const named = <A>(operation: string, executionId: string, kind: "signal" | "task", names: ReadonlyArray<string>) =>
    withTenant((tenant) =>
      Effect.flatMap(
        query.run<EventRow>(operation, "select * from crewline_named($1, $2, $3, $4::text::jsonb)", [
          tenant,
          executionId,
          kind,
          JSON.stringify(names)
        ]),
        // The first row says that the execution exists.
        (rows) =>
          rows.length === 0
            ? query.missing(operation, tenant, executionId)
            : Effect.succeed(rows.slice(1).map((row) => eventOf<A>(row)))
      )
    )

  return {
    asks: ({ after, executionId, limit = 50, state } = {}) =>
      withTenant((tenant) =>
        Effect.flatMap(
          query.run<AskRow>(
            "asks",
            "select * from crewline_asked($1, crewline_find_asks($1, $2, $3::text::jsonb, $4, $5, $6::int))",
            [
              tenant,
              executionId ?? null,
              JSON.stringify(state === undefined ? allStates : [state]),
              after?.executionId ?? null,
              after?.id ?? null,
              limit
            ]
          ),
          (rows) =>
            rows[0]?.execution_id === null
              ? Effect.fail(Failures.make("asks", new EventLog.UnknownExecution({ executionId: after!.executionId })))
              : Effect.succeed(rows.map(makeAskOf()))
        )
      ),
    ask: (executionId, id) =>
      withTenant((tenant) =>
        Effect.flatMap(
          query.run<AskRow>("ask", "select * from crewline_asked($1, crewline_find_ask($1, $2, $3))", [
            tenant,
            executionId,
            id
          ]),
          ([row]) =>
            row?.execution_id === null
              ? query.missing("ask", tenant, executionId)
              : Effect.succeed(row === undefined ? undefined : makeAskOf()(row))
        )
      ),
    signals: (executionId, names) =>
      Effect.map(
        named<ExecutionEvent.SignalReceived>("signals", executionId, "signal", names),
        (events) => new Map<string, Schema.Json>(events.map(({ signal, value }) => [signal, value]))
      ),
    spawned: (executionId, taskIds) =>
      Effect.map(named<ExecutionEvent.TaskSuspended>("spawned", executionId, "task", taskIds), (events) => {
        const wanted = new Set(taskIds)
        const found = new Map<string, PlannedTask>()
        for (const { spawn } of events)
          for (const task of spawn) if (wanted.has(task.id) && !found.has(task.id)) found.set(task.id, task)
        return found
      })
  }
}
