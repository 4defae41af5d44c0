/**
 * Presents the asks of an execution to the person at the terminal, one after the other, and records
 * the answers. Also sends messages that are typed to its agents.
 */
import * as Ask from "@crewline/core/Ask"
import * as AskView from "@crewline/core/AskView"
import * as Crewline from "@crewline/core/Crewline"
import type * as Execution from "@crewline/core/Execution"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as AskText from "./AskText.ts"
import * as Output from "./Output.ts"
import * as Person from "./Person.ts"
import * as Prompt from "./Prompt.ts"
import * as Steering from "./Steering.ts"

/** The known state of an execution, updated by its events. */
export type State = SubscriptionRef.SubscriptionRef<Execution.Execution | undefined>

export interface Options {
  readonly executionId: string
  readonly keyboard: Output.Keyboard
  readonly state: State
  /** Held while something is asked: nothing else is drawn. */
  readonly turn: Semaphore.Semaphore
  /**
   * True: what is typed while nothing is asked is a message. The keyboard is read from the
   * beginning then.
   */
  readonly steer: boolean
}

/** Waits until the known state satisfies the condition. */
export const until = (state: State, is: (execution: Execution.Execution) => boolean) =>
  SubscriptionRef.changes(state).pipe(
    Stream.filter((execution) => execution !== undefined && is(execution)),
    Stream.runHead
  )

/** Ends when the person has nothing more to say (Control-D). */
export const ask = Effect.fn("Asking.ask")(function* ({ executionId, keyboard, state, steer, turn }: Options) {
  const crewline = yield* Crewline.Crewline
  const { say } = yield* Output.Output
  const prompt = yield* Prompt.make(keyboard)
  /** The events up to this one ask nothing that is still open. */
  let seen = 0
  let isListening = steer
  if (steer) yield* say(Steering.help)
  for (;;) {
    const opened = until(
      state,
      ({ lastSeq, open }) => lastSeq > seen && HashMap.some(open, ({ kind }) => kind !== "timer")
    )
    const typed = isListening
      ? yield* Effect.raceFirst(Effect.as(opened, undefined), prompt.line)
      : yield* Effect.as(opened, undefined)
    if (typed !== undefined) {
      if (Option.isNone(typed)) isListening = false
      else yield* Steering.send(executionId, typed.value).pipe(turn.withPermit)
      continue
    }
    const { lastSeq } = SubscriptionRef.getUnsafe(state)!
    const [open] = yield* crewline.asks({ executionId, state: "open", limit: 1 })
    if (open === undefined) {
      seen = lastSeq
      continue
    }
    const isOpen = (execution: Execution.Execution) =>
      HashMap.some(execution.open, (_, id) => AskView.idOf(executionId, id) === open.id)
    const closed = until(state, (execution) => execution.lastSeq > lastSeq && !isOpen(execution))
    const outcome = yield* converse(open, prompt, closed).pipe(turn.withPermit)
    if (outcome === "over") return
    if (outcome === "closed") yield* say("This answer is no longer needed.")
  }
}, Effect.scoped)

/** Asks until an answer is taken, the ask is closed, or the input is over. */
const converse = Effect.fnUntraced(function* (
  asked: AskView.View,
  prompt: Prompt.Prompt,
  closed: Effect.Effect<unknown>
) {
  const crewline = yield* Crewline.Crewline
  const { say, terminal } = yield* Output.Output
  const tell = ({ message }: Error) => Effect.as(say(message), undefined)
  // Input before an ask is shown is not an answer to it.
  prompt.forget()
  terminal?.leave()
  yield* say(["", ...AskText.lines(asked)].join("\n"))
  for (;;) {
    const given = yield* Effect.raceFirst(read(asked, prompt), Effect.as(closed, "closed" as const))
    if (given === "over" || given === "closed") return given
    if ("message" in given) {
      yield* Steering.send(asked.executionId, given.message)
      continue
    }
    if ("wrong" in given) {
      yield* say(given.wrong)
      continue
    }
    const problem = yield* crewline.answer(asked.id, { ...given, hash: asked.hash }, { by: Person.here() }).pipe(
      Effect.as(undefined),
      Effect.catchTag("InvalidAnswer", ({ problems }) =>
        Effect.succeed(problems.map(({ message }) => message).join("\n"))
      ),
      // Another answer was faster.
      Effect.catchTags({ AskClosed: tell, UnknownAsk: tell, HashMismatch: tell })
    )
    if (problem === undefined) return "answered"
    yield* say(problem)
  }
})

type Typed = Ask.Answer | { readonly wrong: string } | { readonly message: string } | "over"

/** An answer as it is typed, or what is wrong with it; or a message. */
const read = Effect.fnUntraced(function* (
  { kind, schema }: AskView.View,
  prompt: Prompt.Prompt
): Effect.fn.Return<Typed, never, Output.Output> {
  const { say } = yield* Output.Output
  const ask = (question: string) => Effect.andThen(say(question), prompt.line)
  const possible: ReadonlyArray<Ask.Answer["answer"]> = Ask.answers[kind]
  const choices = possible.map((one) => (one === "approve" ? "approve [run]" : one)).join(", ")
  const line = yield* ask(`Your answer (${choices}):`)
  if (Option.isNone(line)) return "over"
  if (Steering.isMessage(line.value)) return { message: line.value }
  const [word = ""] = line.value.trim().split(/\s+/)
  const rest = line.value.trim().slice(word.length).trim()
  const answer = possible.find((one) => word !== "" && one.startsWith(word.toLowerCase()))
  if (answer === undefined) return { wrong: `Type one of ${possible.join(", ")}, or its first letters.` }
  if (answer === "accept") return { answer }
  if (answer === "approve") {
    if (rest === "") return { answer }
    return rest === "run"
      ? { answer, scope: "run" }
      : { wrong: 'Type "approve" for this call, or "approve run" for all calls of this tool.' }
  }
  const isText = answer === "reply" && schema["type"] === "string"
  const part = rest === "" ? yield* ask(isText ? "Your reply:" : questions[answer]) : Option.some(rest)
  if (Option.isNone(part)) return "over"
  const text = part.value
  if (isText) return { answer, value: text }
  if (answer === "revise") return { answer, feedback: text }
  if (answer === "deny") return text.trim() === "" ? { answer } : { answer, reason: text }
  const value = Option.getOrUndefined(parse(text))
  if (value === undefined) return { wrong: "Invalid JSON." }
  return Option.getOrElse(decode({ answer, [parts[answer]]: value }), () => ({
    wrong: "Invalid value: expected a JSON object."
  }))
})

const questions = {
  deny: "Reason (optional):",
  revise: "What should be changed:",
  edit: "New arguments, as JSON on one line:",
  reply: "Your reply, as JSON on one line:",
  raise: "New limits, as JSON on one line:"
}

const parts = { edit: "arguments", reply: "value", raise: "limits" } as const

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))
const decode = Schema.decodeUnknownOption(Ask.Answer, { onExcessProperty: "error" })
