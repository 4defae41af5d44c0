/**
 * How much a task, an agent or an execution may spend on models. Limits are hard: a call that could go over one is not made.
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
  /** What a call that could go over a limit does: fail its task (default), ask a person for more, or let the agent finish with what it has. */
  onExceeded: Schema.optionalKey(Schema.Literals(["fail", "ask", "finish"]))
}).annotate({ description: "How much may be spent on models, and what happens then" })

export interface Declared extends Schema.Schema.Type<typeof Declared> {}

/** Whose limits they are; `key` tells what counts together. */
export interface Scoped extends Limits {
  readonly scope: "task" | "agent" | "execution" | "tenant"
  readonly key: string
  /**
   * What is known to be spent already, from the log: a store of budgets that does not know it (it was restarted) counts from here.
   * `costUsd` is `null` where the price of a model that was called is not known.
   */
  readonly spent?: { readonly tokens: number; readonly requests: number; readonly costUsd: number | null }
}
