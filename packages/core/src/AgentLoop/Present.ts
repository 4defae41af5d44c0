/**
 * What a call meets when it is made. A leg may run for long: a tool that was registered anew since,
 * and a policy that the tenant has changed, bind the next call.
 */
import * as Effect from "effect/Effect"
import type * as Policy from "../Policy.ts"
import { hashOf } from "../Tool.ts"
import * as Toolbox from "../Toolbox.ts"
import * as Bindings from "./Bindings.ts"
import type { Equipment } from "./Equipment.ts"

export interface Present {
  readonly tool: Toolbox.Tool
  /** It is not the tool that the execution, or at least the leg, was started with. */
  readonly isChanged: boolean
  readonly policies: ReadonlyArray<Policy.Scoped>
}

export type Unavailable = Toolbox.UnknownTool | Toolbox.ToolsUnavailable | Toolbox.PolicyUnavailable

/** `known`: the tool at the beginning of the leg. */
export const of = (equipment: Equipment, known: Toolbox.Tool): Effect.Effect<Present, Unavailable> => {
  const { leg, policies, toolbox } = equipment
  const isFixed = known.source !== "openapi"
  // Most tools are code, and most toolboxes have no policy.
  if (isFixed && toolbox.policy === undefined) return Effect.succeed({ tool: known, isChanged: false, policies })
  return Effect.gen(function* () {
    const tool = isFixed ? known : yield* toolbox.get(known.name)
    // The plan does not have tools that were found, or that were added with a task.
    const started = isFixed ? "" : (leg.plan.definitions?.[tool.name] ?? (yield* hashOf(known)))
    return {
      tool,
      isChanged: !isFixed && started !== (yield* hashOf(tool)),
      policies: Bindings.policiesOf(leg.plan, leg.task, yield* Toolbox.policies(toolbox))
    }
  })
}
