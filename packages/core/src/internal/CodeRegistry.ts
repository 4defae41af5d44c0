/**
 * The functions of crews (guardrails, conditions, output schemas) that this process knows. Plans are data and travel; functions do not.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Crew from "../Crew.ts"

export class CodeRegistry extends Context.Service<
  CodeRegistry,
  {
    /** For one execution, and for later ones of a crew of this name that were started elsewhere. */
    readonly add: (executionId: string, crew: Crew.Crew<unknown>) => void
    readonly find: (executionId: string, crewName: string) => Crew.Code | undefined
    readonly forget: (executionId: string) => void
  }
>()("@crewline/core/internal/CodeRegistry") {
  static readonly layer: Layer.Layer<CodeRegistry> = Layer.sync(CodeRegistry, () => {
    const byExecution = new Map<string, Crew.Code>()
    const byName = new Map<string, Crew.Code>()
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
}
