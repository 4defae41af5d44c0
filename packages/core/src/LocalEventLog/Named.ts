/**
 * What an execution in memory is asked for by name: its asks, what signals said, the tasks that
 * were spawned. The first of a name counts.
 */
import type * as Schema from "effect/Schema"
import * as EventLog from "../EventLog.ts"
import type { ExecutionEvent } from "../ExecutionEvent.ts"
import type * as Plan from "../Plan.ts"

/** An ask, and where it stands among those of all executions. */
export interface Asked {
  readonly order: number
  ask: EventLog.RecordedAsk
}

export interface Named {
  readonly asks: Map<string, Asked>
  readonly signals: Map<string, Schema.Json>
  readonly spawned: Map<string, Plan.PlannedTask>
}

export const make = (): Named => ({ asks: new Map(), signals: new Map(), spawned: new Map() })

/** True when the event may say something that is asked for by name. */
export const concerns = (event: ExecutionEvent): boolean =>
  event.type === "TaskSuspended" ||
  event.type === "SignalReceived" ||
  event.type === "AskAnswered" ||
  ("closes" in event && event.closes !== undefined)

/** Adds what the event says; answers the asks that it opens, and those that it ends. */
export const add = (
  { asks, signals, spawned }: Named,
  event: ExecutionEvent,
  nextOrder: () => number
): { readonly opened: ReadonlyArray<Asked>; readonly ended: ReadonlyArray<Asked> } => {
  const opened: Array<Asked> = []
  const ended: Array<Asked> = []
  const end = (id: string, as: (ask: EventLog.RecordedAsk) => EventLog.RecordedAsk) => {
    const asked = asks.get(id)
    if (asked?.ask.state !== "open") return
    asked.ask = as(asked.ask)
    ended.push(asked)
  }
  if (event.type === "SignalReceived") {
    if (!signals.has(event.signal)) signals.set(event.signal, event.value)
  } else if (event.type === "TaskSuspended") {
    for (const task of event.spawn) if (!spawned.has(task.id)) spawned.set(task.id, task)
    for (const ask of EventLog.asksOf(event)) {
      if (asks.has(ask.id)) continue
      const asked = { order: nextOrder(), ask }
      asks.set(ask.id, asked)
      opened.push(asked)
    }
  } else if (event.type === "AskAnswered") end(event.ask, (ask) => EventLog.answered(ask, event))
  else if ("closes" in event) {
    for (const id of event.closes ?? []) end(id, (ask) => ({ ...ask, state: "closed", closedAt: event.at }))
  }
  return { opened, ended }
}
