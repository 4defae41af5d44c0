/**
 * What people tell the manager or the agents of an execution that goes on. A message is recorded
 * first; whoever it is for reads it before its next turn, once in a conversation, and goes on with
 * it when it has just answered.
 */
import * as Schema from "effect/Schema"

/** The most characters of a message. */
export const maxLength = 10_000

/** The most messages of an execution: each stands in every conversation that begins after it. */
export const maxMessages = 50

/** A message, as it is sent. */
export const Message = Schema.Struct({
  text: Schema.String.check(
    Schema.isPattern(/\S/, { expected: "non-empty text" }),
    Schema.isMaxLength(maxLength, { expected: `at most ${maxLength} characters` })
  ),
  /** The task whose agent reads it, also one that was spawned. Absent: the manager. */
  taskId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Message", description: "A message to the manager, or to the agent of a task" })
export interface Message extends Schema.Schema.Type<typeof Message> {}

/** A message that was taken. */
export const Sent = Schema.Struct({
  /** Of its event, `MessageSent`. */
  seq: Schema.Int,
  at: Schema.String,
  /** True: it had been sent before with the same key. */
  existing: Schema.Boolean
}).annotate({ identifier: "SentMessage", description: "An accepted message" })
export interface Sent extends Schema.Schema.Type<typeof Sent> {}
