/**
 * Asks of executions to people, and their answers. An answer is validated before it is recorded;
 * the first one counts.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import * as AskId from "../Ask/AskId.ts"
import * as AskView from "../AskView.ts"
import * as EventLog from "../EventLog.ts"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSize from "../JsonSize.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import type * as Commands from "./Commands.ts"

export interface AsksOptions {
  /** Default: all. */
  readonly state?: EventLog.RecordedAsk["state"]
  readonly executionId?: string
  /** Maximum number, oldest first. Default: 50. */
  readonly limit?: number
  /**
   * Only asks after the one with this id (for pages). Fails with `UnknownExecution` when there is
   * none, or it was deleted.
   */
  readonly after?: string
}

/** This tenant has no such ask. */
export class UnknownAsk extends Schema.TaggedError<UnknownAsk>()("UnknownAsk", { id: Schema.String }) {
  override get message() {
    return `There is no ask ${this.id}.`
  }
}

/** The ask was answered, or its answer is no longer needed. */
export class AskClosed extends Schema.TaggedError<AskClosed>()("AskClosed", {
  id: Schema.String,
  /** What was answered, and by whom; absent: nothing. */
  answer: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const { answer, by, id } = this
    return answer === undefined
      ? `The ask ${id} is closed: it no longer needs an answer.`
      : `The ask ${id} is closed: ${by ?? "someone"} answered it with "${answer}".`
  }
}

