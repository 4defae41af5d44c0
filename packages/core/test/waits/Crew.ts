/** A random crew: its plan comes from a seed, and its model answers differently on every call. */
import type * as Plan from "../../src/Plan.ts"
import * as Plans from "../arbitrary/Plan.ts"
import * as Random from "../simulation/Random.ts"
import type { Answer, Call, Need } from "./Call.ts"
import * as Office from "./Office.ts"

/** Probabilities are of tasks or of calls. */
export interface Options {
  /** Of calls: a person must approve it. */
  readonly approvals: number
  readonly questions: number
  readonly spawns: number
  /** Of those that need only some of their tasks: the others continue. */
  readonly keeps: number
  readonly signals: number
  readonly times: number
  /** Of calls: it kills the worker that makes it. */
  readonly poison: number
  /** Of model calls: no answer. */
  readonly failures: number
  /** Of the plan's tasks: the output is reviewed. */
  readonly reviews: number
  /** Of the plan's tasks: an attempt has a time limit. */
  readonly limited: number
  /** How long deadlines are; 1: about as long as people think. */
  readonly patience: number
  /** Tasks that the execution may grow by, and how deep. */
  readonly maxGrowth: number
  readonly maxDepth: number
  /** Of tasks, and of executions: model calls are limited, and a person is asked at the limit. */
  readonly budgets: number
  /** Of spawned tasks: they are the manager's own. */
  readonly offices: number
  /**
   * Of the plan's tasks: the manager, which also recovers failures, reviews them. 0: no manager.
   */
  readonly managed: number
  /** Of the plan's tasks: they name no agent. */
  readonly frames: number
}

export const maxTurns = 4
/** How often the output of a task may be sent back. */
export const maxRevisions = 2
/** Tasks that one task may spawn. */
export const maxChildren = 12

/** Reviewers of a candidate: a person, preceded by the manager, so an id must name its reviewer. */
export type Reviewer = "manager" | "person"

export interface Crew {
  readonly options: Options
  readonly plan: Plan.Plan
  /** Reviewers by task, in the order in which they are asked. */
  readonly reviewers: ReadonlyMap<string, ReadonlyArray<Reviewer>>
}

const signals = ["s0", "s1", "s2"]

export const make = (seed: number, options: Options): Crew => {
  const random = Random.make(Random.seedOf(seed, "plan"))
  const tasks: Array<Plan.PlannedTask> = []
  const reviewers = new Map<string, ReadonlyArray<Reviewer>>()
  for (let left = 1 + random.below(3); left > 0; left--) {
    const id = `t${tasks.length}`
    const isReviewed = random.chance(options.reviews)
    if (isReviewed) reviewers.set(id, random.chance(0.4) ? ["manager", "person"] : ["person"])
    tasks.push(
      Plans.task({
        ...managed(options, random),
        id,
        dependencies: tasks.filter(() => random.chance(0.4)).map((task) => task.id),
        maxTurns,
        ...policy(random),
        signals: signals.filter(() => random.chance(0.6)),
        ...(random.chance(options.limited) ? { timeoutMillis: 60 + random.below(400) } : {}),
        ...(isReviewed ? { humanInput: review(random) } : {}),
        ...limited(options, random, 1)
      })
    )
  }
  const plan = { ...Plans.fromTasks(tasks), ...limited(options, random, 4) }
  return { options, plan: options.managed === 0 ? plan : { ...plan, ...Office.crew(random, maxTurns) }, reviewers }
}

/** The manager's role for a task. */
const managed = ({ frames, managed }: Options, random: Random.Random): Partial<Plan.PlannedTask> =>
  managed === 0
    ? {}
    : {
        ...(random.chance(frames) ? { agent: Office.boss, frame: { candidates: Office.others, maxTurns } } : {}),
        ...(random.chance(managed) ? { reviewed: true as const } : {})
      }

/** The reviewers of a task's candidates, also of a task that does the work of one of the plan. */
export const reviewersOf = (
  { reviewers }: Crew,
  { codeOf, humanInput, id }: Plan.PlannedTask
): ReadonlyArray<Reviewer> => (humanInput === undefined ? [] : (reviewers.get(codeOf ?? id) ?? []))

