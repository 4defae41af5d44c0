/**
 * Whether the manager is asked about a failure, before it is final: then the task waits for the
 * decision, and nothing falls until it is there.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Execution from "../Execution.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import * as Plan from "../Plan.ts"

interface Failing {
  readonly run: number
  readonly error: ExecutionEvent.Failure
  readonly progress: ReadonlyArray<ExecutionEvent.Draft>
}

/** Why the last call was refused, where that was a limit. */
const refusedBy = (
  state: Execution.Execution,
  task: Execution.Task,
  { error, progress }: Failing
): { readonly scope: string | undefined } | undefined => {
  if (error.code !== "model-budget-exceeded") return undefined
  const notice = progress.findLast((draft) => draft.type === "ModelNoticed" && draft.notice.kind === "budget-refused")
  return { scope: notice?.type === "ModelNoticed" ? notice.notice.scope : usedUp(state, task) }
}

/** The call was one of what took the place of the task: the log says which limit is used up. */
const usedUp = (state: Execution.Execution, { plan: { id } }: Execution.Task): string | undefined => {
  const children = Option.getOrElse(HashMap.get(state.children, id), (): ReadonlyArray<string> => [])
  const isUsedUp = (scope: string): boolean =>
    Option.exists(HashMap.get(state.reached, scope), (percent) => percent === 100)
  if (isUsedUp(Execution.wholeScope)) return Execution.wholeScope
  const scopes = children.flatMap((child) => Execution.scopedOf(state, Execution.task(state, child)!) ?? [])
  return scopes.find(({ name }) => isUsedUp(name!))?.name
}

/**
 * The work of the crew: tasks of the plan, or of those that name no agent their work. What is
 * delegated is its parent's business.
 */
const isWork = (state: Execution.Execution, { parent, plan }: Execution.Task): boolean =>
  plan.office === undefined &&
  plan.frame === undefined &&
  (parent === undefined || Execution.task(state, parent)?.plan.frame !== undefined)

/** The suspension in the place of a final failure; `undefined`: the failure is final. */
export const suspension = (
  state: Execution.Execution,
  task: Execution.Task,
  failure: Failing
): ExecutionEvent.TaskSuspended | undefined => {
  const { manager } = state.plan
  if (manager?.recover !== true || task.recoveries >= manager.maxRecoveries || !isWork(state, task)) return undefined
  const { error, run } = failure
  const limit = refusedBy(state, task, failure)
  // Nothing that could be decided would help: there is nothing left to do it with.
  if (limit !== undefined && (limit.scope === undefined || limit.scope === "execution")) return undefined
  const { id, title = id } = task.plan
  const office = Plan.office(state.plan, {
    id: `${id}/${run}.recover`,
    office: "recover",
    title: `How should the failure of ${title} be handled?`,
    context: [],
    // What it is about stands in the log: it is told when it is asked.
    description: "",
    expectedOutput: ""
  })
  return {
    type: "TaskSuspended",
    taskId: id,
    run,
    for: { kind: "recovery", turn: 0, error, ...(limit?.scope === undefined ? {} : { scope: limit.scope }) },
    waits: { groups: [{ tasks: [office.id], signals: [], need: "all" }] },
    spawn: [office]
  }
}
