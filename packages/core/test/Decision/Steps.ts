/** Executions by hand: command after command, each decided and applied as in production. */
import * as Result from "effect/Result"
import * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Stories from "../arbitrary/Story.ts"

type State = Execution.Execution
type Suspended = Extract<Decision.Outcome, { readonly _tag: "Suspended" }>

export const stateOf = (plan: Plan.Plan): State =>
  Execution.make({ type: "ExecutionStarted", plan, seq: 1, at: Stories.timeOf(0), executionId: "e" })

export const start = (taskId: string): Extract<Decision.Command, { _tag: "Start" }> => ({
  _tag: "Start",
  taskId,
  worker: "w",
  maxCrashes: Stories.maxCrashes
})

export const finish = (taskId: string, run: number, outcome: Decision.Outcome): Decision.Command => ({
  _tag: "Finish",
  taskId,
  run,
  outcome,
  progress: [],
  jitter: 0.5
})

export const completed: Decision.Outcome = { _tag: "Completed", output: 1 }
export const failed: Extract<Decision.Outcome, { _tag: "Failed" }> = {
  _tag: "Failed",
  error: { code: "test", message: "No.", isRetryable: false }
}
/** A failure after which the next attempt starts over, or continues after the last turn. */
export const stumbled = (keepsTurns: boolean): Decision.Outcome => ({
  ...failed,
  error: { ...failed.error, isRetryable: true },
  keepsTurns
})

/**
 * The result of a command that must not be refused: the events, and the state after them. Events
 * are 10 ms apart.
 */
export const step = (
  state: State,
  command: Decision.Command
): { readonly state: State; readonly events: ReadonlyArray<ExecutionEvent.Draft> } => {
  const events = Result.getOrThrowWith(
    Decision.decide(state, command),
    (refusal) => new Error(`${command._tag} was refused: ${refusal}`)
  )
  return {
    events,
    state: events.reduce(
      (next, draft) =>
        Execution.apply(next, { ...draft, seq: next.lastSeq + 1, at: Stories.timeOf(next.lastSeq), executionId: "e" }),
      state
    )
  }
}

/** The state after commands that must not be refused. */
export const after = (state: State, ...commands: ReadonlyArray<Decision.Command>): State =>
  commands.reduce((next, command) => step(next, command).state, state)

/** The state after a task has suspended itself in its first run. */
export const suspended = (state: State, taskId: string, outcome: Suspended): State =>
  after(state, start(taskId), finish(taskId, 1, outcome))

export const refusal = (state: State, command: Decision.Command): Decision.Refusal | undefined => {
  const decided = Decision.decide(state, command)
  return Result.isFailure(decided) ? decided.failure : undefined
}
