/**
 * The real `decide` and `apply`. Where one of their rules is off, they behave as they would without
 * it: they receive another state or command, or part of their result is removed. Production code
 * has no hooks for this.
 */
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import type * as Decision from "../../src/Decision.ts"
import * as Growth from "../../src/Decision/Growth.ts"
import * as Execution from "../../src/Execution.ts"
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type { Kernel } from "../protocol/Kernel.ts"
import { placeOf } from "./Call.ts"
import * as Recovering from "./Recovering.ts"
import type { Rules } from "./Rules.ts"

type Command<Tag extends Decision.Command["_tag"]> = Extract<Decision.Command, { _tag: Tag }>
type Drafts = ReadonlyArray<ExecutionEvent.Draft>
type Decided = ReturnType<Kernel["decide"]>

/** `maxGrowth`: tasks that an execution of the model may grow by. */
export const make = (real: Kernel, rules: Rules, maxGrowth: number): Kernel => {
  const base: Kernel = { ...real, decide: Recovering.make(real, rules, maxGrowth) }
  const decide: Kernel["decide"] = (state, command) => {
    switch (command._tag) {
      case "Start":
        return Result.map(base.decide(startState(rules, state, command), command), (drafts) =>
          rules.losersCancelled ? drafts : drafts.filter((draft) => !isNotNeeded(draft))
        )
      case "Finish":
        return Result.map(
          base.decide(grownState(rules, state, maxGrowth), command),
          rules.retryTakesChildren ? same : left
        )
      case "Answer":
        return answer(base, rules, state, command)
      default:
        return base.decide(state, command)
    }
  }
  return {
    apply: (state, event) => {
      const after = base.apply(state, event)
      return rules.completedCounts || !ExecutionEvent.isTerminal(event) || !("taskId" in event)
        ? after
        : counted(after, event.taskId)
    },
    decide: (state, command) => {
      const decided = decide(state, command)
      return rules.closesRecorded ? decided : Result.map(decided, (drafts) => drafts.map(unclosing))
    }
  }
}

const same = (drafts: Drafts): Drafts => drafts

const isNotNeeded = (draft: ExecutionEvent.Draft): boolean =>
  draft.type === "TaskCancelled" && draft.reason === "not-needed"

const unclosing = (draft: ExecutionEvent.Draft): ExecutionEvent.Draft => {
  if (!("closes" in draft)) return draft
  const { closes: _, ...rest } = draft
  return rest
}

/** A new attempt abandons the work that the previous one began. */
const left = (drafts: Drafts): Drafts =>
  drafts
    .filter((draft) => !isNotNeeded(draft))
    .map((draft) => (draft.type === "TaskRetried" ? unclosing(draft) : draft))

const startState = (rules: Rules, state: Execution.Execution, command: Command<"Start">): Execution.Execution => {
  const task = Execution.task(state, command.taskId)
  if (task?.status !== "suspended") return state
  let seen = state
  if (!rules.ownDeadlines && command.timedOut !== undefined) {
    for (const id of task.open) {
      const open = Execution.openOf(state, id)
      if (open !== undefined) seen = { ...seen, open: HashMap.set(seen.open, id, { ...open, dueAt: 0 }) }
    }
  }
  return seen
}

/** A task that was spawned counts as completed, however it has ended. */
const counted = (state: Execution.Execution, id: string): Execution.Execution => {
  const task = Execution.task(state, id)
  return task?.parent === undefined
    ? state
    : { ...state, tasks: HashMap.set(state.tasks, id, { ...task, status: "completed" }) }
}

/** As if the execution had grown so far that only `maxGrowth` tasks are left. */
const grownState = (rules: Rules, state: Execution.Execution, maxGrowth: number): Execution.Execution => ({
  ...state,
  grown: rules.growthCap ? state.grown + Growth.maxGrowth - maxGrowth : 0
})

const answer = (base: Kernel, rules: Rules, state: Execution.Execution, command: Command<"Answer">): Decided => {
  const { answer, ask: id, by } = command
  const ask = Execution.openOf(state, id)
  if (!rules.askStaysOpen && ask !== undefined && Execution.task(state, ask.taskId)?.status !== "suspended")
    return Result.fail("ask-closed")
  const { hash = "", ...said } = answer
  if (!rules.answerWhileOpen && HashMap.has(state.closed, id))
    return Result.succeed([{ type: "AskAnswered", ask: id, taskId: placeOf(id).taskId, ...said, hash, by }])
  if (!rules.raiseInAnswer)
    return Result.map(base.decide(state, command), (drafts) => drafts.filter(({ type }) => type !== "LimitRaised"))
  if (rules.answerHash) return base.decide(state, command)
  return Result.map(base.decide(state, { ...command, answer: said }), (drafts) =>
    drafts.map((draft) => (draft.type === "AskAnswered" ? { ...draft, hash } : draft))
  )
}
