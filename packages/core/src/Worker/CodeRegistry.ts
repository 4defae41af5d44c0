/**
 * The functions of crews (guardrails, conditions, output schemas) that this process knows. Plans
 * are data and travel; functions do not.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Crew from "../Crew.ts"
import type * as Plan from "../Plan.ts"

export class CodeRegistry extends Context.Service<
  CodeRegistry,
  {
    /** For one execution, and for others of a crew of this name that were started elsewhere. */
    readonly add: (executionId: string, crew: Crew.Crew<unknown>) => void
    readonly find: (executionId: string, crewName: string) => Crew.Code | undefined
    readonly forget: (executionId: string) => void
  }
>()("@crewline/core/Worker/CodeRegistry/CodeRegistry") {
  /** Crews that are known from the start on. */
  static readonly layerWith = (crews: ReadonlyArray<Crew.Crew<unknown>>): Layer.Layer<CodeRegistry> =>
    Layer.sync(CodeRegistry, () => {
      const byExecution = new Map<string, Crew.Code>()
      const byName = new Map(crews.map(({ code, definition }) => [definition.name, code]))
      return {
        add: (executionId, crew) => {
          // Most crews have no functions, and their names may be without end.
          if (Object.keys(crew.code).length === 0) return
          byExecution.set(executionId, crew.code)
          byName.set(crew.definition.name, crew.code)
        },
        find: (executionId, crewName) => byExecution.get(executionId) ?? byName.get(crewName),
        forget: (executionId) => {
          byExecution.delete(executionId)
        }
      }
    })

  static readonly layer: Layer.Layer<CodeRegistry> = CodeRegistry.layerWith([])
}

/** True when every function that the task needs is there. */
export const suffices = (code: Crew.Code | undefined, plan: Plan.Plan, task: Plan.PlannedTask): boolean => {
  if (plan.needsCode !== true) return true
  const own = code?.[task.codeOf ?? task.id]
  // Which functions a spawned task has stands in the task whose functions they are: the fold does
  // not keep its own guardrails.
  const { guardrails } = plan.tasks.find(({ id }) => id === task.codeOf) ?? task
  if (task.outputCode === true && own?.output === undefined) return false
  if (task.when !== undefined && "code" in task.when && own?.when === undefined) return false
  return guardrails.every((each) => each.kind !== "code" || own?.guardrails?.[each.index] !== undefined)
}
