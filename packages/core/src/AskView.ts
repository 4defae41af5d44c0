/**
 * An ask as people and programs see it. The one shape of it: SDK, HTTP API and command line show
 * the same.
 */
import * as Schema from "effect/Schema"
import * as Ask from "./Ask.ts"
import * as AskId from "./Ask/AskId.ts"
import type * as EventLog from "./EventLog.ts"

/**
 * Whether an ask can still be answered: it may have been answered, or closed because its answer is
 * no longer needed.
 */
export const State = Schema.Literals(["open", "answered", "closed"])
export type State = typeof State.Type

export const View = Schema.Struct({
  /** Opaque, unique in the tenant, and part of a URL as it is. */
  id: Schema.String,
  kind: Ask.Kind,
  state: State,
  executionId: Schema.String,
  taskId: Schema.String,
  /** One line for lists. */
  title: Schema.String,
  /** The tool of the call that is asked about. */
  tool: Schema.optionalKey(Schema.String),
  /** Exactly what the answer binds to. */
  shown: Schema.Json,
  /** SHA-256 of `shown`. */
  hash: Schema.String,
  /**
   * Of the arguments of an edit, the value of a reply, the feedback of a revision: JSON Schema,
   * draft 2020-12.
   */
  schema: Schema.JsonObject,
  deadline: Schema.optionalKey(Schema.String),
  /** What happens without an answer by the deadline. */
  onSilence: Ask.Silence,
  /** The reply without an answer, with `onSilence: "reply"`. */
  reply: Schema.optionalKey(Schema.Json),
  /** Whose limit is to be raised. */
  scope: Schema.optionalKey(Schema.String),
  /** Roles that may answer. */
  answerableBy: Schema.Array(Schema.String),
  askedAt: Schema.String,
  closedAt: Schema.optionalKey(Schema.String),
  answer: Schema.optionalKey(Ask.Answer),
  answeredBy: Schema.optionalKey(Ask.Author)
}).annotate({ identifier: "Ask", description: "A question to a person" })
export interface View extends Schema.Schema.Type<typeof View> {}

/** What goes with an answer where the ask does not say. */
const schemas: { readonly [kind in Ask.Kind]?: Schema.JsonObject } = { review: { type: "string", minLength: 1 } }

export const make = ({ call: _call, schema, ...ask }: EventLog.RecordedAsk): View => ({
  ...ask,
  id: idOf(ask.executionId, ask.id),
  // A JSON Schema is JSON.
  schema: (schema as Schema.JsonObject | undefined) ?? schemas[ask.kind] ?? {}
})

/** What the ids of asks consist of. */
export const idPattern = AskId.pattern

/** How people know an ask of an execution. */
export const idOf = (executionId: string, ask: string): string => AskId.encode(executionId, ask)

/** The execution that an ask with this id belongs to; `undefined`: it is the id of no ask. */
export const executionOf = (id: string): string | undefined => AskId.decode(id)?.executionId
