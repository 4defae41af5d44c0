/**
 * The limits of an execution by scope: of a task with all that it spawns, of an agent in all of its tasks, of the whole execution. Scopes
 * are named `task/<id>`, `agent/<name>` and `execution`. What tasks of the manager's office spend counts for the manager's agent and the
 * execution, not for the task that they serve.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { LimitRaised } from "../ExecutionEvent.ts"
import type * as Limits from "../Limits.ts"
import * as Usage from "../Usage.ts"
import { type Execution, type Raised, type Task, task } from "./State.ts"

const ofTask = (id: string): string => `task/${id}`
const ofAgent = (name: string): string => `agent/${name}`
export const ofExecution = "execution"

/** The task, and those above it that pay for it. */
function* payersOf(state: Execution, from: Task): Generator<Task> {
  for (let payer: Task | undefined = from; payer !== undefined;) {
    yield payer
    if (payer.plan.office !== undefined || payer.parent === undefined) return
    payer = task(state, payer.parent)
  }
}

/** What is spent with this spent by a task. A stale turn was paid all the same. */
export const charge = (state: Execution, current: Task | undefined, spent: Usage.Usage): Execution["spent"] => {
  let sums = state.spent
  if (current === undefined) return sums
  const add = (scope: string) => {
    sums = HashMap.set(sums, scope, Usage.add(sumOf(sums, scope), spent))
  }
  for (const { plan } of payersOf(state, current)) if (plan.limits !== undefined) add(ofTask(plan.id))
  const { agent } = current.plan
  if (state.plan.agents[agent]?.limits !== undefined) add(ofAgent(agent))
  return sums
}

const sumOf = (sums: Execution["spent"], scope: string): Usage.Usage =>
  Option.getOrElse(HashMap.get(sums, scope), () => Usage.zero)

/** What was spent in a scope that has limits. */
export const spentOf = (state: Execution, scope: string): Usage.Usage =>
  scope === ofExecution ? state.usage : sumOf(state.spent, scope)

/** The limits of a scope as they were declared. */
const declaredOf = ({ plan, tasks }: Execution, scope: string): Limits.Declared | undefined => {
  if (scope === ofExecution) return plan.limits
  const at = scope.indexOf("/")
  const name = scope.slice(at + 1)
  if (scope.slice(0, at) === "agent") return Object.hasOwn(plan.agents, name) ? plan.agents[name]!.limits : undefined
  return Option.getOrUndefined(HashMap.get(tasks, name))?.plan.limits
}

/** The limits of a scope as they are now; `undefined`: there are none. */
export const limitsOf = (state: Execution, scope: string): Limits.Declared | undefined => {
  const declared = declaredOf(state, scope)
  const raised = Option.getOrUndefined(HashMap.get(state.raised, scope))
  return declared === undefined || raised === undefined ? declared : { ...declared, ...raised.limits }
}

/** The limits that were raised, with this one. */
export const raise = ({ raised }: Execution, { limits, scope }: LimitRaised): HashMap.HashMap<string, Raised> => {
  const times = Option.match(HashMap.get(raised, scope), { onNone: () => 1, onSome: (earlier) => earlier.times + 1 })
  return HashMap.set(raised, scope, { limits, times })
}

/** The limits that calls of a task are under; `undefined`: none. */
export const scopedOf = (state: Execution, { plan: { agent, id } }: Task): ReadonlyArray<Limits.Scoped> | undefined => {
  const scoped: Array<Limits.Scoped> = []
  const add = (scope: "task" | "agent" | "execution", name: string): void => {
    const limits = limitsOf(state, name)
    if (limits === undefined) return
    const raises = Option.getOrUndefined(HashMap.get(state.raised, name))?.times
    scoped.push({
      ...limits,
      scope,
      key: name === ofExecution ? state.id : `${state.id}/${name}`,
      name,
      ...(raises === undefined ? {} : { raises }),
      spent: amountOf(spentOf(state, name))
    })
  }
  for (const payer of payersOf(state, task(state, id)!))
    if (payer.plan.limits !== undefined) add("task", ofTask(payer.plan.id))
  if (state.plan.agents[agent]?.limits !== undefined) add("agent", ofAgent(agent))
  if (state.plan.limits !== undefined) add("execution", ofExecution)
  return scoped.length === 0 ? undefined : scoped
}

/** What a usage counts against limits. */
export const amountOf = ({ costUsd, inputTokens, outputTokens, requests }: Usage.Usage): Limits.Spent => ({
  tokens: inputTokens + outputTokens,
  requests,
  costUsd
})
