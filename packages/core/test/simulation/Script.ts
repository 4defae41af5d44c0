/**
 * The scripts of tasks of a simulated execution: a short list of steps each, derived from the seed
 * and the task's name, so that spawned tasks have one too and any worker can derive it. The model
 * of the protocol and the simulation of whole processes follow the same scripts.
 */
import type * as Ask from "../../src/Ask.ts"
import type * as Decision from "../../src/Decision.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import * as Random from "./Random.ts"

export type Step =
  /** Calls a model. */
  | { readonly kind: "turn" }
  /** Calls a tool; a call that is not repeatable is announced first. */
  | { readonly kind: "tool"; readonly repeatable: boolean }
  /** The first attempts end here. */
  | { readonly kind: "stumble"; readonly attempts: number; readonly keepsTurns: boolean }
  | { readonly kind: "fail" }
  /** The task spawns others and waits for them. */
  | { readonly kind: "delegate"; readonly children: number; readonly mode: "all" | "any" }
  /** The task waits for a person, perhaps without a time limit. */
  | {
      readonly kind: "ask"
      readonly signals: number
      readonly mode: "all" | "any"
      readonly timeoutMillis: number | undefined
    }
  | { readonly kind: "sleep"; readonly millis: number }
  /** The process that runs it dies. */
  | { readonly kind: "poison" }

/** A number from `from` to below `from + below`. */
interface Range {
  readonly from: number
  readonly below: number
}

/** How long things take, in milliseconds. */
export interface Times {
  readonly retry: { readonly initialMillis: number; readonly maxMillis: number }
  readonly ask: Range
  /** Of a wait in a script that waits more often. */
  readonly shortAsk: Range
  readonly sleep: Range
}

export interface Options {
  readonly failures: boolean
  readonly poison: boolean
  /** Tasks wait more often, and mostly with a time limit. */
  readonly waits: boolean
  /** How many tasks are planned. */
  readonly tasks: Range
  readonly times: Times
  /** Model calls that an execution may make at most; absent: any number. */
  readonly requests?: number
  /**
   * Limits of the execution, of its agent and of tasks, spawned ones too, each of which is asked
   * about when it is reached.
   */
  readonly budgets?: true
}

export interface Scripts {
  readonly plan: Plan.Plan
  readonly of: (taskId: string) => ReadonlyArray<Step>
  /** The outcome of a leg that has reached the step `at`. */
  readonly outcome: (taskId: string, position: Pick<Position, "epoch">, at: number) => Decision.Outcome
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
  const childrenOf = (taskId: string, basis: string, count: number) => {
    const random = Random.make(Random.seedOf(seed, `${taskId} spawns ${basis}`))
    const ids = Array.from({ length: count }, (_, index) => `${taskId}/${basis}.${index}`)
    return ids.map((id, index) =>
      Plans.task({
        id,
        ...policy(random, options),
        dependencies: ids.slice(0, index).filter(() => random.chance(0.3))
      })
    )
  }
  return {
    plan: planOf(Random.make(Random.seedOf(seed, "plan")), options),
    of,
    outcome: (taskId, { epoch }, at) => {
      const basis = `${epoch}.${at}`
      const step = of(taskId)[at]
      switch (step?.kind) {
        case "stumble": {
          const { keepsTurns } = step
          return { _tag: "Failed", error: { code: "stumble", message: `${at}`, isRetryable: true }, keepsTurns }
        }
        case "fail":
          return { _tag: "Failed", error: { code: "fail", message: `${at}`, isRetryable: false } }
        case "delegate": {
          const spawn = childrenOf(taskId, basis, step.children)
          const need = step.mode === "any" ? 1 : "all"
          return suspended(Wait.of({ tasks: spawn.map(({ id }) => id) }, { need }), { spawn })
        }
        case "ask": {
          const { mode, timeoutMillis } = step
          const signals = asksOf(step, taskId, { epoch }, at)
          const limit = timeoutMillis === undefined ? {} : { timeoutMillis }
          const waits = Wait.of({ signals }, { need: mode === "any" ? 1 : "all", ...limit })
          return suspended(waits, { asks: signals.map(askOf) })
        }
        case "sleep":
          return suspended(Wait.of({}, { timeoutMillis: step.millis }))
        default:
          return { _tag: "Completed", output: at }
      }
    }
  }
}

const suspended = (
  waits: Wait.Waits,
  more: { readonly spawn?: ReadonlyArray<Plan.PlannedTask>; readonly asks?: ReadonlyArray<Ask.Ask> } = {}
): Decision.Outcome => ({ _tag: "Suspended", for: { kind: "calls", turn: 1 }, spawn: [], ...more, waits })

const askOf = (id: string): Ask.Ask => ({
  id,
  kind: "question",
  title: id,
  shown: id,
  hash: `hash of ${id}`,
  onSilence: "deny",
  answerableBy: []
})

/** The asks that a step waits for. */
export const asksOf = (
  step: Extract<Step, { kind: "ask" }>,
  taskId: string,
  { epoch }: Pick<Position, "epoch">,
  at: number
): ReadonlyArray<string> => Array.from({ length: step.signals }, (_, index) => `${taskId}/ask.${epoch}.${at}.${index}`)

