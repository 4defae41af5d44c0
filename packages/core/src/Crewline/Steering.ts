/**
 * Messages to running executions, for their manager or for the agent of a task. An accepted message
 * is recorded and read before the recipient's next turn; an agent that has just finished continues
 * with it.
 */
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import type * as Decision from "../Decision.ts"
import * as EventLog from "../EventLog.ts"
import * as Execution from "../Execution.ts"
import * as Message from "../Message.ts"
import * as Suggestion from "../Suggestion.ts"
import type * as Commands from "./Commands.ts"

export interface SendOptions {
  /** The sender. Only a server knows roles, from the credentials of its callers. */
  readonly by?: Ask.Author
  /** The same key and message again is not sent again. */
  readonly idempotencyKey?: string
}

/** The message was not taken. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  executionId: Schema.String,
  code: Schema.Literals([
    "invalid-message",
    /** The execution has ended. */
    "ended",
    "unknown-task",
    /** The task has ended. */
    "task-settled",
    /** It names no task, and there is no manager. */
    "no-manager",
    "too-many-messages"
  ]),
  message: Schema.String
}) {}

export type Send = (
  executionId: string,
  message: Message.Message,
  options?: SendOptions
) => Effect.Effect<Message.Sent, MessageRefused | EventLog.EventLogError>

const decode = Schema.decodeUnknownResult(Message.Message)

export interface Options {
  /** Records a message. */
  readonly decide: Commands.Decide
  readonly stateOf: (executionId: string) => Effect.Effect<Execution.Execution, EventLog.EventLogError>
}

export const make = ({ decide, stateOf }: Options): Send =>
  Effect.fnUntraced(function* (executionId, given, { by = Ask.anonymous, idempotencyKey: key } = {}) {
    const decoded = decode(given)
    if (Result.isFailure(decoded))
      return yield* new MessageRefused({ executionId, code: "invalid-message", message: decoded.failure.message })
    const { taskId } = decoded.success
    // Names of tasks are normalized; the client's spelling may not be.
    const message = { ...decoded.success, ...(taskId === undefined ? {} : { taskId: taskId.normalize("NFC") }) }
    const idempotency = key === undefined ? undefined : { key, requestHash: yield* Ask.hashOf({ ...message }) }
    const keyed = idempotency === undefined ? {} : { idempotency }
    const decided = yield* decide(executionId, { _tag: "Message", ...message, by, ...keyed })
    if (Result.isSuccess(decided)) {
      const [{ at, seq }] = decided.success.events as readonly [EventLog.Appended["events"][number]]
      return { seq, at, existing: false }
    }
    const state = yield* stateOf(executionId)
    const known = state.messages.find(({ idempotency: used }) => key !== undefined && used?.key === key)
    if (known === undefined) return yield* refusal(state, message, decided.failure)
    if (known.idempotency!.requestHash === idempotency!.requestHash)
      return { seq: known.seq, at: known.at, existing: true }
    const reason = new EventLog.KeyReused({ key: known.idempotency!.key })
    return yield* new EventLog.EventLogError({ operation: "append", reason })
  })

/** Why it was refused, and what to do about it. */
const refusal = (
  state: Execution.Execution,
  { taskId = "" }: Message.Message,
  refused: Decision.Refusal
): MessageRefused | Effect.Effect<never> => {
  const executionId = state.id
  const refuse = (code: MessageRefused["code"], message: string) => new MessageRefused({ executionId, code, message })
  switch (refused) {
    case "ended":
      return refuse("ended", `The execution ${executionId} is ${state.status} and no longer reads messages.`)
    case "settled":
      return refuse("task-settled", `The task ${quote(taskId)} is done and no longer reads messages. ${openOf(state)}`)
    case "too-many-messages":
      return refuse(refused, `The execution has received ${Message.maxMessages} messages, the maximum.`)
    case "no-manager":
      return refuse(refused, `The crew has no manager to read the message: name a task. ${openOf(state)}`)
    case "unknown-task": {
      const closest = Suggestion.make().closest(taskId, [...HashMap.keys(state.tasks)])
      const hint = closest === undefined ? "" : ` Did you mean ${quote(closest)}?`
      return refuse(refused, `The execution has no task ${quote(taskId)}.${hint} ${openOf(state)}`)
    }
    default:
      return Effect.die(new Error(`The message was rejected: ${refused}.`))
  }
}

const quote = (text: string): string => JSON.stringify(text)

/** Maximum number of names in a refusal. */
const maxNamed = 20

const openOf = ({ tasks }: Execution.Execution): string => {
  const isOpen = (task: Execution.Task) => !Execution.isSettled(task) && task.plan.office === undefined
  const open = [...HashMap.values(tasks)].filter(isOpen).sort((a, b) => a.place - b.place)
  const names = open.slice(0, maxNamed).map(({ plan }) => quote(plan.id))
  return `Open tasks: ${names.join(", ")}${open.length > maxNamed ? " …" : ""}.`
}
