/** A task completed by its agent and the defaults, except its texts and files. */
import type * as Schema from "effect/Schema"
import * as Agent from "../Agent.ts"
import * as Task from "../Task.ts"
import type { Condition, PlannedReview, PlannedTask, Retry } from "./Planned.ts"

export interface Options {
  readonly id: string
  readonly agentName: string
  readonly agent: Pick<Agent.Agent, "tools" | "maxTurns" | "cache" | "approvals">
  readonly task: Omit<Task.Task, "description" | "expectedOutput">
  readonly context: ReadonlyArray<string>
  readonly dependencies: ReadonlyArray<string>
  /** Its output schema is a function of the crew. */
  readonly hasOutputCode: boolean
  readonly hasCondition: boolean
}

export type Fixed = Omit<PlannedTask, "description" | "expectedOutput" | "outputFile" | "attachments" | "guardrails">

export const apply = (options: Options): Fixed => {
  const { agent, agentName, context, dependencies, hasCondition, hasOutputCode, id, task } = options
  const approvals = distinct([...(agent.approvals ?? []), ...(task.approvals ?? [])])
  return {
    id,
    agent: agentName,
    context,
    dependencies,
    tools: distinct(task.tools ?? agent.tools ?? []),
    ...(task.output === undefined ? {} : { output: task.output }),
    ...(hasOutputCode ? { outputCode: true as const } : {}),
    maxRepairs: task.maxRepairs ?? Task.defaultMaxRepairs,
    maxTurns: task.maxTurns ?? agent.maxTurns ?? Agent.defaultMaxTurns,
    retry: retry(task.retry),
    ...(task.timeout === undefined ? {} : { timeoutMillis: Task.millis(task.timeout) }),
    onFailure: task.onFailure ?? "fail",
    ...(task.limits === undefined ? {} : { limits: task.limits }),
    ...((task.cache ?? agent.cache) === true ? { cache: true as const } : {}),
    ...(approvals.length === 0 ? {} : { approvals }),
    ...(task.policy === undefined
      ? {}
      : { policies: Object.freeze([Object.freeze({ scope: "task" as const, name: id, ...task.policy })]) }),
    ...(task.humanInput === undefined || task.humanInput === false ? {} : { humanInput: review(task.humanInput) }),
    ...(task.signals === undefined || task.signals.length === 0 ? {} : { signals: distinct(task.signals) }),
    ...(task.when === undefined ? {} : { when: Object.freeze(condition(task.when, hasCondition)) })
  }
}

const condition = (when: Task.When, isCode: boolean): Condition => {
  const { contains, equals, matches, path, task } = when
  if (isCode) return { task, code: true }
  if (contains !== undefined) return { task, contains }
  if (matches !== undefined) return { task, matches }
  // The check has seen to it that one of the three is there.
  return path === undefined ? { task, equals: equals as Schema.Json } : { task, equals: equals as Schema.Json, path }
}

const retry = (declared: Task.Retry = {}): Retry =>
  Object.freeze({
    attempts: declared.attempts ?? Task.defaultRetry.attempts,
    initialMillis: declared.initial === undefined ? Task.defaultRetry.initialMillis : Task.millis(declared.initial),
    factor: declared.factor ?? Task.defaultRetry.factor,
    maxMillis: declared.max === undefined ? Task.defaultRetry.maxMillis : Task.millis(declared.max),
    ...(declared.refusals === true ? { refusals: true as const } : {})
  })

const review = (declared: true | Task.Review): PlannedReview => {
  const { onSilence = "deny", timeout } = declared === true ? {} : declared
  return Object.freeze({ ...(timeout === undefined ? {} : { timeoutMillis: Task.millis(timeout) }), onSilence })
}

/** Frozen, because every plan of the crew shares it. */
export const distinct = (names: ReadonlyArray<string>): ReadonlyArray<string> =>
  Object.freeze(names.length > 1 ? [...new Set(names)] : [...names])
