/**
 * Model calls that limits may refuse: each is counted in all of a task's limits or in none. Also
 * the behaviour of a refused task.
 */
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Limits from "../../src/Limits.ts"
import { type Act, failed, type Leg, type Step } from "./Leg.ts"
import { ask } from "./Needs.ts"
import * as Suspension from "./Suspension.ts"

/** Calls that were made, by the key of the limits that they count for. */
export class Budget {
  private readonly made = new Map<string, number>()

  /** The limit that refuses the call; `undefined`: it is made. */
  reserve(limits: ReadonlyArray<Limits.Scoped>): Limits.Scoped | undefined {
    const refusing = limits.find(
      ({ key, requests = Number.POSITIVE_INFINITY }) => (this.made.get(key) ?? 0) >= requests
    )
    if (refusing === undefined) for (const { key } of limits) this.made.set(key, (this.made.get(key) ?? 0) + 1)
    return refusing
  }
}

/** `paid`, or the end of a leg whose next call a limit has refused. */
export function* pay(leg: Leg): Act<Step | "paid"> {
  const { budget, eye } = leg.world
  const limits = limitsOf(leg)
  if (limits.length === 0) return "paid"
  const refusing = budget.reserve(limits)
  if (refusing !== undefined) return yield* refused(leg, refusing)
  eye.paid(
    leg.taskId,
    limits.map(({ name }) => name!)
  )
  return "paid"
}

const limitsOf = (leg: Leg): ReadonlyArray<Limits.Scoped> => {
  const { rules, state, task, taskId } = leg
  const limits = Execution.scopedOf(state, task) ?? []
  // Without the rule only its own limits bind a task.
  if (!rules.subtreeBudget) return limits.filter(({ name, scope }) => scope !== "task" || name === `task/${taskId}`)
  if (rules.officeApart || task.plan.office === undefined || task.parent === undefined) return limits
  // Without the rule it is charged to whom it serves.
  const served = Execution.scopedOf(state, Execution.task(state, task.parent)!) ?? []
  return [...limits, ...served.filter(({ name }) => limits.every((own) => own.name !== name))]
}

const noticed = ({ history, run, taskId }: Leg, scope: string): ExecutionEvent.Draft => ({
  type: "ModelNoticed",
  taskId,
  run,
  turn: history.turns.length + 1,
  notice: { kind: "budget-refused", model: "scripted/model", message: "", scope }
})

function* refused(leg: Leg, limit: Limits.Scoped): Act<Step> {
  const { rules, taskId } = leg
  const scope = limit.name!
  const shared = `budget/${scope}/${limit.raises ?? 0}`
  const id = rules.sharedBudgetAsk ? shared : `${shared}/${taskId}`
  const standing = leg.askOf(id)
  if (standing === "deny" || standing === "closed") {
    leg.world.eye.refusedCall(taskId, scope)
    return yield* leg.end(failed("model-budget-exceeded"), [noticed(leg, scope)])
  }
  // Without the rule who is woken raises the limit.
  if (standing === "raise" && !rules.raiseInAnswer) {
    const events = leg.world.log.store.read(0, leg.state.lastSeq)
    const answer = events.find((event) => event.type === "AskAnswered" && event.ask === id)
    const limits = answer?.type === "AskAnswered" ? answer.limits! : {}
    if (!(yield* leg.record([{ type: "LimitRaised", scope, limits, ask: id }]))) return "over"
    yield
    return yield* leg.end({ _tag: "Released" })
  }
  const group = { tasks: [], signals: [id], need: "all" } as const
  const asks = standing === "unknown" ? { asks: [ask(id, { kind: "budget", scope, shown: { scope } })] } : {}
  const what = { kind: "budget", turn: 0, scope } as const
  return yield* leg.end(Suspension.make(rules, what, [{ group, ...asks }], leg.remainingMillis))
}
