/**
 * What an execution that retries another takes over from it: the outputs that stand, before
 * anything of it begins.
 *
 * Which tasks these are is decided once, in `ExecutionStarted`; the other execution has ended and
 * does not change. Taking over is appended in parts, each whole or not at all, and whoever takes
 * the execution up goes on where another stopped.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Dag from "../Dag.ts"
import type * as Decision from "../Decision.ts"
import * as Reach from "../Decision/Reach.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { Ledger } from "./Ledger.ts"

/** Outputs that are read and appended at once. */
const partSize = 200

/**
 * Tasks whose outcome stands when the execution is done again, each after those that it depends on:
 * completed, or skipped by their condition, and all that they depend on stands too. A task that saw
 * a failure is done again with what comes instead of it.
 */
export const standing = (state: Execution.Execution): ReadonlyArray<string> => {
  const stands = (id: string): boolean => {
    const { skipped, status } = Execution.task(state, id)!
    return status === "completed" || skipped?.reason === "condition"
  }
  const frontier = Dag.frontier(Reach.graphOf(state.plan))
  const found = frontier.ready().filter(stands)
  // Grows while it is read.
  for (const id of found) for (const next of frontier.settle(id)) if (stands(next)) found.push(next)
  return found
}

const isGone = ({ reason }: EventLog.EventLogError) => reason._tag === "Gone" || reason._tag === "UnknownExecution"

/**
 * Some tasks of the source as events of whoever takes them over; `gone` when the source is not
 * there any more.
 */
const read = (log: EventLog.EventLog["Service"], source: Execution.Execution, ids: ReadonlyArray<string>) =>
  Effect.map(log.outputs(source.id, ids), (outputs): ReadonlyArray<Decision.Taken> =>
    ids.flatMap((taskId): ReadonlyArray<Decision.Taken> => {
      const task = Execution.task(source, taskId)
      const output = outputs.get(taskId)
      if (task?.skipped !== undefined) return [{ type: "TaskSkipped", taskId, run: 0, ...task.skipped }]
      if (output === undefined) return []
      const { outputFile, partial, trust } = task!
      return [
        {
          type: "TaskCompleted",
          taskId,
          run: 0,
          output,
          ...(outputFile === undefined ? {} : { outputFile }),
          ...(partial ? { partial } : {}),
          ...(trust === "agent" ? {} : { trust })
        }
      ]
    })
  )

/**
 * The state after everything has been taken over; an execution that retries none stays as it is.
 */
export const complete = (
  log: EventLog.EventLog["Service"],
  ledger: Ledger["Service"]
): ((state: Execution.Execution) => Effect.Effect<Execution.Execution, EventLog.EventLogError>) =>
  Effect.fnUntraced(function* (given) {
    let state = given
    const { retryOf } = state
    if (retryOf === undefined || state.pendingTakeovers === 0 || state.status !== "running") return state
    const decide = Effect.fnUntraced(function* (tasks: Extract<Decision.Command, { _tag: "TakeOver" }>["tasks"]) {
      const decided = yield* ledger.decide(state.id, { _tag: "TakeOver", tasks })
      // Refused: another process was faster, or it has ended.
      return Result.isSuccess(decided) ? decided.success.state : yield* ledger.state(state.id)
    })
    const source = yield* log.read(retryOf.executionId, { payloads: false }).pipe(
      Effect.map(Execution.fromEvents),
      Effect.catchIf(isGone, () => Effect.succeed(undefined))
    )
    if (source === undefined) return yield* decide("gone")
    while (state.status === "running" && state.pendingTakeovers > 0) {
      const isOpen = (id: string) => !Execution.isSettled(Execution.task(state, id)!)
      const part = retryOf.tasks.filter(isOpen).slice(0, partSize)
      const taken = yield* Effect.catchIf(read(log, source, part), isGone, () => Effect.succeed([]))
      state = yield* decide(taken.length === part.length ? taken : "gone")
    }
    return state
  })
