/** `decide` without one of the rules of recovery. */
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import * as Struct from "effect/Struct"
import type * as Decision from "../../src/Decision.ts"
import * as Growth from "../../src/Decision/Growth.ts"
import * as Reach from "../../src/Decision/Reach.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type { Kernel } from "../protocol/Kernel.ts"
import type { Rules } from "./Rules.ts"

type Drafts = ReadonlyArray<ExecutionEvent.Draft>
type Suspended = Extract<Decision.Outcome, { readonly _tag: "Suspended" }>

/** `maxGrowth`: tasks that an execution of the model may grow by. */
export const make =
  (base: Kernel, rules: Rules, maxGrowth: number): Kernel["decide"] =>
  (given, asked) => {
    if (asked._tag !== "Start" && asked._tag !== "Finish") return base.decide(given, asked)
    const state = stateFor(rules, given, asked.taskId)
    const command = asked._tag === "Finish" ? commandFor(rules, asked) : asked
    if (!rules.officeNotCounted && command._tag === "Finish" && isTooMuch(state, command.outcome, maxGrowth))
      return Result.fail("growth")
    const decided = base.decide(state, command)
    if (
      !rules.failSkipsInChild &&
      Result.isSuccess(decided) &&
      decided.success.some((draft) => isChildsFailure(state, draft))
    )
      return base.decide(orphaned(state, command.taskId), command)
    return Result.map(decided, (drafts) => {
      if (!rules.giveUpOwnRun && command._tag === "Start") return withoutRun(state, drafts)
      return rules.skipsWait ? drafts : [...drafts, ...skips(state, drafts)]
    })
  }

const stateFor = (rules: Rules, state: Execution.Execution, taskId: string): Execution.Execution => {
  const { manager } = state.plan
  const task = Execution.task(state, taskId)
  if (manager === undefined || task === undefined) return state
  const isFramed = task.parent !== undefined && Execution.task(state, task.parent)!.plan.frame !== undefined
  const recover = rules.recoverBeforeTerminal && (rules.frameChildRecovers || !isFramed)
  const seen = recover ? state : { ...state, plan: { ...state.plan, manager: { ...manager, recover } } }
  return rules.recoveriesBounded ? seen : with_(seen, { ...task, recoveries: 0 })
}

const with_ = (state: Execution.Execution, task: Execution.Task): Execution.Execution => ({
  ...state,
  tasks: HashMap.set(state.tasks, task.plan.id, task)
})

const commandFor = (
  rules: Rules,
  command: Extract<Decision.Command, { readonly _tag: "Finish" }>
): Extract<Decision.Command, { readonly _tag: "Finish" }> => {
  const { outcome, progress, taskId } = command
  if (!rules.replacementReviewed && outcome._tag === "Suspended" && outcome.for.kind === "replacement")
    return { ...command, outcome: { ...outcome, spawn: outcome.spawn.map(unreviewed) } }
  if (rules.recoverNotExecutionBudget) return command
  // As if it were its own limit that has refused.
  const ofTask = (draft: ExecutionEvent.Draft): ExecutionEvent.Draft =>
    draft.type === "ModelNoticed" ? { ...draft, notice: { ...draft.notice, scope: `task/${taskId}` } } : draft
  return { ...command, progress: progress.map(ofTask) }
}

const unreviewed = (task: Suspended["spawn"][number]) => Struct.omit(task, ["humanInput", "reviewed"])

/** As if the tasks of the office, and those that name no agent, counted. */
const isTooMuch = (state: Execution.Execution, outcome: Decision.Outcome, maxGrowth: number): boolean => {
  if (outcome._tag !== "Suspended") return false
  const added = outcome.spawn.filter(({ id }) => Execution.task(state, id) === undefined).length
  const grown = HashMap.size(state.tasks) - state.plan.tasks.length
  return added > 0 && grown + added > Math.min(maxGrowth, Growth.maxGrowth)
}

const isChildsFailure = (state: Execution.Execution, draft: ExecutionEvent.Draft): boolean => {
  if (draft.type !== "TaskFailed" || draft.policy !== undefined) return false
  const { parent, plan } = Execution.task(state, draft.taskId)!
  return parent !== undefined && plan.onFailure === "fail"
}

/** As if the task belonged to the plan and the manager were not asked about it. */
const orphaned = (state: Execution.Execution, taskId: string): Execution.Execution => {
  const plan = Struct.omit(state.plan, ["manager"])
  return with_({ ...state, plan }, { ...Execution.task(state, taskId)!, parent: undefined })
}

/** A task that was given up is suspended by the run that was. */
const withoutRun = (state: Execution.Execution, drafts: Drafts): Drafts =>
  drafts.flatMap((draft) => {
    if (!drafts.some(isRecovery) || !("taskId" in draft)) return [draft]
    const { run } = Execution.task(state, draft.taskId)!
    return draft.type === "TaskStarted" ? [] : draft.type === "TaskSuspended" ? [{ ...draft, run }] : [draft]
  })

const isRecovery = (draft: ExecutionEvent.Draft): boolean =>
  draft.type === "TaskSuspended" && draft.for.kind === "recovery"

/** Dependents of a task are skipped on its failure, although that is not final yet. */
const skips = (state: Execution.Execution, drafts: Drafts): Drafts =>
  drafts.flatMap((draft) =>
    draft.type === "TaskSuspended" && draft.for.kind === "recovery"
      ? Reach.dependentsOf(state, draft.taskId).map((taskId): ExecutionEvent.Draft => ({
          type: "TaskSkipped",
          taskId,
          reason: "dependency-failed",
          because: draft.taskId
        }))
      : []
  )
