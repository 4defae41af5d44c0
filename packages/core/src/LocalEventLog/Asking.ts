/** What executions in memory are asked for by name, and the asks of a tenant. */
import * as Effect from "effect/Effect"
import * as EventLog from "../EventLog.ts"
import type { Asked } from "./Named.ts"
import { fail, type Storage, type TenantState } from "./Storage.ts"

type Service = EventLog.EventLog["Service"]

/** Those of a map that have one of these names. */
const these = <A>(all: ReadonlyMap<string, A> | undefined, names: ReadonlyArray<string>): ReadonlyMap<string, A> => {
  const found = new Map<string, A>()
  for (const name of names) {
    const value = all?.get(name)
    if (value !== undefined) found.set(name, value)
  }
  return found
}

/** All that may be listed, in the order in which it was asked. */
const candidates = (state: TenantState | undefined, options: EventLog.AskListOptions): Iterable<Asked> => {
  if (state === undefined) return []
  const { executionId } = options
  if (executionId !== undefined) return state.executions.get(executionId)?.named?.asks.values() ?? []
  if (options.state === "open") return state.openAsks
  const all = Array.from(state.executions.values(), ({ named }) => [...(named?.asks.values() ?? [])])
  return all.flat().sort((left, right) => left.order - right.order)
}

export const make = (storage: Storage): Pick<Service, "signals" | "spawned" | "asks" | "ask"> => ({
  signals: (executionId, names) =>
    storage.withExecution("signals", executionId, ({ named }) => Effect.succeed(these(named?.signals, names))),
  spawned: (executionId, taskIds) =>
    storage.withExecution("spawned", executionId, ({ named }) => Effect.succeed(these(named?.spawned, taskIds))),
  asks: (options = {}) =>
    Effect.withFiber((fiber) => {
      const state = storage.seen(fiber)
      const { after, limit = 50 } = options
      const last = after === undefined ? undefined : state?.executions.get(after.executionId)?.named?.asks.get(after.id)
      if (after !== undefined && last === undefined)
        return fail("asks", new EventLog.UnknownExecution({ executionId: after.executionId }))
      const found: Array<EventLog.RecordedAsk> = []
      for (const { ask, order } of candidates(state, options)) {
        if (found.length >= limit) break
        if (last !== undefined && order <= last.order) continue
        if (options.state === undefined || ask.state === options.state) found.push(ask)
      }
      return Effect.succeed(found)
    }),
  ask: (executionId, id) =>
    storage.withExecution("ask", executionId, ({ named }) => Effect.succeed(named?.asks.get(id)?.ask))
})