/** The answer of a model. */
export const turnOf = (taskId: string, run: number, turn: number): ExecutionEvent.TurnCompleted => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn,
  messages: [],
  parts: [],
  finishReason: "stop",
  model: "scripted/model",
  usage: { requests: 1, inputTokens: 8, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0, costUsd: 0.125 }
})

const policy = (random: Random.Random, { budgets, failures, times }: Options) => ({
  retry: { attempts: 3, factor: 2, ...times.retry },
  onFailure: random.pick(
    failures ? (["fail", "skip", "continue", "continue"] as const) : (["skip", "continue"] as const)
  ),
  ...(budgets === true && random.chance(0.5) ? { limits: asking(1 + random.below(3)) } : {})
})

const asking = (requests: number) => ({ requests, onExceeded: "ask" }) as const

const within = (random: Random.Random, { below, from }: Range): number => from + random.below(below)

const planOf = (random: Random.Random, options: Options): Plan.Plan => {
  const tasks: Array<Plan.PlannedTask> = []
  for (let left = within(random, options.tasks); left > 0; left--) {
    const dependencies = tasks.filter(() => random.chance(0.4)).map(({ id }) => id)
    tasks.push(Plans.task({ id: `t${tasks.length}`, dependencies, ...policy(random, options) }))
  }
  const plan = Plans.fromTasks(tasks)
  if (options.budgets === true) {
    const agents = { worker: { ...plan.agents["worker"]!, limits: asking(3 + random.below(5)) } }
    return { ...plan, agents, limits: asking(2 + random.below(6)) }
  }
  return options.requests === undefined ? plan : { ...plan, limits: { requests: options.requests } }
}

const stepsOf = (random: Random.Random, id: string, options: Options): ReadonlyArray<Step> => {
  const { failures, poison, times, waits } = options
  const depth = id.split("/").length - 1
  const steps: Array<Step> = []
  for (let left = 1 + random.below(2); left > 0; left--) {
    steps.push({ kind: "turn" })
    const dice = random.next()
    const mode = random.chance(0.3) ? "any" : "all"
    if (waits && dice > 0.55) {
      steps.push({ kind: "ask", signals: 1, mode, timeoutMillis: within(random, times.shortAsk) })
    } else if (dice < 0.28 && depth < deepest) steps.push({ kind: "delegate", children: 1 + random.below(2), mode })
    else if (dice < 0.46) {
      const timeoutMillis = random.chance(waits ? 0.1 : 0.6) ? undefined : within(random, times.ask)
      steps.push({ kind: "ask", signals: 1 + random.below(2), mode, timeoutMillis })
    } else if (dice < 0.5) steps.push({ kind: "sleep", millis: within(random, times.sleep) })
    else if (dice < 0.6) {
      steps.push({ kind: "stumble", attempts: 1 + random.below(2), keepsTurns: random.chance(0.5) })
    } else if (dice < 0.75) steps.push({ kind: "tool", repeatable: random.chance(0.5) })
    else if (dice < 0.8 && failures) steps.push({ kind: "fail" })
    else if (dice < 0.9 && poison) steps.push({ kind: "poison" })
  }
  return steps
}

/** Where a task is in its script. */
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
  /** The cause that ended the last wait. */
  readonly woke: "satisfied" | "timeout" | undefined
}

/**
 * The position of a task by its own events: the fence and the attempts as the protocol says,
 * without `Execution.apply`. `isFenced`: events recorded by any run but the current one are
 * ignored, as required.
 */
export const positionOf = (
  steps: ReadonlyArray<Step>,
  events: Iterable<ExecutionEvent.ExecutionEvent>,
  { isFenced = true }: { readonly isFenced?: boolean } = {}
): Position => {
  const position = {
    run: 0,
    attempt: 1,
    epoch: 0,
    at: 0,
    turns: 0,
    announced: new Set<number>(),
    woke: undefined as Position["woke"]
  }
  let asksForMore = false
  /** A run that goes on after a stumble has passed it. */
  const pass = () => {
    while (steps[position.at]?.kind === "stumble") position.at++
  }
  for (const event of events) {
    if (event.type === "TaskStarted") {
      if (event.run <= position.run) continue
      position.run = event.run
      position.attempt = event.attempt
      position.woke = asksForMore ? position.woke : (event.woke ?? position.woke)
      asksForMore = false
    } else if ("run" in event && (event.run === position.run || !isFenced)) {
      if (event.type === "TurnCompleted" && (event.turn === position.turns + 1 || !isFenced)) {
        pass()
        position.at++
        position.turns++
      } else if (event.type === "ToolStarted") {
        pass()
        position.announced.add(position.at)
      } else if (event.type === "TaskSuspended" && event.for.kind === "budget") {
        // It continues with the refused call, and its earlier wait has not changed.
        asksForMore = true
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

/** The name of a step of an attempt, shared by all runs that reach it. */
export const nameOf = (taskId: string, { epoch }: Pick<Position, "epoch">, at: number): string =>
  `${taskId}/${epoch}.${at}`
