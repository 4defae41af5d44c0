/**
 * What code of the application threw in this process, by the task that failed for it: the cause of
 * `ExecutionFailed`. The log keeps only its message. Of more than the latest tasks nothing is kept.
 */
import * as Context from "effect/Context"

const kept = 1_000

export interface Thrown {
  readonly add: (executionId: string, taskId: string, thrown: unknown) => void
  readonly find: (executionId: string, taskId: string) => unknown
}

export const make = (): Thrown => {
  const known = new Map<string, unknown>()
  const keyOf = (executionId: string, taskId: string) => `${executionId}/${taskId}`
  return {
    add: (executionId, taskId, thrown) => {
      const key = keyOf(executionId, taskId)
      known.delete(key)
      known.set(key, thrown)
      if (known.size > kept) known.delete(known.keys().next().value!)
    },
    find: (executionId, taskId) => known.get(keyOf(executionId, taskId))
  }
}

/** Default: one for the process. */
export const Current = Context.Reference<Thrown>("@crewline/core/Worker/Thrown/Current", { defaultValue: make })
