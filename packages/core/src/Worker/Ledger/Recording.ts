/** The progress of a task, appended without a decision: any number of tasks record at once. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Execution from "../../Execution.ts"
import type { Draft } from "../../ExecutionEvent.ts"
import type { Append } from "./Appending.ts"
import type { Entry } from "./Entry.ts"
import type { Folds } from "./Folds.ts"
import type { Reading } from "./Reading.ts"

export interface Options {
  readonly folds: Folds
  readonly refresh: Reading["refresh"]
  readonly append: Append
}

/** False: the run is not the task's current one any more. */
export const make = ({ append, folds, refresh }: Options) => {
  const recorded = (entry: Entry, taskId: string, run: number, events: NonEmptyReadonlyArray<Draft>) => {
    const isCurrent = (state: Execution.Execution): boolean => {
      const task = Execution.task(state, taskId)
      return task !== undefined && task.run === run && task.status === "running" && state.status === "running"
    }
    return Effect.matchEffect(append(entry, events), {
      onFailure: (error) => (error.reason._tag === "Ended" ? Effect.succeed(false) : Effect.fail(error)),
      onSuccess: (appended) => {
        folds.absorb(entry, appended.events)
        // Another version than ours: something structural happened; it may have fenced this run
        // off.
        const known = entry.state
        return known?.version === appended.version
          ? Effect.succeed(isCurrent(known))
          : Effect.map(refresh(entry), isCurrent)
      }
    })
  }

  return (entry: Entry, taskId: string, run: number, events: NonEmptyReadonlyArray<Draft>) => {
    const recording = recorded(entry, taskId, run, events)
    // Only of what nothing is known yet may nothing have been found out.
    if (entry.state !== undefined) return recording
    const tidy = Effect.sync(() => folds.tidy(entry))
    return Effect.ensuring(recording, tidy)
  }
}
