/**
 * Whether an answer or a signal is accepted: the first one, as long as a task may be waiting for
 * it.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Result from "effect/Result"
import * as Ask from "../Ask.ts"
import * as Execution from "../Execution.ts"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import type { Command, Decided } from "./Command.ts"

/** A signal may come before anybody waits for it, but only one that a task declares. */
export const signal = (
  state: Execution.Execution,
  { signal, value }: Extract<Command, { _tag: "Signal" }>
): Decided => {
  if (HashSet.has(state.signals, signal)) return Result.fail("already")
  if (!isDeclared(state, signal)) return Result.fail("unknown-signal")
  return Result.succeed([{ type: "SignalReceived", signal, value }])
}

const isDeclared = ({ plan, tasks }: Execution.Execution, signal: string): boolean => {
  const declares = ({ signals = [] }: { readonly signals?: ReadonlyArray<string> }) => signals.includes(signal)
  if (plan.tasks.some(declares)) return true
  return HashMap.size(tasks) > plan.tasks.length && HashMap.some(tasks, (task) => declares(task.plan))
}

/**
 * An ask is open until it is answered or closed: also while its task runs between two waits, after
 * its deadline, and in a pause.
 */
export const answer = (state: Execution.Execution, command: Extract<Command, { _tag: "Answer" }>): Decided => {
  const { answer, ask: id, by } = command
  const ask = Execution.openOf(state, id)
  if (ask === undefined || ask.kind === "timer")
    return Result.fail(ask === undefined && HashMap.has(state.closed, id) ? "ask-closed" : "unknown-ask")
  const { hash = ask.hash, ...said } = answer
  if (hash !== ask.hash) return Result.fail("hash-mismatch")
  const possible: ReadonlyArray<string> = Ask.answers[ask.kind]
  if (!possible.includes(said.answer) || Ask.missingPart(answer) !== undefined) return Result.fail("wrong-answer")
  const answered = { type: "AskAnswered", ask: id, taskId: ask.taskId, ...said, hash, by } as const
  return Result.succeed(said.answer === "raise" ? [answered, raised(state, ask.scope!, id, said.limits)] : [answered])
}

/** What the answer does not name stays as it is. */
const raised = (
  state: Execution.Execution,
  scope: string,
  ask: string,
  limits: Ask.Answer["limits"]
): ExecutionEvent.LimitRaised => {
  const { onExceeded: _, ...before } = Execution.limitsOf(state, scope) ?? {}
  return { type: "LimitRaised", scope, limits: { ...before, ...limits }, ask }
}
