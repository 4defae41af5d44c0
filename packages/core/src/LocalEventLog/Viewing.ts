/** Views of ended executions, kept in memory. */
import * as Effect from "effect/Effect"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "./Execution.ts"
import type { Storage } from "./Storage.ts"

export const make = (storage: Storage): Pick<EventLog.EventLog["Service"], "view" | "keepView"> => ({
  view: (executionId, { format, from = 0, to = Number.POSITIVE_INFINITY }) =>
    storage.withExecution("view", executionId, (execution) => {
      const summary = Execution.summaryOf(execution)
      const { view } = execution
      if (view?.format !== format || view.head === undefined) return Effect.succeed({ summary })
      const parts = Array.from(view.parts.values())
        .filter(({ first, lengths }) => first < to && first + lengths.length > from)
        .sort((a, b) => a.first - b.first)
      return Effect.succeed({ summary, view: { head: view.head, parts } })
    }),
  keepView: (executionId, { format, head, parts }) =>
    Effect.withFiber((fiber) => {
      const execution = storage.find(fiber, executionId)
      if (execution === undefined || !Execution.isEnded(execution)) return Effect.void
      if (execution.view?.format !== format) execution.view = { format, head: undefined, parts: new Map() }
      const { view } = execution
      for (const part of parts) if (!view.parts.has(part.first)) view.parts.set(part.first, part)
      view.head ??= head
      return Effect.void
    })
})
