/** The progress of a task, appended without a decision: any number of tasks record at once. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
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
export const make = ({ append, folds, refresh }: Options) =>
  Effect.fnUntraced(
    function* (entry: Entry, taskId: string, run: number, events: NonEmptyReadonlyArray<Draft>) {
      const appended = yield* Effect.result(append(entry, events))
      if (Result.isFailure(appended)) {
        if (appended.failure.reason._tag === "Ended") return false
        return yield* appended.failure
      }
      folds.absorb(entry, appended.success.events)
      // Another version than ours: something structural happened; it may have fenced this run off.
      const known = entry.state
      const state = known?.version === appended.success.version ? known : yield* refresh(entry)
      const task = Execution.task(state, taskId)
      return task !== undefined && task.run === run && task.status === "running" && state.status === "running"
    },
    (effect, entry) =>
      Effect.ensuring(
        effect,
        Effect.sync(() => folds.tidy(entry))
      )
  )
