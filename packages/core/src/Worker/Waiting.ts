/** What a task waits for, as a leg of it needs to know it: from the state in which it began, and outputs and values from the log. */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type { Standing } from "../AgentLoop/Standing.ts"
import type * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"

export interface Options {
  readonly log: EventLog.EventLog["Service"]
  readonly state: Execution.Execution
  readonly task: Execution.Task
  /** By the log's clock, in milliseconds since the epoch. */
  readonly now: number
  readonly isFull: boolean
}

export const make = ({ isFull, log, now, state, task }: Options): Standing => ({
  ...Execution.standings(state),
  isKnown: (id) => Execution.task(state, id) !== undefined,
  askOf: (id) =>
    Option.getOrElse(HashMap.get(state.closed, id), () => (HashMap.has(state.open, id) ? "open" : "unknown")),
  remainingMillis: (id) => {
    const dueAt = Execution.openOf(state, id)?.dueAt
    return dueAt === undefined ? undefined : Math.max(dueAt - now, 0)
  },
  isApproved: (tool) => HashSet.has(state.approved, tool),
  results: Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
    const outputs = yield* log.outputs(
      state.id,
      ids.filter((id) => Execution.task(state, id)?.status === "completed")
    )
    return new Map(
      ids.map((id): [string, SpawnedResult] => {
        const one = Execution.task(state, id)
        if (one === undefined || !Execution.isSettled(one)) return [id, { status: "running" }]
        const output = outputs.get(id)
        return [
          id,
          {
            status: one.status as SpawnedResult["status"],
            ...(output === undefined ? {} : { output }),
            ...(one.status === "failed" && one.failure !== undefined
              ? {
                  error: one.failure.message,
                  code: one.failure.code,
                  attempts: one.attempts,
                  ...(one.policy === undefined ? {} : { policy: one.policy })
                }
              : {}),
            ...(one.doubts.length === 0 ? {} : { doubts: one.doubts }),
            ...(one.criteria === undefined ? {} : { criteria: one.criteria })
          }
        ]
      })
    )
  }),
  signal: (name) =>
    HashSet.has(state.signals, name)
      ? Effect.map(log.signals(state.id, [name]), (values) => values.get(name))
      : Effect.succeed(undefined),
  children: Option.getOrElse(HashMap.get(state.children, task.plan.id), () => []).length,
  depth: above(state, task).length,
  chain: [task, ...above(state, task)].map(({ plan }) => plan.agent),
  isFull
})

/** The tasks above it, the nearest first. One that only waits for who does its work, or is replaced by it, is not one more. */
const above = (state: Execution.Execution, from: Execution.Task): ReadonlyArray<Execution.Task> => {
  const found: Array<Execution.Task> = []
  for (let task = from; task.parent !== undefined;) {
    const parent = Execution.task(state, task.parent)!
    if (parent.plan.frame === undefined && task.plan.replaces !== true) found.push(parent)
    task = parent
  }
  return found
}
