/**
 * The limits of an execution by scope: of a task with all that it spawns, of an agent in all of its
 * tasks, of the whole execution. Scopes are named `task/<id>`, `agent/<name>` and `execution`. What
 * tasks of the manager's office spend counts for the manager's agent and the execution, not for the
 * task that they serve.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type { Draft, LimitRaised, LimitReached } from "../ExecutionEvent.ts"
import type * as Limits from "../Limits.ts"
import * as Usage from "../Usage.ts"
import { type Execution, type Task, task } from "./State.ts"

/** The scope of a task's limits. */
export const scopeOfTask = (id: string): string => `task/${id}`
/** The scope of an agent's limits. */
export const scopeOfAgent = (name: string): string => `agent/${name}`
/** The scope of an execution's limits. */
export const wholeScope = "execution"

/** The task, and those above it that pay for it. */
function* payersOf(state: Execution, from: Task): Generator<Task> {
  for (let payer: Task | undefined = from; payer !== undefined;) {
    yield payer
    if (payer.plan.office !== undefined || payer.parent === undefined) return
    payer = task(state, payer.parent)
  }
}

/** A task of the plan that neither has limits nor an agent with some: the usual one. */
const isFree = ({ plan: { agents } }: Execution, { parent, plan }: Task): boolean =>
  parent === undefined && plan.limits === undefined && agents[plan.agent]?.limits === undefined

/** What is spent with this spent by a task. A stale turn was paid all the same. */
export const charge = (state: Execution, current: Task | undefined, spent: Usage.Usage): Execution["spent"] => {
  let sums = state.spent
  if (current === undefined || isFree(state, current)) return sums
  const add = (scope: string) => {
    sums = HashMap.set(sums, scope, Usage.add(sumOf(sums, scope), spent))
  }
  for (const { plan } of payersOf(state, current)) if (plan.limits !== undefined) add(scopeOfTask(plan.id))
  const { agent } = current.plan
  if (state.plan.agents[agent]?.limits !== undefined) add(scopeOfAgent(agent))
  return sums
}

const sumOf = (sums: Execution["spent"], scope: string): Usage.Usage =>
  Option.getOrElse(HashMap.get(sums, scope), () => Usage.zero)

/** What was spent in a scope that has limits. */
export const spentOf = (state: Execution, scope: string): Usage.Usage =>
  scope === wholeScope ? state.usage : sumOf(state.spent, scope)

/** The limits of a scope as they were declared. */
const declaredOf = ({ plan, tasks }: Execution, scope: string): Limits.Declared | undefined => {
  if (scope === wholeScope) return plan.limits
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

/** The limits that were raised, with this one; how much of it is used up is reported anew. */
export const raise = (
  { raised, reached }: Execution,
  { limits, scope }: LimitRaised
): Pick<Execution, "raised" | "reached"> => {
  const times = Option.match(HashMap.get(raised, scope), { onNone: () => 1, onSome: (earlier) => earlier.times + 1 })
  return { raised: HashMap.set(raised, scope, { limits, times }), reached: HashMap.remove(reached, scope) }
}

/** The scopes whose limits bind the calls of a task, from its own up. */
const scopesOf = (
  state: Execution,
  of: Task
): ReadonlyArray<readonly [scope: "task" | "agent" | "execution", name: string]> => {
  const { agent } = of.plan
  const { agents, limits } = state.plan
  if (limits === undefined && isFree(state, of)) return none
  const scopes: Array<readonly ["task" | "agent" | "execution", string]> = []
  for (const { plan } of payersOf(state, of)) if (plan.limits !== undefined) scopes.push(["task", scopeOfTask(plan.id)])
  if (agents[agent]?.limits !== undefined) scopes.push(["agent", scopeOfAgent(agent)])
  if (limits !== undefined) scopes.push(["execution", wholeScope])
  return scopes
}

const none: ReadonlyArray<never> = []
const levels = [100, 80, 50] as const

/**
 * What the spending of a task, with what these add to it, is to be reported as: for each of its
 * scopes, the highest level at most once.
 */
export const reachedBy = (state: Execution, of: Task, drafts: ReadonlyArray<Draft>): ReadonlyArray<LimitReached> => {
  const scopes = scopesOf(state, of)
  if (scopes.length === 0) return none
  const refusing = new Set<string>()
  let added = Usage.zero
  for (const draft of drafts) {
    if (draft.type === "ModelNoticed" && draft.notice.scope !== undefined) refusing.add(draft.notice.scope)
    else if ("usage" in draft && draft.usage !== undefined) added = Usage.add(added, draft.usage)
  }
  return scopes.flatMap(([, scope]): ReadonlyArray<LimitReached> => {
    const { onExceeded: _, ...limits } = limitsOf(state, scope)!
    const spent = amountOf(Usage.add(spentOf(state, scope), added))
    const part = refusing.has(scope)
      ? 100
      : dimensions.reduce((most, each) => Math.max(most, partOf(spent[each], limits[each])), 0)
    const percent = levels.find((level) => part >= level)
    const known = Option.getOrElse(HashMap.get(state.reached, scope), () => 0)
    return percent === undefined || percent <= known ? none : [{ type: "LimitReached", scope, percent, limits, spent }]
  })
}

const dimensions = ["tokens", "costUsd", "requests"] as const

const partOf = (spent: number | null, limit: number | undefined): number =>
  spent === null || limit === undefined ? 0 : (100 * spent) / limit

/** The limits that calls of a task are under; `undefined`: none. */
export const scopedOf = (state: Execution, of: Task): ReadonlyArray<Limits.Scoped> | undefined => {
  const scopes = scopesOf(state, of)
  if (scopes.length === 0) return undefined
  return scopes.map(([scope, name]) => {
    const raises = Option.getOrUndefined(HashMap.get(state.raised, name))?.times
    return {
      ...limitsOf(state, name),
      scope,
      key: name === wholeScope ? state.id : `${state.id}/${name}`,
      name,
      ...(raises === undefined ? {} : { raises }),
      spent: amountOf(spentOf(state, name))
    }
  })
}

/** What a usage counts against limits. */
export const amountOf = ({ costUsd, inputTokens, outputTokens, requests }: Usage.Usage): Limits.Spent => ({
  tokens: inputTokens + outputTokens,
  requests,
  costUsd
})
