/**
 * Model calls that a limit has refused: the task fails, or waits until a person raises the limit,
 * or the agent finishes with what it has.
 *
 * All who are refused by one limit share one ask, known by its scope and by how often the limit was
 * raised. What is recorded stays, and the call is made again by the leg that the answer wakes. Once
 * more was denied, nobody is asked for that limit again.
 */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Ask from "../Ask.ts"
import type * as EventLog from "../EventLog.ts"
import type { Draft } from "../ExecutionEvent.ts"
import type * as Limits from "../Limits.ts"
import type * as Llm from "../Llm.ts"
import { modelFailed, type Ended, type Leg } from "./Leg.ts"
import * as Suspension from "./Suspension.ts"

/**
 * The limit that has refused a call; `undefined`: something else went wrong, or the limit is not
 * the execution's own.
 */
const refusing = ({ limits }: Leg, { reason }: Llm.LlmError): [Limits.Scoped, Limits.Exceeded] | undefined => {
  const exceeded = reason._tag === "BudgetExceeded" ? reason.exceeded : undefined
  const limit = exceeded?.name === undefined ? undefined : limits?.find(({ name }) => name === exceeded.name)
  return limit === undefined ? undefined : [limit, exceeded!]
}

/** True when the agent may finish with what it has. */
export const finishes = (leg: Leg, error: Llm.LlmError): boolean => refusing(leg, error)?.[0].onExceeded === "finish"

/** The end of a leg that got no answer from a model. */
export const ended = (
  leg: Leg,
  error: Llm.LlmError,
  options: { readonly code?: string; readonly message?: string; readonly progress?: ReadonlyArray<Draft> }
): Effect.Effect<Ended, EventLog.EventLogError> => {
  const found = refusing(leg, error)
  if (found?.[0].onExceeded !== "ask") return Effect.succeed(modelFailed(error, { ...options, retry: leg.task.retry }))
  const [limit, exceeded] = found
  const id = Ask.idOfLimit(limit.name!, limit.raises ?? 0)
  const suspended = (asks?: ReadonlyArray<Ask.Ask>): Ended =>
    Suspension.make(
      leg,
      { kind: "budget", turn: 0, scope: limit.name! },
      [{ group: { tasks: [], signals: [id], need: "all" }, ...(asks === undefined ? {} : { asks }) }],
      options.progress ?? []
    )
  switch (leg.standing.askOf(id)) {
    case "unknown":
      return Effect.map(askOf(id, limit, exceeded), (ask) => suspended([ask]))
    // It was raised since the leg began, which knows only the limit before.
    case "raise":
    case "open":
      return Effect.succeed(suspended())
    case "deny":
      return Effect.map(leg.standing.answer(id), (denial) => {
        const message = `${options.message ?? error.message} ${deniedBy(denial)}`
        return modelFailed(error, { ...options, message })
      })
    default:
      return Effect.succeed(modelFailed(error, options))
  }
}

const deniedBy = (denial: EventLog.RecordedAsk | undefined): string => {
  const reason = denial?.answer?.reason
  return `${denial?.answeredBy?.name ?? "A person"} denied more${reason === undefined ? "." : `: ${reason}`}`
}

const askOf = (id: string, limit: Limits.Scoped, exceeded: Limits.Exceeded) => {
  const { dimension, estimate, spent } = exceeded
  const scope = limit.name!
  const limits = Object.fromEntries(
    dimensions.flatMap((each) => (limit[each] === undefined ? [] : [[each, limit[each]]]))
  )
  const shown = { scope, limits, dimension, limit: limit[dimension]!, spent, estimate }
  return Effect.map(Ask.hashOf(shown), (hash): Ask.Ask => ({
    id,
    kind: "budget",
    title: `${titleOf(scope)}: ${spentOf(dimension, spent, shown.limit)} spent. Raise the limit?`,
    shown,
    hash,
    schema: schemaOf(limit, dimension),
    onSilence: "deny",
    scope,
    answerableBy: Ask.defaultAnswerers
  }))
}

const dimensions = ["tokens", "costUsd", "requests"] as const

/** New limits: none that is lower, and the one that stood in the way is higher. */
const schemaOf = (limit: Limits.Scoped, exceeded: Limits.Dimension): JsonSchema.JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(
    dimensions.flatMap((each) => {
      const now = limit[each]
      if (now === undefined) return []
      const type = each === "costUsd" ? "number" : "integer"
      return [[each, each === exceeded ? { type, exclusiveMinimum: now } : { type, minimum: now }]]
    })
  ),
  required: [exceeded],
  additionalProperties: false
})

const titleOf = (scope: string): string => {
  const at = scope.indexOf("/")
  return at === -1 ? "Budget of the execution" : `Budget of ${scope.slice(0, at)} ${scope.slice(at + 1)}`
}

const spentOf = (dimension: Limits.Dimension, spent: number, limit: number): string => {
  if (dimension !== "costUsd") return `${spent} of ${limit} ${dimension}`
  const usd = (value: number) => `$${Number(value.toPrecision(4))}`
  return `${usd(spent)} of ${usd(limit)}`
}
