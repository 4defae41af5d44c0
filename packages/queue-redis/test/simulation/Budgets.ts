/**
 * The witness's check of an execution's limits, with a separate account: no scope ever exceeds its
 * limit, each has at most one open ask and is raised only by answers, no task fails at a limit
 * unless a raise was denied, and the spending in the fold is correct.
 */
import * as Execution from "@crewline/core/Execution"
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Limits from "@crewline/core/Limits"
import type * as Plan from "@crewline/core/Plan"
import type { Kind } from "../../../core/test/simulation/Witness.ts"

export type Violate = (kind: Kind, detail: string) => Error

export class Budgets {
  private readonly violate: Violate
  private readonly overdrawn: () => number
  private readonly tasks = new Map<string, { readonly plan: Plan.PlannedTask; readonly parent: string | undefined }>()
  private readonly limits = new Map<string, Limits.Declared>()
  private readonly made = new Map<string, number>()
  private readonly recorded = new Map<string, number>()
  /** Asks that are open, and how they were answered, by id. */
  private readonly asks = new Map<string, { readonly scope: string; answer: string | undefined }>()
  private readonly events: Array<ExecutionEvent.ExecutionEvent> = []

  /** `overdrawn`: calls that the store of budgets has forgotten. */
  constructor(violate: Violate, overdrawn: () => number) {
    this.violate = violate
    this.overdrawn = overdrawn
  }

  commit(events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): void {
    for (const [at, event] of events.entries()) {
      this.events.push(event)
      this.event(event, events[at - 1])
    }
  }

  /** A model is called. */
  call(taskId: string): void {
    for (const scope of this.scopesOf(taskId)) {
      const times = (this.made.get(scope) ?? 0) + 1
      this.made.set(scope, times)
      const { requests = Number.POSITIVE_INFINITY } = this.limits.get(scope)!
      if (times > requests + this.overdrawn())
        throw this.violate("over the budget", `${taskId}: call ${times} of ${requests} of ${scope}`)
    }
  }

  /** The fold has counted the calls in the log. */
  check(): void {
    if (this.limits.size === 0) return
    const state = Execution.fromEvents(this.events)!
    for (const scope of this.limits.keys()) {
      const spent = Execution.spentOf(state, scope).requests
      const recorded = this.recorded.get(scope) ?? 0
      if (spent !== recorded) throw this.violate("spent differs", `${scope}: ${spent}, not ${recorded}`)
    }
  }

  private event(event: ExecutionEvent.ExecutionEvent, before: ExecutionEvent.ExecutionEvent | undefined): void {
    switch (event.type) {
      case "ExecutionStarted": {
        const { agents, limits, tasks } = event.plan
        if (limits !== undefined) this.limits.set("execution", limits)
        for (const [name, agent] of Object.entries(agents))
          if (agent.limits !== undefined) this.limits.set(`agent/${name}`, agent.limits)
        for (const plan of tasks) this.add(plan, undefined)
        return
      }
      case "TaskSuspended":
        for (const plan of event.spawn) this.add(plan, event.taskId)
        for (const { id, kind, scope } of event.asks ?? []) if (kind === "budget") this.asked(id, scope!)
        return
      case "AskAnswered": {
        const ask = this.asks.get(event.ask)
        if (ask !== undefined) ask.answer = event.answer
        return
      }
      case "LimitRaised":
        if (before?.type !== "AskAnswered" || before.ask !== event.ask || before.answer !== "raise")
          throw this.violate("raised unasked", `${event.scope} by ${event.ask}`)
        this.limits.set(event.scope, { ...this.limits.get(event.scope), ...event.limits })
        return
      case "TurnCompleted":
        for (const scope of this.scopesOf(event.taskId)) this.recorded.set(scope, (this.recorded.get(scope) ?? 0) + 1)
        return
      case "TaskFailed":
        if (event.error.code === "model-budget-exceeded" && !this.isDenied(event.taskId))
          throw this.violate("refused unjustly", event.taskId)
    }
  }

  private asked(id: string, scope: string): void {
    // The one who asks may have begun before others did.
    if (this.asks.has(id)) return
    for (const [other, { answer, scope: of }] of this.asks)
      if (of === scope && answer === undefined) throw this.violate("asked twice", `${id}, while ${other} is open`)
    this.asks.set(id, { scope, answer: undefined })
  }

  private isDenied(taskId: string): boolean {
    const scopes = new Set(this.scopesOf(taskId))
    for (const scope of scopes) if (this.limits.get(scope)!.onExceeded !== "ask") return true
    return [...this.asks.values()].some(({ answer, scope }) => answer === "deny" && scopes.has(scope))
  }

  private add(plan: Plan.PlannedTask, parent: string | undefined): void {
    if (this.tasks.has(plan.id)) return
    this.tasks.set(plan.id, { plan, parent })
    if (plan.limits !== undefined) this.limits.set(`task/${plan.id}`, plan.limits)
  }

  /** The scopes with limits that a task pays for. */
  private scopesOf(taskId: string): ReadonlyArray<string> {
    const scopes = ["execution", `agent/${this.tasks.get(taskId)!.plan.agent}`]
    for (let id: string | undefined = taskId; id !== undefined; id = this.tasks.get(id)!.parent)
      scopes.push(`task/${id}`)
    return scopes.filter((scope) => this.limits.has(scope))
  }
}
