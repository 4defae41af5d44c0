/**
 * Every call has one result, from the outcome of its wait; it is made only with approval, and no
 * more often than allowed.
 */
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { type Call, isResult, keyOf, type Place, type Result } from "../Call.ts"
import { Violation } from "../Violation.ts"
import type { Account, Task } from "./Account.ts"
import { describe } from "./Describe.ts"
import * as Recoveries from "./Recoveries.ts"

/** A tool begins to work for a call. */
export interface Execution {
  readonly place: Place
  readonly conversation: number
  readonly call: Call
  readonly amount: number
  readonly idempotencyKey: string
}

export const called = (account: Account, task: Task, event: ExecutionEvent.ToolCalled): void => {
  const what = describe(event)
  const index = Number(event.callId)
  const key = keyOf(event.turn, index)
  if (task.results.has(key)) throw new Violation("result twice", what)
  const { result } = event
  if (!isResult(result) || result.kind !== "interrupted") Recoveries.checkDone(task, what)
  const call = account.callsOf(task)[index]
  if (event.turn !== task.turns.length || call === undefined || !isResult(result))
    throw new Violation("never asked", what)
  checkAnswers(account, task, { call, index }, result, what)
  if (result.kind === "done") checkStates(account, result.of, what)
  task.results.add(key)
}

const checkAnswers = (
  account: Account,
  task: Task,
  { call, index }: { readonly call: Call; readonly index: number },
  { kind }: Result,
  what: string
): void => {
  if (kind === "interrupted" || kind === "refused") return
  const asked = task.asked.get(keyOf(task.turns.length, index))
  const approval = account.stateOf(asked?.approval)
  if (call.approval !== undefined) {
    if (approval === "open") throw new Violation("result too early", what)
    if (approval === "unknown" && !account.approved.has(call.tool)) throw new Violation("never asked", what)
    if (approval === "closed" && kind !== "silence") throw new Violation("answer invented", what)
    if (approval === "closed" || approval === "deny") {
      if (approval === "deny" && kind !== "denied") throw new Violation("answer ignored", what)
      return
    }
  }
  const { need } = call
  if (need === undefined) {
    if (kind !== "done") throw new Violation("answer ignored", what)
    return
  }
  // A signal may have been there before anybody waited for it.
  if (need.kind === "signal" && account.signals.has(need.signal)) return
  if (asked?.begun !== true) throw new Violation("never asked", what)
  if (!account.isMet(task, { call, index })) throw new Violation("result too early", what)
  if (need.kind !== "question") return
  const expected = { reply: "done", deny: "denied", closed: need.reply ? "done" : "silence" } as const
  const state = account.stateOf(asked.question) as keyof typeof expected
  if (expected[state] !== kind)
    throw new Violation(state === "closed" ? "answer invented" : "answer ignored", `${what} after ${state}`)
}

/** Ended tasks stay as they are; tasks that were open then may have ended since. */
const checkStates = (account: Account, of: { readonly [id: string]: string }, what: string): void => {
  for (const [id, state] of Object.entries(of)) {
    const task = account.tasks.get(id)
    if (task !== undefined && state !== "open" && state !== task.status)
      throw new Violation("answer invented", `${what}: ${id} is ${task.status}`)
  }
}

/** The next turn follows on the results of all calls. */
export const checkResults = (account: Account, task: Task, event: ExecutionEvent.TurnCompleted): void => {
  const [pending] = account.pendingOf(task)
  if (pending !== undefined) throw new Violation("turn before its results", `${describe(event)} call ${pending.index}`)
}

/** Executions of tools. */
export class Tools {
  private readonly made = new Map<string, Execution>()
  private readonly approvals = new Map<string, Set<string>>()
  private readonly account: Account

  constructor(account: Account) {
    this.account = account
  }

  execute(execution: Execution): void {
    const { amount, call, conversation, idempotencyKey, place } = execution
    const name = `${place.taskId} ${conversation} ${keyOf(place.turn, place.index)}`
    Recoveries.checkDone(this.account.tasks.get(place.taskId)!, name)
    const before = this.made.get(name)
    this.made.set(name, execution)
    if (before !== undefined && !call.idempotent) throw new Violation("tool called twice", name)
    if (before !== undefined && (before.idempotencyKey !== idempotencyKey || before.amount !== amount))
      throw new Violation("called differently", name)
    if (call.approval !== undefined) this.approved(name, execution)
  }

  private approved(name: string, { amount, call, idempotencyKey, place }: Execution): void {
    const { account } = this
    // The id of the ask is the base of the call, which no other call has.
    const ask = account.opens.get(idempotencyKey)
    const allowed = ask?.state === "approve" ? call.amount : ask?.state === "edit" ? ask.amount : undefined
    if (ask === undefined ? !account.approved.has(call.tool) : allowed !== amount)
      throw new Violation("not approved", `${name} with ${amount}: ${ask?.state ?? "not asked"}`)
    if (account.approved.has(call.tool)) return
    const made = this.approvals.get(place.taskId) ?? new Set()
    this.approvals.set(place.taskId, made.add(name))
    const given = [...account.opens.values()].filter(
      ({ ask: each, state, taskId }) =>
        taskId === place.taskId && each?.kind === "approval" && (state === "approve" || state === "edit")
    )
    if (made.size > given.length) throw new Violation("more calls than approvals", name)
  }
}