const limited = ({ budgets }: Options, random: Random.Random, least: number): Pick<Plan.PlannedTask, "limits"> =>
  budgets > 0 && random.chance(budgets) ? { limits: { requests: least + random.below(4), onExceeded: "ask" } } : {}

const policy = (random: Random.Random): Pick<Plan.PlannedTask, "retry" | "onFailure"> => ({
  retry: { attempts: 1 + random.below(3), initialMillis: 20, factor: 2, maxMillis: 60 },
  onFailure: random.pick(["fail", "skip", "continue", "continue"])
})

const review = (random: Random.Random): Plan.PlannedReview => ({
  onSilence: random.pick(["accept", "deny"]),
  ...(random.chance(0.5) ? { timeoutMillis: 60 + random.below(100) } : {})
})

/** The tasks that a call spawns: always the same for a call. */
export const spawned = (
  { options, seed }: { readonly options: Options; readonly seed: number },
  base: string,
  { count }: { readonly count: number }
): ReadonlyArray<Plan.PlannedTask> => {
  const random = Random.make(Random.seedOf(seed, base))
  const ids = Array.from({ length: count }, (_, index) => `${base}.${"abc"[index]!}`)
  return ids.map((id, index) =>
    Plans.task({
      id,
      maxTurns,
      ...policy(random),
      dependencies: ids.slice(0, index).filter(() => random.chance(0.3)),
      signals,
      ...limited(options, random, 1),
      ...(options.offices > 0 && random.chance(options.offices) ? { office: "recover" as const } : {})
    })
  )
}

/** The model gave no answer. `keepsTurns`: the next attempt goes on after the last turn. */
export interface Failure {
  readonly kind: "failed"
  readonly isRetryable: boolean
  readonly keepsTurns: boolean
}

/** The model's next answer. `kept`: tasks that it has spawned and that still run. */
export const answer = (
  { options }: Crew,
  random: Random.Random,
  task: Plan.PlannedTask,
  kept: ReadonlyArray<string>
): Answer | Failure => {
  if (random.chance(options.failures))
    return { kind: "failed", isRetryable: random.chance(0.8), keepsTurns: random.chance(0.4) }
  if (Office.decides(task)) return { kind: "final", value: Office.decision(task.office!, random) }
  if (random.chance(0.35)) return { kind: "final", value: options.managed === 0 ? 0 : random.below(2) }
  return { kind: "calls", calls: Array.from({ length: 1 + random.below(3) }, () => call(options, random, kept)) }
}

const call = (options: Options, random: Random.Random, kept: ReadonlyArray<string>): Call => {
  const need = needOf(options, random, kept)
  return {
    tool: `tool${random.below(2)}`,
    amount: random.below(100),
    ...(random.chance(options.approvals)
      ? { approval: random.chance(0.4) ? { deadline: deadline(options, random) } : {} }
      : {}),
    ...(need === undefined ? {} : { need }),
    idempotent: random.chance(0.5),
    poison: random.chance(options.poison)
  }
}

const deadline = ({ patience }: Options, random: Random.Random): number => patience * (30 + random.below(120))

const needOf = (options: Options, random: Random.Random, kept: ReadonlyArray<string>): Need | undefined => {
  const { keeps, questions, signals: waits, spawns, times } = options
  if (kept.length > 0 && random.chance(0.5)) return { kind: "collect", tasks: kept }
  const timer = random.chance(0.3) ? { timer: deadline(options, random) } : {}
  let dice = random.next()
  const happens = (probability: number) => (dice -= probability) < 0
  if (happens(questions))
    return {
      kind: "question",
      reply: random.chance(0.3),
      ...(random.chance(0.6) ? { deadline: deadline(options, random) } : {})
    }
  if (happens(spawns)) {
    const count = random.pick([1, 2, 2, 3, 3])
    const need = random.chance(0.5) ? ("all" as const) : 1 + random.below(count)
    return { kind: "tasks", count, need, keep: random.chance(keeps), ...timer }
  }
  if (happens(waits)) return { kind: "signal", signal: random.pick(signals), ...timer }
  if (happens(times)) return { kind: "time", timer: deadline(options, random) }
  return undefined
}
