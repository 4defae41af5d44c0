/**
 * What becomes of a failed task: the manager's choice, or what the task declares when there is no
 * valid one. Each leg follows from the log alone: the choice is read, and done; what takes the
 * place of the task gives its output, or its failure.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Outcome } from "../Decision.ts"
import type { Draft, Failure, RecoveryChosen, TaskSuspended } from "../ExecutionEvent.ts"
import * as Plan from "../Plan.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"
import * as Excerpt from "./Excerpt.ts"
import * as Instructing from "./Instructing.ts"
import * as Prompt from "./RecoverPrompt.ts"
import * as StandIn from "./StandIn.ts"

export interface Options<E> {
  readonly plan: Plan.Plan
  /** The task that failed. */
  readonly task: Plan.PlannedTask
  readonly run: number
  /** What it was suspended for, recovery or replacement, that nothing has followed up yet. */
  readonly since: TaskSuspended
  /** The log takes no more tasks. */
  readonly isFull: boolean
  readonly results: (taskIds: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, SpawnedResult>, E>
}

interface Ended {
  readonly outcome: Outcome
  readonly progress: ReadonlyArray<Draft>
}

const order = ["retry", "rewrite", "reassign", "replace", "continue", "skip", "abort"] as const

/** Agents that a task can be given to instead. */
const othersOf = ({ manager }: Plan.Plan, { agent }: Plan.PlannedTask): ReadonlyArray<string> =>
  manager!.allow.filter((name) => name !== agent)

/**
 * What can be chosen, best first. With a limit of its own reached, more work would be refused, too.
 */
const choicesOf = (plan: Plan.Plan, task: Plan.PlannedTask, scope: string | undefined): ReadonlyArray<Prompt.Choice> =>
  scope !== undefined
    ? order.slice(4)
    : order.filter((choice) => choice !== "reassign" || othersOf(plan, task).length > 0)

/** What the manager is asked: texts that the task of the office did not bring with it. */
export const brief = (
  office: Plan.PlannedTask,
  subject: Omit<Prompt.Subject, "choices" | "others"> & { readonly scope: string | undefined }
): Plan.PlannedTask => {
  const { plan, scope, task } = subject
  const choices = choicesOf(plan, task, scope)
  const others = othersOf(plan, task)
  return {
    ...office,
    ...Instructing.tell(plan, "recover", Prompt, Prompt.facts({ ...subject, choices, others })),
    expectedOutput: Prompt.expectedOutput,
    output: Prompt.output({ choices, others }),
    ...Excerpt.cut(subject.lastAnswer, Prompt.maxShown)
  }
}

export const next = <E>(options: Options<E>): Effect.Effect<Ended, E> => {
  const [group] = options.since.waits.groups
  const last = group!.tasks.at(-1)!
  return Effect.map(options.results([last]), (results) => {
    const result = results.get(last)!
    return options.since.for.kind === "recovery" ? decided(options, last, result) : replaced(options, result)
  })
}

/** What the manager chose is done; what cannot be done is what the task declares. */
const decided = <E>(options: Options<E>, office: string, { output, status }: SpawnedResult): Ended => {
  const { plan, run, since, task } = options
  const error = since.for.error!
  const choices = choicesOf(plan, task, since.for.scope)
  const answer = status === "completed" && Predicate.isReadonlyObject(output) ? (output as Schema.JsonObject) : {}
  const choice = choices.find((each) => each === answer["choice"])
  const done = choice === undefined ? undefined : outcomeOf(options, { office, choice, answer, error })
  const reason = textIn(answer, "reason")
  const chosen: RecoveryChosen = {
    type: "RecoveryChosen",
    taskId: task.id,
    run,
    choice: done === undefined ? defaults[task.onFailure] : choice!,
    by: done === undefined ? "policy" : "manager",
    ...(done === undefined || reason === undefined ? {} : { reason })
  }
  return { outcome: done ?? failed(error, defaults[task.onFailure]), progress: [chosen] }
}

const defaults = { fail: "abort", skip: "skip", continue: "continue" } as const

const failed = (error: Failure, policy: "continue" | "skip" | "abort"): Outcome => ({
  _tag: "Failed",
  error: { ...error, isRetryable: false },
  policy
})

const textIn = (answer: Schema.JsonObject, key: string): string | undefined => {
  const value = answer[key]
  return typeof value === "string" && value.trim() !== "" ? value : undefined
}

interface Chosen {
  readonly office: string
  readonly choice: Prompt.Choice
  readonly answer: Schema.JsonObject
  readonly error: Failure
}

/** `undefined`: the choice lacks what it needs, or cannot be done. */
const outcomeOf = <E>(options: Options<E>, { answer, choice, error, office }: Chosen): Outcome | undefined => {
  const { isFull, plan, task } = options
  switch (choice) {
    case "retry": {
      const advice = textIn(answer, "advice")
      return advice === undefined ? undefined : { _tag: "Recovered", error, advice: Prompt.advice(advice) }
    }
    case "rewrite": {
      const description = textIn(answer, "description")
      return description === undefined
        ? undefined
        : { _tag: "Recovered", error, advice: Prompt.rewritten(description), description }
    }
    case "reassign": {
      const agent = textIn(answer, "agent")
      if (isFull || agent === undefined || !othersOf(plan, task).includes(agent)) return undefined
      return instead([Plan.inPlaceOf(plan, task, { agent, id: `${office}/work` })])
    }
    case "replace": {
      const tasks = isFull ? undefined : patch(options, office, answer["tasks"])
      return tasks === undefined ? undefined : instead(tasks)
    }
    default:
      return failed(error, choice)
  }
}

const instead = (spawn: ReadonlyArray<Plan.PlannedTask>): Outcome => ({
  _tag: "Suspended",
  for: { kind: "replacement", turn: 0 },
  waits: { groups: [{ tasks: spawn.map(({ id }) => id), signals: [], need: "all" }] },
  spawn
})

/**
 * New tasks in the place of one, checked as a whole; the last one gives what that one had to give.
 */
const patch = <E>(
  { plan, task }: Options<E>,
  office: string,
  given: Schema.Json | undefined
): ReadonlyArray<Plan.PlannedTask> | undefined => {
  if (!Array.isArray(given) || given.length === 0) return undefined
  const tasks = new Map<string, unknown>()
  for (const each of given as ReadonlyArray<Schema.Json>) {
    if (!Predicate.isReadonlyObject(each)) return undefined
    // What it was not offered, tools above all, is not its to give.
    const { agent = task.agent, context = [], description, expectedOutput, name } = each as Schema.JsonObject
    if (typeof name !== "string" || tasks.has(name)) return undefined
    // Not for the manager itself, also where what failed was its own.
    if (typeof agent !== "string" || agent === plan.manager!.agent) return undefined
    if (agent !== task.agent && !plan.manager!.allow.includes(agent)) return undefined
    tasks.set(name, { agent, context, description, expectedOutput, onFailure: "skip" })
  }
  const spawned = Plan.spawn({ plan, parent: task, prefix: office, tasks: Object.fromEntries(tasks) })
  if (Result.isFailure(spawned)) return undefined
  const last = spawned.success.at(-1)!
  const before = spawned.success.slice(0, -1)
  return [...before.map((each) => ({ ...each, replaces: true as const })), Plan.lastInPlaceOf(task, last, before)]
}

/** What took its place has come to something. */
const replaced = <E>({ task }: Options<E>, result: SpawnedResult): Ended => ({
  outcome: StandIn.outcomeOf(
    task,
    Struct.omit(result, ["policy"]),
    `What took the place of task "${task.id}" was ${result.status}.`
  ),
  progress: []
})
