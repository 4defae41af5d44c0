/**
 * How much a task, an agent or an execution may spend on models. Limits are hard: a call that could
 * go over one is not made.
 */
import * as Schema from "effect/Schema"

/** Absent parts are not limited. */
export const Limits = Schema.Struct({
  /** Tokens, those of prompts and those of answers. */
  tokens: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
  ),
  /** US dollars. A model whose price is not known is not called under such a limit. */
  costUsd: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0, { expected: "a number over 0" }))),
  /** Model calls. */
  requests: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
  )
}).annotate({ description: "How much may be spent on models" })

export interface Limits extends Schema.Schema.Type<typeof Limits> {}

/** Limits as a crew declares them. */
export const Declared = Schema.Struct({
  ...Limits.fields,
  /**
   * What a call that could go over a limit does: fail its task (default), ask a person for more, or
   * let the agent finish with what it has.
   */
  onExceeded: Schema.optionalKey(Schema.Literals(["fail", "ask", "finish"]))
}).annotate({ description: "How much may be spent on models, and what happens at the limit" })

export interface Declared extends Schema.Schema.Type<typeof Declared> {}

/** Whose limits they are. */
export const Scope = Schema.Literals(["task", "agent", "execution", "tenant"])
export type Scope = typeof Scope.Type

/** What a limit limits. */
export const Dimension = Schema.Literals(["tokens", "costUsd", "requests"])
export type Dimension = typeof Dimension.Type

/** The limit that refused a call. */
export const Exceeded = Schema.Struct({
  scope: Scope,
  /** What counts together. */
  key: Schema.String,
  /** The scope within its execution, as in `Scoped`. */
  name: Schema.optionalKey(Schema.String),
  dimension: Dimension,
  limit: Schema.Finite,
  spent: Schema.Finite,
  /** What the call could have used at least. */
  estimate: Schema.Finite
})
export interface Exceeded extends Schema.Schema.Type<typeof Exceeded> {}

/** What is spent; `costUsd` is `null` where the price of a model that was called is not known. */
export const Spent = Schema.Struct({
  tokens: Schema.Finite,
  requests: Schema.Int,
  costUsd: Schema.NullOr(Schema.Finite)
})
export interface Spent extends Schema.Schema.Type<typeof Spent> {}

/** Limits and their scope; calls with the same `key` count together. */
export interface Scoped extends Declared {
  readonly scope: Scope
  readonly key: string
  /**
   * The scope within its execution: `task/write`, `agent/writer`, `execution`. Absent for limits
   * that are not an execution's.
   */
  readonly name?: string
  /** How often the limits were raised. */
  readonly raises?: number
  /**
   * What is known to be spent already, from the log: a store of budgets that does not know it (it
   * was restarted) counts from here.
   */
  readonly spent?: Spent
  /** Reserve room for this many further calls, so that the agent can still return what it has. */
  readonly leavesRoomFor?: number
}

/** Why limits are refused where `Llm.enforcesLimits` is not true, and what to do about it. */
export const unenforced =
  "The models of this application do not enforce budgets. Use Providers.layer of @crewline/llm, or wrap each model in Budget.make() and set enforcesLimits: true in the Llm service."
