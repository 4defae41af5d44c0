/** What a call waits for before its tool works: an answer, tasks that it adds, a signal, time. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import type * as EventLog from "../EventLog.ts"
import { Delegation } from "../Manager.ts"
import * as Plan from "../Plan.ts"
import type { Met, Need as Needed, Tool, ToolContext } from "../Tool/Definition.ts"
import * as Wait from "../Wait.ts"
import type { Equipment } from "./Equipment.ts"
import * as Prompting from "./Prompting.ts"
import type { Want } from "./Suspension.ts"

/** `Met` with what has come; without, the tool waits for nothing. */
export type Need =
  | { readonly _tag: "Met"; readonly met?: Met }
  | { readonly _tag: "Refused"; readonly reason: string }
  | { readonly _tag: "Waiting"; readonly want: Want }

export interface Options {
  /** What ids of asks, timers and tasks begin with. */
  readonly base: string
  readonly tool: Tool
  readonly args: Schema.JsonObject
  readonly context: ToolContext
  /** Tasks that other calls of the turn add. */
  readonly adding: number
  /** What the log has of the wait. */
  readonly group: Wait.Group | undefined
}

/** How many tasks one task may spawn. */
const maxChildren = 20

const refused = (reason: string): Need => ({ _tag: "Refused", reason })
const waiting = (want: Want): Need => ({ _tag: "Waiting", want })
const come = (met: Met): Need => ({ _tag: "Met", met })

const questionId = (base: string): string => `${base}.question`
const timerId = (base: string): string => `${base}.timer`

export const of = Effect.fnUntraced(function* (
  equipment: Equipment,
  options: Options
): Effect.fn.Return<Need, EventLog.EventLogError> {
  const { args, context, group, tool } = options
  if (tool.need === undefined) return { _tag: "Met" }
  if (group !== undefined) return yield* standingOf(equipment, options, group)
  const needed = yield* Effect.result(tool.need(args, context))
  if (Result.isFailure(needed)) return refused(needed.failure.message)
  return yield* begin(equipment, options, needed.success)
})

/** The wait begins. */
const begin = Effect.fnUntraced(function* (
  { leg }: Equipment,
  { adding, base, context: { callId: call }, tool }: Options,
  need: Needed
): Effect.fn.Return<Need, EventLog.EventLogError> {
  const timed = (millis: number | undefined) =>
    millis === undefined ? undefined : { group: { timer: timerId(base) }, timers: [{ id: timerId(base), millis }] }
  switch (need._tag) {
    case "Question": {
      const { default: reply, question, schema, timeoutMillis } = need
      const shown = { task: leg.task.title ?? leg.task.id, agent: leg.task.agent, question }
      const ask: Ask.Ask = {
        id: questionId(base),
        kind: "question",
        call,
        tool: tool.name,
        title: Ask.titleOf(question),
        shown,
        hash: yield* Ask.hashOf(shown),
        schema,
        ...(timeoutMillis === undefined ? {} : { deadlineMillis: timeoutMillis }),
        onSilence: reply === undefined ? "deny" : "reply",
        ...(reply === undefined ? {} : { reply }),
        answerableBy: Ask.defaultAnswerers
      }
      return waiting({ group: { call, tasks: [], signals: [ask.id], need: "all" }, asks: [ask] })
    }
    case "Tasks": {
      const names = Object.keys(need.tasks)
      const { children, depth, isFull } = leg.standing
      const maxDepth = Delegation.maxDepth(leg.plan)
      if (depth >= maxDepth) return refused(Prompting.tooDeep(maxDepth))
      if (isFull) return refused(Prompting.full)
      if (children + adding + names.length > maxChildren) return refused(Prompting.tooMany(maxChildren))
      const spawned = Plan.spawn({ plan: leg.plan, parent: leg.task, prefix: base, tasks: need.tasks })
      if (Result.isFailure(spawned)) return refused(spawned.failure)
      const timer = timed(need.timeoutMillis)
      const { checked } = need
      return waiting({
        group: {
          call,
          tasks: spawned.success.map(({ id }) => id),
          signals: [],
          need: need.need,
          ...(need.rest === undefined ? {} : { rest: need.rest }),
          ...timer?.group
        },
        spawn: checked === true ? spawned.success.map((task) => ({ ...task, checked })) : spawned.success,
        ...(timer === undefined ? {} : { timers: timer.timers })
      })
    }
    case "Signal": {
      const { signal, timeoutMillis } = need
      if (leg.task.signals?.includes(signal) !== true) return refused(Prompting.undeclaredSignal(signal))
      const value = yield* leg.standing.signal(signal)
      if (value !== undefined) return come({ _tag: "Signal", value })
      const timer = timed(timeoutMillis)
      return waiting({
        group: { call, tasks: [], signals: [signal], need: "all", ...timer?.group },
        ...(timer === undefined ? {} : { timers: timer.timers })
      })
    }
    case "Time": {
      const { group, timers } = timed(need.millis)!
      return waiting({ group: { call, tasks: [], signals: [], need: "all", ...group }, timers })
    }
  }
})

/** A wait that the log has: what it came to, or the same wait again. */
const standingOf = Effect.fnUntraced(function* (
  { leg }: Equipment,
  { base }: Options,
  group: Wait.Group
): Effect.fn.Return<Need, EventLog.EventLogError> {
  const { history, standing } = leg
  if (!Wait.isMet(group, standing)) return waiting({ group })
  if (group.tasks.length > 0) {
    const results = yield* standing.results(group.tasks)
    const nameOf = (id: string) => id.slice(base.length + 1)
    return come({
      _tag: "Tasks",
      tasks: Object.fromEntries(group.tasks.map((id) => [nameOf(id), results.get(id) ?? { status: "running" }]))
    })
  }
  const [signal] = group.signals
  if (signal === undefined) return come({ _tag: "Time" })
  if (signal !== questionId(base)) {
    const value = yield* standing.signal(signal)
    return come({ _tag: "Signal", ...(value === undefined ? {} : { value }) })
  }
  const answer = history.answers.get(signal)
  switch (standing.askOf(signal)) {
    case "reply":
      return come({ _tag: "Answer", value: answer?.value ?? null })
    case "deny":
      return refused(Prompting.noAnswer(answer?.reason))
    default: {
      const reply = history.defaults.get(signal)
      return reply === undefined ? refused(Prompting.unanswered) : come({ _tag: "Answer", value: reply })
    }
  }
})
