/** No scope ever exceeds its limit; only answers raise limits, each of them once. */
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import { Violation } from "../Violation.ts"
import type { Account } from "./Account.ts"
import { describe } from "./Describe.ts"

export class Budgets {
  private readonly account: Account
  private readonly made = new Map<string, number>()
  private readonly raised = new Map<string, number>()
  private readonly raises = new Set<string>()

  constructor(account: Account) {
    this.account = account
  }

  /** A call of the model is made; `charged`: the scopes whose limits it was counted in. */
  paid(taskId: string, charged: ReadonlyArray<string>): void {
    const scopes = this.scopesOf(taskId)
    const extra = charged.find((scope) => !scopes.has(scope))
    if (extra !== undefined) throw new Violation("office charged to the task", `${taskId} counts for ${extra}`)
    for (const [scope, declared] of scopes) {
      const times = (this.made.get(scope) ?? 0) + 1
      this.made.set(scope, times)
      const limit = this.raised.get(scope) ?? declared
      if (times > limit) throw new Violation("over budget", `${taskId}: call ${times} of ${limit} of ${scope}`)
    }
  }

  raise(event: ExecutionEvent.LimitRaised & ExecutionEvent.Stamp): void {
    const { ask, limits, scope } = event
    if (this.account.stateOf(ask) !== "raise" || this.raises.has(ask))
      throw new Violation("raised twice", describe(event))
    this.raises.add(ask)
    this.raised.set(scope, limits.requests!)
  }

  /** A person is asked to raise the limit. */
  asked({ asks = [] }: ExecutionEvent.TaskSuspended): void {
    for (const { id, kind, scope } of asks) {
      if (kind !== "budget") continue
      for (const other of this.account.opens.values())
        if (other.ask?.kind === "budget" && other.ask.scope === scope && other.state === "open" && other.id !== id)
          throw new Violation("asked twice", `${other.id}, then ${id}`)
    }
  }

  failed(event: ExecutionEvent.TaskFailed & ExecutionEvent.Stamp): void {
    if (event.error.code !== "model-budget-exceeded") return
    const scopes = this.scopesOf(event.taskId)
    const isDenied = [...this.account.opens.values()].some(
      ({ ask, state }) => ask?.kind === "budget" && state === "deny" && scopes.has(ask.scope!)
    )
    if (!isDenied) throw new Violation("refused unjustly", describe(event))
  }

  /** Limits by the scopes that a task pays for, up to those of the whole execution. */
  private scopesOf(taskId: string): ReadonlyMap<string, number> {
    const { crew, tasks } = this.account
    const scopes = new Map<string, number>()
    for (let task = tasks.get(taskId); task !== undefined; task = tasks.get(task.parent ?? "")) {
      if (task.plan.limits !== undefined) scopes.set(`task/${task.id}`, task.plan.limits.requests!)
      if (task.plan.office !== undefined) break
    }
    if (crew.plan.limits !== undefined) scopes.set("execution", crew.plan.limits.requests!)
    return scopes
  }
}
