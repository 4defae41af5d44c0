/**
 * Notes the definitions of the registered tools that a plan uses. They can be registered anew while
 * the execution runs, unlike tools in code; calls are then asked about.
 */
import * as Effect from "effect/Effect"
import type * as Plan from "../Plan.ts"
import { hashOf } from "../Tool.ts"
import type { Tool } from "../Toolbox.ts"

/** The plan with the definitions of the tools that it names. */
export const noted = (plan: Plan.Plan, tools: ReadonlyArray<Tool>): Effect.Effect<Plan.Plan> => {
  const registered = tools.filter(({ source }) => source === "openapi")
  if (registered.length === 0) return Effect.succeed(plan)
  const named = new Set([
    ...Object.values(plan.agents).flatMap((agent) => agent.tools ?? []),
    ...plan.tasks.flatMap((task) => [...task.tools, ...(task.frame?.tools ?? [])])
  ])
  const used = registered.filter(({ name }) => named.has(name))
  if (used.length === 0) return Effect.succeed(plan)
  return Effect.map(
    Effect.forEach(used, (tool) => Effect.map(hashOf(tool), (hash) => [tool.name, hash] as const)),
    (definitions) => ({ ...plan, definitions: Object.fromEntries(definitions) })
  )
}
