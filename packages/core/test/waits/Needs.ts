/**
 * Conditions that a call of a modelled agent waits for before its tool runs: approval, an answer,
 * tasks that it adds, a signal, time.
 */
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import type * as Ask from "../../src/Ask.ts"
import * as Execution from "../../src/Execution.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Wait from "../../src/Wait.ts"
import { baseOf, type Call, keyOf, type Need, type Place, type Result } from "./Call.ts"
import * as Crew from "./Crew.ts"
import type { Leg } from "./Leg.ts"
import type { Want } from "./Suspension.ts"

/** The next step for a call: `Make` with its arguments and the results of its wait. */
export type Standing =
  | { readonly _tag: "Make"; readonly amount: number; readonly of: { readonly [id: string]: string } }
  | { readonly _tag: "Refused"; readonly result: Result }
  | { readonly _tag: "Wait"; readonly want: Want }

const refused = (kind: "denied" | "silence" | "interrupted" | "refused"): Standing => ({
  _tag: "Refused",
  result: { kind }
})
const waiting = (want: Want): Standing => ({ _tag: "Wait", want })

/** Where a call of the last turn stands. */
export const of = (leg: Leg, place: Place, call: Call): Standing => {
  const { history } = leg
  if (!call.idempotent && history.started.has(keyOf(place.turn, place.index))) return refused("interrupted")
  const approval = approvalOf(leg, place, call)
  if (approval._tag !== "Make" || call.need === undefined) return approval
  const base = baseOf(place)
  const group = history.groups
    .get(keyOf(place.turn, place.index))
    ?.find((each) => !(each.tasks.length === 0 && each.signals[0] === base))
  const { amount } = approval
  const known = { ...call, amount }
  if (group === undefined) return begin(leg, place, known, call.need)
  const standing = standingOf(leg, known, group)
  if (standing._tag !== "Wait") return standing
  const anew = begin(leg, place, known, call.need)
  return anew._tag === "Wait" ? waiting(repeated(leg, { ...anew.want, group })) : standing
}

/** A repeated leg may send again what the log already has: the log is unchanged. */
const repeated = (leg: Leg, { group, ...rest }: Want): Want => (leg.random.chance(0.2) ? { group, ...rest } : { group })

const approvalOf = (leg: Leg, { index, ...rest }: Place, call: Call): Standing => {
  const { amount, approval } = call
  const allowed: Standing = { _tag: "Make", amount, of: {} }
  if (approval === undefined) return allowed
  const id = baseOf({ ...rest, index })
  if (!leg.rules.approvalBinds && isApproved(leg, call.tool)) return allowed
  const group: Wait.Group = { call: `${index}`, tasks: [], signals: [id], need: "all" }
  const shown = { tool: call.tool, arguments: { amount } }
  const want = { group, asks: [ask(id, { kind: "approval", call: `${index}`, tool: call.tool, shown }, approval)] }
  switch (leg.askOf(id)) {
    case "unknown":
      return HashSet.has(leg.state.approved, call.tool) ? allowed : waiting(want)
    case "open":
      return waiting(repeated(leg, want))
    case "approve":
      return allowed
    case "edit":
      return { ...allowed, amount: leg.history.answers.get(id)!.arguments!["amount"] as number }
    case "deny":
      return refused("denied")
    default:
      return refused("silence")
  }
}

/** Without the rule any call of a tool is allowed once one of them was. */
const isApproved = ({ history }: Leg, tool: string): boolean =>
  [...history.answers.values()].some(({ answer, ask }) => answer === "approve" && history.asks.get(ask)?.tool === tool)

/** The hash is only compared, so that it need not be one. */
export const hashOf = (shown: Ask.Ask["shown"]): string => JSON.stringify(shown)

export const ask = (
  id: string,
  what: Pick<Ask.Ask, "kind" | "shown"> & Partial<Ask.Ask>,
  { deadline }: { readonly deadline?: number } = {}
): Ask.Ask => ({
  id,
  title: id,
  hash: hashOf(what.shown),
  onSilence: "deny",
  answerableBy: [],
  ...what,
  ...(deadline === undefined ? {} : { deadlineMillis: deadline })
})

/** The wait begins. */
const begin = (leg: Leg, place: Place, call: Call, need: Need): Standing => {
  const base = baseOf(place)
  const group = { call: `${place.index}`, tasks: [], signals: [], need: "all" as const }
  const timed = (timer: number | undefined) =>
    timer === undefined ? {} : { timers: [{ id: `${base}.timer`, millis: timer }] }
  const bound = (timer: number | undefined) => (timer === undefined ? {} : { timer: `${base}.timer` })
  switch (need.kind) {
    case "question": {
      const id = `${base}.question`
      const what = { kind: "question", call: `${place.index}`, shown: { question: base } } as const
      const silence = need.reply ? ({ onSilence: "reply", reply: "silence" } as const) : {}
      return waiting({ group: { ...group, signals: [id] }, asks: [ask(id, { ...what, ...silence }, need)] })
    }
    case "tasks": {
      const { count, keep, timer } = need
      if (!mayAdd(leg, count)) return refused("refused")
      const spawn = Crew.spawned({ seed: leg.world.seed, options: leg.world.crew.options }, base, need)
      const tasks = spawn.map(({ id }: Plan.PlannedTask) => id)
      const rest = keep ? { rest: "keep" as const } : {}
      return waiting({ group: { ...group, tasks, need: need.need, ...rest, ...bound(timer) }, spawn, ...timed(timer) })
    }
    case "signal": {
      const { signal, timer } = need
      if (leg.task.plan.signals?.includes(signal) !== true) return refused("refused")
      if (HashSet.has(leg.state.signals, signal)) return { _tag: "Make", amount: call.amount, of: { [signal]: "come" } }
      return waiting({ group: { ...group, signals: [signal], ...bound(timer) }, ...timed(timer) })
    }
    case "time":
      return waiting({ group: { ...group, ...bound(need.timer) }, ...timed(need.timer) })
    case "collect":
      return waiting({ group: { ...group, tasks: need.tasks } })
  }
}

const mayAdd = (leg: Leg, count: number): boolean => {
  if (leg.isFull || depthOf(leg.state, leg.taskId) >= leg.world.crew.options.maxDepth) return false
  const children = Option.getOrElse(HashMap.get(leg.state.children, leg.taskId), (): ReadonlyArray<string> => [])
  return children.length + count <= Crew.maxChildren
}

const depthOf = (state: Execution.Execution, id: string): number => {
  const { parent } = Execution.task(state, id)!
  return parent === undefined ? 0 : depthOf(state, parent) + 1
}

/** A wait that is in the log: its outcome, or the same wait again. */
const standingOf = (leg: Leg, { amount }: Call, group: Wait.Group): Standing => {
  const { standings } = leg
  if (!Wait.isMet(group, standings)) return waiting({ group })
  const of: Record<string, string> = {}
  for (const id of group.tasks) of[id] = leg.outcomeOf(id)
  for (const id of group.signals) {
    const isAsk = id.includes("/")
    const standing = isAsk ? leg.askOf(id) : standings.ofSignal(id)
    if (standing === "deny") return refused("denied")
    if (standing === "closed" && leg.history.asks.get(id)?.reply === undefined) return refused("silence")
    of[id] = standing
  }
  return { _tag: "Make", amount, of }
}
