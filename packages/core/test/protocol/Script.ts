/**
 * What the tasks of a modelled execution do: a short list of steps each, made from the seed and the task's name, so that spawned tasks
 * have theirs too and any worker knows it.
 */
import type * as Plan from "../../src/Plan.ts"
import * as Plans from "../arbitrary/Plan.ts"
import * as Random from "./Random.ts"

export type Step =
  /** A model is asked. */
  | { readonly kind: "turn" }
  /** A tool is called; one that is not repeatable is announced first. */
  | { readonly kind: "tool"; readonly repeatable: boolean }
  /** The first attempts end here. */
  | { readonly kind: "stumble"; readonly attempts: number; readonly keepsTurns: boolean }
  | { readonly kind: "fail" }
  /** The task spawns others and waits for them. */
  | { readonly kind: "delegate"; readonly children: number; readonly mode: "all" | "any" }
  /** The task waits for a person, perhaps not for ever. */
  | {
      readonly kind: "ask"
      readonly signals: number
      readonly mode: "all" | "any"
      readonly timeoutMillis: number | undefined
    }
  | { readonly kind: "sleep"; readonly millis: number }
  /** Whoever runs it dies. */
  | { readonly kind: "poison" }

/** What kinds of tasks there are. */
export interface Options {
  readonly failures: boolean
  readonly poison: boolean
  /** Tasks wait more often, and mostly not for ever. */
  readonly waits?: boolean
}

export interface Scripts {
  readonly plan: Plan.Plan
  readonly of: (taskId: string) => ReadonlyArray<Step>
  /** The tasks that a delegation spawns. */
  readonly children: (taskId: string, attempt: number, at: number) => ReadonlyArray<Plan.PlannedTask>
}

/** Spawned tasks spawn, their children do not. */
const deepest = 2

export const make = (seed: number, options: Options): Scripts => {
  const known = new Map<string, ReadonlyArray<Step>>()
  const of = (id: string) => {
    let steps = known.get(id)
    if (steps === undefined) known.set(id, (steps = stepsOf(Random.make(Random.seedOf(seed, id)), id, options)))
    return steps
  }
  return {
    plan: planOf(Random.make(Random.seedOf(seed, "plan")), options),
    of,
    children: (taskId, attempt, at) => {
      const step = of(taskId)[at]!
      if (step.kind !== "delegate") return []
      const random = Random.make(Random.seedOf(seed, `${taskId} spawns ${at}`))
      const ids = Array.from({ length: step.children }, (_, index) => `${taskId}/${attempt}.${at}.${index}`)
      return ids.map((id, index) =>
        Plans.task({
          id,
          ...policy(random, options),
          dependencies: ids.slice(0, index).filter(() => random.chance(0.3))
        })
      )
    }
  }
}

const retry = { attempts: 3, initialMillis: 20, factor: 2, maxMillis: 60 }

const policy = (random: Random.Random, { failures }: Options) => ({
  retry,
  onFailure: random.pick(
    failures ? (["fail", "skip", "continue", "continue"] as const) : (["skip", "continue"] as const)
  )
})

const planOf = (random: Random.Random, options: Options): Plan.Plan => {
  const tasks: Array<Plan.PlannedTask> = []
  for (let left = 2 + random.below(3); left > 0; left--) {
    const dependencies = tasks.filter(() => random.chance(0.4)).map((task) => task.id)
    tasks.push(Plans.task({ id: `t${tasks.length}`, dependencies, ...policy(random, options) }))
  }
  return Plans.fromTasks(tasks)
}

const stepsOf = (random: Random.Random, id: string, options: Options): ReadonlyArray<Step> => {
  const depth = id.split("/").length - 1
  const steps: Array<Step> = []
  for (let left = 1 + random.below(2); left > 0; left--) {
    steps.push({ kind: "turn" })
    const dice = random.next()
    const mode = random.chance(0.3) ? "any" : "all"
    const forever = options.waits === true ? 0.1 : 0.6
    if (options.waits === true && dice > 0.55) {
      steps.push({ kind: "ask", signals: 1, mode, timeoutMillis: 30 + random.below(60) })
    } else if (dice < 0.28 && depth < deepest) steps.push({ kind: "delegate", children: 1 + random.below(2), mode })
    else if (dice < 0.46) {
      const timeoutMillis = random.chance(forever) ? undefined : 40 + random.below(120)
      steps.push({ kind: "ask", signals: 1 + random.below(2), mode, timeoutMillis })
    } else if (dice < 0.5) steps.push({ kind: "sleep", millis: 20 + random.below(60) })
    else if (dice < 0.6) {
      steps.push({ kind: "stumble", attempts: 1 + random.below(2), keepsTurns: random.chance(0.5) })
    } else if (dice < 0.75) steps.push({ kind: "tool", repeatable: random.chance(0.5) })
    else if (dice < 0.8 && options.failures) steps.push({ kind: "fail" })
    else if (dice < 0.9 && options.poison) steps.push({ kind: "poison" })
  }
  return steps
}