/** The ask allows other roles to answer. */
export class MayNotAnswer extends Schema.TaggedError<MayNotAnswer>()("MayNotAnswer", {
  id: Schema.String,
  role: Schema.String,
  answerableBy: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The role ${this.role} cannot answer the ask ${this.id}: allowed roles are ${this.answerableBy.join(", ")}.`
  }
}

/** The answer is to something else than is asked. */
export class HashMismatch extends Schema.TaggedError<HashMismatch>()("HashMismatch", { id: Schema.String }) {
  override get message() {
    return `The answer does not match what the ask ${this.id} shows: read the ask again and answer with its current hash.`
  }
}

/** The ask cannot be answered so. */
export class InvalidAnswer extends Schema.TaggedError<InvalidAnswer>()("InvalidAnswer", {
  id: Schema.String,
  /** All that is wrong, each with a JSON pointer into the answer and a sentence. */
  problems: Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
}) {
  override get message() {
    return `Invalid answer to ${this.id}: ${this.problems.map(({ message }) => message).join(" ")}`
  }
}

/** No task of the execution declares a signal of this name. */
export class UnknownSignal extends Schema.TaggedError<UnknownSignal>()("UnknownSignal", {
  executionId: Schema.String,
  signal: Schema.String
}) {
  override get message() {
    return `No task of ${this.executionId} declares the signal ${JSON.stringify(this.signal)}: declare it under "signals" of a task.`
  }
}

export type AnswerError = UnknownAsk | MayNotAnswer | AskClosed | HashMismatch | InvalidAnswer | EventLog.EventLogError

export interface Inbox {
  readonly asks: (options?: AsksOptions) => Effect.Effect<ReadonlyArray<AskView.View>, EventLog.EventLogError>
  readonly answer: (
    id: string,
    answer: Ask.Answer,
    options?: { readonly by?: Ask.Author }
  ) => Effect.Effect<AskView.View, AnswerError>
}

/** `decide` records an answer, and tells the queue. */
export const make = Effect.fnUntraced(function* (decide: Commands.Decide) {
  const log = yield* EventLog.EventLog

  const find = (id: string) => {
    const known = AskId.decode(id)
    if (known === undefined) return Effect.fail(new UnknownAsk({ id }))
    const missing = () => Effect.fail(new UnknownAsk({ id }))
    return log.ask(known.executionId, known.ask).pipe(
      Effect.catchReasons("EventLogError", { UnknownExecution: missing, Gone: missing }),
      Effect.flatMap((ask) => (ask === undefined ? missing() : Effect.succeed(ask)))
    )
  }

  const answer: Inbox["answer"] = Effect.fnUntraced(function* (id, given, { by = Ask.anonymous } = {}) {
    const ask = yield* find(id)
    const { executionId } = ask
    // Only a server knows roles, from the credentials of its callers.
    if (by.role !== undefined && !ask.answerableBy.includes(by.role))
      return yield* new MayNotAnswer({ id, role: by.role, answerableBy: ask.answerableBy })
    const command = { _tag: "Answer", ask: ask.id, answer: given, by } as const
    if (ask.state !== "open") {
      // Refused, but the process whose answer was accepted may have died before it told the queue.
      if (ask.state === "answered") yield* decide(executionId, command)
      return yield* closed(id, ask)
    }
    if (given.hash !== undefined && given.hash !== ask.hash) return yield* new HashMismatch({ id })
    const problems = problemsOf(ask, given)
    if (problems.length > 0) return yield* new InvalidAnswer({ id, problems })
    const decided = yield* decide(executionId, command)
    if (Result.isFailure(decided)) {
      if (decided.failure === "hash-mismatch") return yield* new HashMismatch({ id })
      return yield* closed(id, yield* find(id))
    }
    return AskView.make(yield* find(id))
  })

  const inbox: Inbox = {
    asks: ({ after, ...options } = {}) => {
      const from = after === undefined ? undefined : AskId.decode(after)
      if (after !== undefined && from === undefined) {
        const reason = new EventLog.UnknownExecution({ executionId: after })
        return Effect.fail(new EventLog.EventLogError({ operation: "asks", reason }))
      }
      const position = from === undefined ? {} : { after: { executionId: from.executionId, id: from.ask } }
      return Effect.map(log.asks({ ...options, ...position }), (asks) => asks.map(AskView.make))
    },
    answer
  }
  return inbox
})

const closed = (id: string, { answer, answeredBy }: EventLog.RecordedAsk): AskClosed =>
  new AskClosed({
    id,
    ...(answer === undefined ? {} : { answer: answer.answer }),
    ...(answeredBy === undefined ? {} : { by: answeredBy.name })
  })

const isJson = Schema.is(Schema.Json)

/**
 * An answer is recorded and shown to the agent, as results of tools are: it has the same limits.
 */
const excessOf = (given: Ask.Answer): string | undefined => {
  if (JsonDepth.isTooDeep(given)) return `The answer ${JsonDepth.tooDeep}.`
  if (JsonSize.isTooLarge(given)) return `The answer is longer than ${JsonSize.maxSize} characters of JSON.`
  const isAllJson = Object.values(given).every((part) => part === undefined || isJson(part))
  return isAllJson ? undefined : "The answer must be JSON."
}

const problemsOf = (ask: EventLog.RecordedAsk, given: Ask.Answer): InvalidAnswer["problems"] => {
  const excess = excessOf(given)
  if (excess !== undefined) return [{ path: "", message: excess }]
  const possible: ReadonlyArray<string> = Ask.answers[ask.kind]
  const { answer } = given
  if (!possible.includes(answer)) {
    const list = possible.map((one) => `"${one}"`).join(", ")
    const what = `${ask.kind === "approval" ? "an" : "a"} ${ask.kind}`
    return [{ path: "/answer", message: `The answer to ${what} must be one of ${list}, not "${answer}".` }]
  }
  const { needs, takes } = Ask.parts[answer]
  const problems: Array<InvalidAnswer["problems"][number]> = []
  const missing = Ask.missingPart(given)
  if (missing !== undefined) problems.push({ path: "", message: `"${answer}" needs ${missing}.` })
  for (const key of ["arguments", "feedback", "reason", "value", "limits", "scope"] as const)
    if (given[key] !== undefined && key !== needs && key !== takes)
      problems.push({ path: `/${key}`, message: `"${answer}" takes no ${key}.` })
  const part = judgedParts[answer]
  const judged = part === undefined ? undefined : given[part]
  if (judged !== undefined && ask.schema !== undefined)
    for (const { message, path } of JsonSchemaValidator.make(ask.schema).validate(judged))
      problems.push({ path: `/${part}${path}`, message: `${part}${path} ${message}.` })
  return problems
}

/** What the schema of an ask judges. */
const judgedParts: { readonly [answer in Ask.Answer["answer"]]?: "arguments" | "value" | "limits" } = {
  edit: "arguments",
  reply: "value",
  raise: "limits"
}
