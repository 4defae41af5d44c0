/** The state of an execution as a reader sees it, and its result when it has ended. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Crew from "../Crew.ts"
import * as EventLog from "../EventLog.ts"
import type * as Execution from "../Execution.ts"
import * as ExecutionView from "../ExecutionView.ts"
import * as TaskQueue from "../TaskQueue.ts"
import { Ledger } from "../Worker/Ledger.ts"
import * as Thrown from "../Worker/Thrown.ts"
import { ExecutionFailed, type Handle } from "./Handle.ts"
import * as Views from "./Views.ts"

export interface Options {
  readonly isOwned: (executionId: string) => boolean
  readonly evictIfForeign: (executionId: string) => void
}

export type Results = Effect.Success<ReturnType<typeof make>>

export const make = Effect.fnUntraced(function* ({ evictIfForeign, isOwned }: Options) {
  const log = yield* EventLog.EventLog
  const queue = yield* TaskQueue.TaskQueue
  const ledger = yield* Ledger
  const causes = yield* Thrown.Current

  const stateOf = Effect.fnUntraced(function* (executionId: string) {
    // Always read: a caller that has followed an event must find it here.
    const state = yield* ledger.state(executionId)
    evictIfForeign(executionId)
    return state
  })

  /** Waits for the end: in this process if only it runs the execution, otherwise as a follower. */
  const untilEnd = Effect.fnUntraced(function* (executionId: string) {
    const ended = !queue.isShared && isOwned(executionId) ? yield* ledger.awaitEnd(executionId) : undefined
    if (ended !== undefined) return ended
    const state = yield* stateOf(executionId)
    if (state.status !== "running") return state
    yield* Stream.runDrain(log.follow(executionId, { after: state.lastSeq }))
    return yield* stateOf(executionId)
  })

  const resultOf = Effect.fnUntraced(function* <Output>(executionId: string, crew: Crew.Crew<Output> | undefined) {
    const state = yield* untilEnd(executionId)
    const outputs = yield* Views.outputsOf(log, state)
    const { criteria, error, output, tasks, usage } = ExecutionView.make(state, { outputs })
    if (state.status !== "completed") {
      const cause = error?.taskId === undefined ? undefined : causes.find(executionId, error.taskId)
      return yield* new ExecutionFailed({
        executionId,
        status: state.status === "cancelled" ? "cancelled" : "failed",
        code: error?.code ?? "cancelled",
        message: error === undefined ? "The execution was cancelled." : error.message,
        ...(error?.taskId === undefined ? {} : { taskId: error.taskId }),
        ...(cause === undefined ? {} : { cause })
      })
    }
    const decoded = (yield* decodeOutput(state, output ?? null, crew)) as Output
    return { executionId, output: decoded, ...(criteria === undefined ? {} : { criteria }), tasks, usage }
  })

  const handleOf = <Output>(started: EventLog.Started, crew: Crew.Crew<Output> | undefined): Handle<Output> => ({
    id: started.executionId,
    existing: started.existing,
    startedAt: started.at,
    events: log.follow(started.executionId, { deltas: true }),
    result: resultOf(started.executionId, crew)
  })

  return { handleOf, stateOf, ...Views.make({ log, isKnown: (id) => ledger.seen(id) !== undefined, stateOf }) }
})

/**
 * The output as decoded by the crew's schemas. They accepted it before; a value that they cannot
 * decode now is returned as it is.
 */
const decodeOutput = (
  state: Execution.Execution,
  output: Schema.Json,
  crew: Crew.Crew<unknown> | undefined
): Effect.Effect<unknown> => {
  if (crew === undefined) return Effect.succeed(output)
  const decode = (task: string, value: Schema.Json): Effect.Effect<unknown> => {
    const schema = crew.code[task]?.output
    if (schema === undefined || value === null) return Effect.succeed(value)
    return Effect.promise(async () => schema["~standard"].validate(value)).pipe(
      Effect.map((result) => (result.issues === undefined ? result.value : value)),
      Effect.catchDefect(() => Effect.succeed(value))
    )
  }
  const finals = ExecutionView.finalsOf(state)
  if (finals.length === 1) return decode(finals[0]!, output)
  return Effect.map(
    Effect.forEach(finals, (task) =>
      Effect.map(decode(task, (output as Schema.JsonObject)[task] ?? null), (value) => [task, value] as const)
    ),
    (entries) => Object.fromEntries(entries)
  )
}
