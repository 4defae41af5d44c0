/**
 * Whether this process can run a task, which needs the functions of its crew and its tools. What is
 * missing is logged once, the tasks are handed back with growing delays, and if no worker has taken
 * one for a minute, the execution records it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { searchTool } from "../Agent.ts"
import type * as Execution from "../Execution.ts"
import * as MemoryOptions from "../MemoryOptions.ts"
import type { PlannedTask } from "../Plan.ts"
import type * as Toolbox from "../Toolbox.ts"
import { type CodeRegistry, suffices } from "./CodeRegistry.ts"
import * as MemoryPolicy from "./MemoryPolicy.ts"

const firstDelayMillis = 100
const maxDelayMillis = 5_000
/** A task without a capable worker is reported after this time. */
export const reportAfterMillis = 60_000
/** Bounds both maps: the number of crews and of tasks is unlimited. */
const maxKeys = 1_000

export interface Options {
  readonly registry: CodeRegistry["Service"]
  readonly toolbox: Toolbox.Toolbox["Service"]
}

/** A task that is handed back because this process cannot run it. */
export interface Left {
  /** How long the task is now left to other workers. */
  readonly delayMillis: number
  /** It has waited so long that it must be reported. */
  readonly isDue: boolean
}

export const make = ({ registry, toolbox }: Options) => {
  const times = new Map<string, number>()
  /**
   * When a run of a task that is not reported was first and last handed back here, in milliseconds.
   */
  const seen = new Map<string, { readonly since: number; last: number }>()

  /**
   * Since when the run has been handed back. Of too many at once those that come later wait until
   * the first are reported.
   */
  const since = (key: string, now: number): number => {
    const known = seen.get(key)
    if (known !== undefined) {
      known.last = now
      return known.since
    }
    // Tasks that did not come back were taken by other workers.
    if (seen.size >= maxKeys) for (const [each, { last }] of seen) if (now - last > reportAfterMillis) seen.delete(each)
    if (seen.size < maxKeys) seen.set(key, { since: now, last: now })
    return now
  }

  /** A tool that cannot be read now is not missing: the task is tried again. */
  const isMissing = (name: string) =>
    Effect.match(toolbox.get(name), { onSuccess: () => false, onFailure: ({ _tag }) => _tag === "UnknownTool" })

  /**
   * What the task needs that this process lacks, in words: `the tool "a"`; `undefined`: nothing.
   */
  const lackOf = Effect.fnUntraced(function* ({ id, plan }: Execution.Execution, task: PlannedTask) {
    if (plan.needsCode !== true && task.tools.length === 0) return undefined
    const lacks = suffices(registry.find(id, plan.name), plan, task)
      ? []
      : ["its functions (guardrails, conditions, output schemas): provide them with Crewline.layer({ crews: [crew] })"]
    const missing: Array<string> = []
    const own = [searchTool, ...(MemoryPolicy.of(plan, task.agent) === undefined ? [] : MemoryOptions.tools)]
    for (const name of task.tools) if (!own.includes(name) && (yield* isMissing(name))) missing.push(name)
    if (missing.length > 0) lacks.push(`the tool${missing.length > 1 ? "s" : ""} ${missing.map(quote).join(", ")}`)
    return lacks.length === 0 ? undefined : lacks.join(", and ")
  })

  const leave = Effect.fnUntraced(function* (state: Execution.Execution, task: Execution.Task, what: string) {
    const { plan, run, unserved } = task
    const crew = state.plan.name
    const key = `${crew} ${what}`
    const earlier = times.get(key) ?? 0
    if (earlier === 0) {
      if (times.size >= maxKeys) times.clear()
      yield* Effect.logWarning(`Leaving tasks of crew "${crew}" to other workers: this process does not have ${what}.`)
    }
    times.set(key, earlier + 1)
    const now = yield* Clock.currentTimeMillis
    const taskKey = `${state.id} ${plan.id} ${run}`
    const isReported = unserved === what
    const isDue = !isReported && now - since(taskKey, now) >= reportAfterMillis
    if (isDue || isReported) seen.delete(taskKey)
    const delayMillis = Math.min(firstDelayMillis * 2 ** Math.min(earlier, 10), maxDelayMillis)
    return { delayMillis, isDue } satisfies Left
  })

  return { lackOf, leave }
}

const quote = (name: string): string => JSON.stringify(name)
