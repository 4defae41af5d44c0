/**
 * An execution that retries another: the valid results of the other are taken over before anything
 * starts.
 */
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import * as TakeOver from "../../src/Worker/TakeOver.ts"
import { announce, commit, type Server } from "../protocol/World.ts"
import type { Act, World } from "./Leg.ts"
import type { Rules } from "./Rules.ts"

export interface Retrying {
  readonly of: ExecutionEvent.RetryOf
  readonly taken: ReadonlyArray<Decision.Taken>
}

/** `source`: the events of the other execution. */
export const make = (rules: Rules, source: ReadonlyArray<ExecutionEvent.ExecutionEvent>): Retrying => {
  const state = Execution.fromEvents(source)!
  const completed = source.flatMap((event) => (event.type === "TaskCompleted" ? [event.taskId] : []))
  // Without the rule every task with an output must be taken over.
  const tasks = rules.retryPlanOnly ? TakeOver.standing(state) : completed
  const taken = source.flatMap((event): ReadonlyArray<Decision.Taken> => {
    if (event.type !== "TaskCompleted" || !tasks.includes(event.taskId)) return []
    return [{ type: "TaskCompleted", taskId: event.taskId, run: 0, output: event.output }]
  })
  return { of: { executionId: "earlier", tasks }, taken }
}

/** A worker does this before it takes a task. */
export function* takeOver(world: World, { queue }: Server): Act {
  const { log, retrying } = world
  if (retrying === undefined || log.state.pendingTakeovers === 0) return
  const committed = yield* commit(world, { _tag: "TakeOver", tasks: retrying.taken })
  if (committed._tag === "Committed") announce(queue, committed.drafts)
}
