/**
 * The output of a modelled agent in a turn: tool calls, which may have to wait, or an answer. Every
 * id of a call begins with its base.
 */
import * as Schema from "effect/Schema"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"

/** The condition that a call waits for before its tool runs. Times are in milliseconds. */
export type Need =
  | { readonly kind: "question"; readonly deadline?: number; readonly reply: boolean }
  | {
      readonly kind: "tasks"
      readonly count: number
      readonly need: "all" | number
      readonly keep: boolean
      readonly timer?: number
    }
  | { readonly kind: "signal"; readonly signal: string; readonly timer?: number }
  | { readonly kind: "time"; readonly timer: number }
  /** Tasks that an earlier call has kept. */
  | { readonly kind: "collect"; readonly tasks: ReadonlyArray<string> }

export interface Call {
  readonly tool: string
  readonly amount: number
  /** Absent: the call needs no approval. */
  readonly approval?: { readonly deadline?: number }
  readonly need?: Need
  readonly idempotent: boolean
  /** It kills the worker that makes it. */
  readonly poison: boolean
}

export type Answer =
  | { readonly kind: "final"; readonly value: Schema.Json }
  | { readonly kind: "calls"; readonly calls: ReadonlyArray<Call> }

/** The outcome of a call. */
export const Result = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("done"),
    amount: Schema.Number,
    of: Schema.Record(Schema.String, Schema.String)
  }),
  /** A person denied it, or did not answer in time. */
  Schema.Struct({ kind: Schema.Literals(["denied", "silence"]) }),
  /** It had begun when its worker died. */
  Schema.Struct({ kind: Schema.Literal("interrupted") }),
  /** It may not add tasks, or wait for what it names. */
  Schema.Struct({ kind: Schema.Literal("refused") })
])
export type Result = typeof Result.Type

/** True for answers that a modelled leg records. */
export const isResult = Schema.is(Result)

/** A call by its turn and its place in it, both within a conversation. */
export const keyOf = (turn: number, index: number): string => `${turn}.${index}`

export interface Place {
  readonly taskId: string
  /** The run that recorded the answer. */
  readonly run: number
  readonly turn: number
  readonly index: number
}

export const baseOf = ({ index, run, taskId, turn }: Place): string => `${taskId}/${run}.${turn}.${index}`

/** The call that an ask, a timer or a task is of. */
export const placeOf = (id: string): Place => {
  const at = id.lastIndexOf("/")
  const [run, turn, index] = id
    .slice(at + 1)
    .split(".")
    .map(Number)
  return { taskId: id.slice(0, at), run: run!, turn: turn!, index: index! }
}

type Parts = ExecutionEvent.TurnCompleted["parts"]

/** An answer as the log has it. */
export const encode = (answer: Answer): Parts =>
  answer.kind === "final"
    ? [{ type: "text", text: JSON.stringify(answer.value) }]
    : answer.calls.map((params, index) => ({ type: "tool-call", id: `${index}`, name: params.tool, params }))

export const decode = (parts: Parts): Answer => {
  const calls = parts.flatMap((part) => (part.type === "tool-call" ? [part.params as Call] : []))
  if (calls.length > 0) return { kind: "calls", calls }
  const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")
  return { kind: "final", value: JSON.parse(text) as Schema.Json }
}
