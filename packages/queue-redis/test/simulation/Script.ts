/**
 * What the tasks of a simulated execution do: a short list of steps each, made from the seed and the task's name, so that spawned tasks
 * have theirs too and any process knows it.
 */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Plan from "@crewline/core/Plan"
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
  /** The process that runs it dies. */
  | { readonly kind: "poison" }

export interface Options {
  readonly failures: boolean
  readonly poison: boolean
  /** Tasks wait more often, and mostly not for ever. */
  readonly waits: boolean
  /** Model calls that an execution may make at most; absent: any. */
  readonly requests: number | undefined
  /** More tasks, and more edges between them. */
  readonly tasks: number
}

export interface Scripts {
  readonly plan: Plan.Plan
  readonly of: (taskId: string) => ReadonlyArray<Step>
  /** The tasks that a delegation spawns. */
  readonly children: (taskId: string, basis: string, step: Step) => ReadonlyArray<Plan.PlannedTask>
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
    children: (taskId, basis, step) => {
      if (step.kind !== "delegate") return []
      const random = Random.make(Random.seedOf(seed, `${taskId} spawns ${basis}`))
      const ids = Array.from({ length: step.children }, (_, index) => `${taskId}/${basis}.${index}`)
      return ids.map((id, index) =>
        task({ id, ...policy(random, options), dependencies: ids.slice(0, index).filter(() => random.chance(0.3)) })
      )
    }
  }
}

const task = (fields: { readonly id: string } & Partial<Plan.PlannedTask>): Plan.PlannedTask => ({
  description: `Do ${fields.id}.`,
  expectedOutput: "Anything.",
  agent: "worker",
  context: [],
  dependencies: [],
  tools: [],
  guardrails: [],
  maxRepairs: 3,
  maxTurns: 10,
  retry: { attempts: 3, initialMillis: 2_000, factor: 2, maxMillis: 6_000 },
  onFailure: "fail",
  ...fields
})

const policy = (random: Random.Random, { failures }: Options) => ({
  onFailure: random.pick(
    failures ? (["fail", "skip", "continue", "continue"] as const) : (["skip", "continue"] as const)
  )
})

const planOf = (random: Random.Random, options: Options): Plan.Plan => {
  const tasks: Array<Plan.PlannedTask> = []
  for (let left = 1 + random.below(options.tasks); left > 0; left--) {
    const dependencies = tasks.filter(() => random.chance(0.4)).map(({ id }) => id)
    tasks.push(task({ id: `t${tasks.length}`, dependencies, ...policy(random, options) }))
  }
  return {
    version: 1,
    name: "crew",
    process: "parallel",
    agents: { worker: { role: "Worker", goal: "Work.", backstory: "" } },
    tasks,
    inputs: {},
    ...(options.requests === undefined ? {} : { limits: { requests: options.requests } })
  }
}

const stepsOf = (random: Random.Random, id: string, options: Options): ReadonlyArray<Step> => {
  const depth = id.split("/").length - 1
  const steps: Array<Step> = []
  for (let left = 1 + random.below(2); left > 0; left--) {
    steps.push({ kind: "turn" })
    const dice = random.next()
    const mode = random.chance(0.3) ? "any" : "all"
    const forever = options.waits ? 0.1 : 0.6
    if (options.waits && dice > 0.55) {
      steps.push({ kind: "ask", signals: 1, mode, timeoutMillis: 2_000 + random.below(8_000) })
    } else if (dice < 0.28 && depth < deepest) steps.push({ kind: "delegate", children: 1 + random.below(2), mode })
    else if (dice < 0.46) {
      const timeoutMillis = random.chance(forever) ? undefined : 3_000 + random.below(20_000)
      steps.push({ kind: "ask", signals: 1 + random.below(2), mode, timeoutMillis })
    } else if (dice < 0.5) steps.push({ kind: "sleep", millis: 1_000 + random.below(6_000) })
    else if (dice < 0.6) {
      steps.push({ kind: "stumble", attempts: 1 + random.below(2), keepsTurns: random.chance(0.5) })
    } else if (dice < 0.75) steps.push({ kind: "tool", repeatable: random.chance(0.5) })
    else if (dice < 0.8 && options.failures) steps.push({ kind: "fail" })
    else if (dice < 0.9 && options.poison) steps.push({ kind: "poison" })
  }
  return steps
}

/** Where a task is in its script, by its own events. */
export interface Position {
  readonly run: number
  readonly attempt: number
  /** Attempts that did not go on where the one before had stopped. */
  readonly epoch: number
  /** The next step. */
  readonly at: number
  /** Turns recorded since the epoch began. */
  readonly turns: number
  /** Calls that were announced, by step. */
  readonly announced: ReadonlySet<number>
  /** What ended the last wait. */
  readonly woke: "satisfied" | "timeout" | undefined
}

/** The fence and the attempts as the protocol says, without `Execution.apply`. */
export const positionOf = (steps: ReadonlyArray<Step>, events: Iterable<ExecutionEvent.ExecutionEvent>): Position => {
  const position = {
    run: 0,
    attempt: 1,
    epoch: 0,
    at: 0,
    turns: 0,
    announced: new Set<number>(),
    woke: undefined as Position["woke"]
  }
  /** Who goes on after a stumble has passed it. */
  const pass = () => {
    while (steps[position.at]?.kind === "stumble") position.at++
  }
  for (const event of events) {
    if (event.type === "TaskStarted") {
      if (event.run <= position.run) continue
      position.run = event.run
      position.attempt = event.attempt
      position.woke = event.woke ?? position.woke
    } else if ("run" in event && event.run === position.run) {
      if (event.type === "TurnCompleted" && event.turn === position.turns + 1) {
        pass()
        position.at++
        position.turns++
      } else if (event.type === "ToolStarted") {
        pass()
        position.announced.add(position.at)
      } else if (event.type === "ToolCalled" || event.type === "TaskSuspended") {
        pass()
        position.at++
        position.woke = undefined
      } else if (event.type === "TaskRetried" && !event.keepsTurns) {
        position.epoch++
        position.at = 0
        position.turns = 0
        position.announced.clear()
        position.woke = undefined
      }
    }
  }
  return position
}

/** What a step of an attempt is called, over all runs that come to it. */
export const nameOf = (taskId: string, { epoch }: Pick<Position, "epoch">, at: number): string =>
  `${taskId}/${epoch}.${at}`
