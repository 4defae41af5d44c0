/** `crewline inbox`, `crewline answer` and `crewline send`: asks, answers and messages. */
import type * as Ask from "@crewline/core/Ask"
import * as AskView from "@crewline/core/AskView"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AskText from "./AskText.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as Resources from "./Resources.ts"
import * as Layout from "./View/Layout.ts"

export interface ListOptions {
  readonly execution: Option.Option<string>
  readonly data: Option.Option<string>
  readonly json: boolean
}

export const list = Effect.fn("Inbox.list")(function* ({ data, execution, json }: ListOptions) {
  const output = yield* Output.Output
  const { inbox } = yield* Resources.inbox(data)
  const asks = yield* inbox.open(Option.getOrUndefined(execution))
  if (json) return yield* output.result(JSON.stringify({ items: asks }))
  if (asks.length === 0) return yield* output.result("There are no open asks.")
  for (const ask of asks) {
    const commands = AskText.commands(ask, data).map((command) => `  ${command}`)
    yield* output.result([...AskText.lines(ask), ...commands, ""].join("\n"))
  }
}, Effect.scoped)

export interface AnswerOptions {
  readonly id: string
  readonly given: Ask.Answer
  readonly data: Option.Option<string>
  readonly json: boolean
}

export const answer = Effect.fn("Inbox.answer")(function* ({ data, given, id, json }: AnswerOptions) {
  const output = yield* Output.Output
  if (AskView.executionOf(id) === undefined)
    return yield* Failure.failed(`There is no ask ${JSON.stringify(id)}: run crewline inbox to list the ids.`)
  const { inbox, isServed } = yield* Resources.inbox(data)
  const ask = yield* inbox.answer(id, given)
  if (json) return yield* output.result(JSON.stringify(ask))
  yield* output.result(Layout.oneLine(`Answered ${ask.title} with "${given.answer}".`))
  if (!isServed) yield* sayUnserved(data)
}, Effect.scoped)

const sayUnserved = (data: Option.Option<string>) =>
  Effect.flatMap(Output.Output, ({ say }) =>
    say(`No server is running: start one to continue the execution (crewline serve${AskText.dataFlag(data)}).`)
  )

export interface SendOptions {
  readonly execution: string
  readonly text: string
  readonly task: Option.Option<string>
  readonly data: Option.Option<string>
  readonly json: boolean
}

export const send = Effect.fn("Inbox.send")(function* ({ data, execution, json, task, text }: SendOptions) {
  const output = yield* Output.Output
  const { inbox, isServed } = yield* Resources.inbox(data)
  const message = { text, ...(Option.isSome(task) && { taskId: task.value }) }
  const sent = yield* inbox.send(execution, message)
  if (json) return yield* output.result(JSON.stringify(sent))
  const reader = Option.isSome(task) ? `the agent of ${task.value}` : "the manager"
  yield* output.result(Layout.oneLine(`Sent: ${reader} will read it before its next turn.`))
  if (!isServed) yield* sayUnserved(data)
}, Effect.scoped)
