/**
 * How a task remembers: what its agent declares, or else its crew, and whose memories that
 * concerns.
 */
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import type { Scope } from "../Memory.ts"
import type { MemoryOptions } from "../MemoryOptions.ts"
import type * as Plan from "../Plan.ts"

/** Whether anything is remembered in executions of a plan. */
export const isUsed = (plan: Plan.Plan): boolean =>
  plan.memory !== undefined || Object.values(plan.agents).some(({ memory }) => memory !== undefined && memory !== false)

/** `undefined`: it stores no memories and recalls none. */
export const of = (plan: Plan.Plan, agent: string | undefined): MemoryOptions | undefined => {
  const declared = (agent === undefined ? undefined : plan.agents[agent]?.memory) ?? plan.memory ?? false
  return declared === false ? undefined : declared === true ? {} : declared
}

export interface Place {
  readonly plan: Plan.Plan
  readonly agent: string | undefined
  readonly requester: ExecutionEvent.Requester
  readonly executionId: string
}

/**
 * Where what is remembered belongs. A policy that names nothing that there is keeps it with the
 * execution.
 */
export const scopeOf = (policy: MemoryOptions, { agent, executionId, plan, requester }: Place): Scope => {
  const { scopes = ["crew", "user", "session"] } = policy
  const { sessionId, userId } = requester
  const scope: Scope = {
    // Agents of different crews can have the same name.
    ...(scopes.includes("crew") || scopes.includes("agent") ? { crew: plan.name } : {}),
    ...(scopes.includes("agent") && agent !== undefined ? { agent } : {}),
    ...(scopes.includes("user") && userId !== undefined ? { user: userId } : {}),
    ...(policy.scopes?.includes("session") === true && sessionId !== undefined ? { session: sessionId } : {})
  }
  const isEmpty = Object.keys(scope).length === 0
  return isEmpty || scopes.includes("execution") ? { ...scope, execution: executionId } : scope
}

/** Where what was said in the execution belongs: with its session, where it has one. */
export const conversationOf = (policy: MemoryOptions, place: Place): Scope => {
  const { execution: _, ...scope } = scopeOf(policy, place)
  const { sessionId } = place.requester
  return sessionId === undefined ? { ...scope, execution: place.executionId } : { ...scope, session: sessionId }
}

/**
 * The memories an agent recalls: those of its scope, and the messages of its execution and session.
 */
export const visibleTo = (policy: MemoryOptions, place: Place): Scope => {
  const { sessionId } = place.requester
  return {
    ...scopeOf(policy, place),
    ...(sessionId === undefined ? {} : { session: sessionId }),
    execution: place.executionId
  }
}
