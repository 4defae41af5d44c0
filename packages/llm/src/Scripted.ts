/**
 * A model for tests that says what it is told to: a list of steps, each for one call. A call takes
 * the first step left that fits it, so tasks that run at once each follow their own part of the
 * script, whatever the order they come in. A call that no step fits fails, and is remembered; steps
 * that nobody took are complained about at the end.
 */
import * as Llm from "@crewline/core/Llm"
import type { Usage } from "@crewline/core/Usage"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Json } from "effect/Schema"
import * as Budget from "./Budget.ts"
import * as TokenEstimate from "./Scripted/TokenEstimate.ts"
import * as Words from "./Scripted/Words.ts"
import type { Provider } from "./Provider.ts"
import * as Fallback from "./Fallback.ts"

/** Which calls a step is for, and how it comes. */
export interface StepOptions {
  /** Only calls of this agent. */
  readonly agent?: string
  /** Only calls for this task. */
  readonly task?: string
  /** Only calls like this. */
  readonly when?: (request: Llm.Request) => boolean
  /** How long the answer takes, in milliseconds. */
  readonly delayMillis?: number
  /** Default: estimated tokens, at no cost. */
  readonly usage?: Partial<Usage>
}

/** A tool call as a script gives it. */
export interface Call {
  readonly name: string
  readonly params: unknown
  /** Default: `call-` and a number. */
  readonly id?: string
}

type Reply =
  | {
      readonly _tag: "Parts"
      readonly parts: ReadonlyArray<Response.PartEncoded>
      readonly finishReason: Response.FinishReason
    }
  | { readonly _tag: "Calls"; readonly calls: ReadonlyArray<Call>; readonly text: string | undefined }
  | { readonly _tag: "Failure"; readonly reason: Llm.Reason }
  | { readonly _tag: "Never" }
  | { readonly _tag: "Function"; readonly reply: (request: Llm.Request) => Step | string }

/** What the model does with one call. */
export interface Step extends StepOptions {
  readonly reply: Reply
}

// --- steps ------------------------------------------------------------------------------------------------------------------------

/** Answers with text. */
export const text = (
  answer: string,
  options: StepOptions & { readonly finishReason?: Response.FinishReason } = {}
): Step => {
  const { finishReason = "stop", ...rest } = options
  return { ...rest, reply: { _tag: "Parts", parts: [{ type: "text", text: answer }], finishReason } }
}

/** Answers with this value as JSON. */
export const object = (value: Json, options: StepOptions = {}): Step => text(JSON.stringify(value), options)

/** Calls one tool. */
export const toolCall = (name: string, params: unknown, options: StepOptions = {}): Step =>
  toolCalls([{ name, params }], options)

/** Calls several tools at once, after some text if that is given. */
export const toolCalls = (calls: ReadonlyArray<Call>, options: StepOptions & { readonly text?: string } = {}): Step => {
  const { text: said, ...rest } = options
  return { ...rest, reply: { _tag: "Calls", calls, text: said } }
}

/** Answers with these parts. */
export const parts = (
  answer: ReadonlyArray<Response.PartEncoded>,
  options: StepOptions & { readonly finishReason?: Response.FinishReason } = {}
): Step => {
  const { finishReason = "stop", ...rest } = options
  return { ...rest, reply: { _tag: "Parts", parts: answer, finishReason } }
}

/** Fails: `failure(new Llm.RateLimited({ description: "slow down", retryAfterMillis: 50 }))`. */
export const failure = (reason: Llm.Reason, options: StepOptions = {}): Step => ({
  ...options,
  reply: { _tag: "Failure", reason }
})

/** Never answers. */
export const never = (options: StepOptions = {}): Step => ({ ...options, reply: { _tag: "Never" } })

/** Answers with what the function makes of the request. */
export const reply = (make: (request: Llm.Request) => Step | string, options: StepOptions = {}): Step => ({
  ...options,
  reply: { _tag: "Function", reply: make }
})

// --- scripts ----------------------------------------------------------------------------------------------------------------------

/** The script and what was asked do not go together. */
export class ScriptError extends Data.TaggedError("ScriptError")<{ readonly message: string }> {}

export interface Options {
  /** The pause between two words of a streamed answer, in milliseconds. Default: 0. */
  readonly wordDelayMillis?: number
}

export interface Script {
  /** Answers every model id of the provider `scripted` from the script. */
  readonly provider: Provider
  readonly model: Llm.Model
  /** Every reference leads to the script, within the limits of crews. */
  readonly llm: Llm.Llm["Service"]
  /**
   * Every reference leads to the script, within the limits of crews. When its scope closes, what
   * `assertConsumed` finds is a defect.
   */
  readonly layer: Layer.Layer<Llm.Llm>
  /**
   * What was asked so far, in order. The messages are copies: a conversation that goes on does not
   * change them.
   */
  readonly requests: ReadonlyArray<Llm.Request>
  /** Steps that nobody took yet. */
  readonly remaining: ReadonlyArray<Step>
  /** Fails when steps are left, or calls came that no step was for. */
  readonly assertConsumed: Effect.Effect<void, ScriptError>
}

/** A script; a string is short for `text`. Each has its own state: make one per test. */
export const make = (steps: ReadonlyArray<Step | string>, options: Options = {}): Script => {
  const { wordDelayMillis = 0 } = options
  const left = steps.map((step) => (typeof step === "string" ? text(step) : step))
  const requests: Array<Llm.Request> = []
  const unexpected: Array<string> = []
  let calls = 0

  const model = (reference: string): Llm.Model => {
    const perform = (step: Step, request: Llm.Request): Effect.Effect<Llm.Answer, Llm.LlmError> => {
      switch (step.reply._tag) {
        case "Never":
          return Effect.never
        case "Failure":
          return Effect.fail(new Llm.LlmError({ model: reference, reason: step.reply.reason }))
        case "Function": {
          const made = step.reply.reply(request)
          const { delayMillis: _, ...rest } = step
          return perform(typeof made === "string" ? { ...text(made), ...without(rest) } : made, request)
        }
        case "Calls": {
          const said: ReadonlyArray<Response.PartEncoded> =
            step.reply.text === undefined ? [] : [{ type: "text", text: step.reply.text }]
          const made = step.reply.calls.map(({ id, name, params }): Response.PartEncoded => ({
            type: "tool-call",
            id: id ?? `call-${++calls}`,
            name,
            params
          }))
          return speak(step, request, [...said, ...made], "tool-calls")
        }
        case "Parts":
          return speak(step, request, step.reply.parts, step.reply.finishReason)
      }
    }
    const speak = (
      step: Step,
      request: Llm.Request,
      said: ReadonlyArray<Response.PartEncoded>,
      finishReason: Response.FinishReason
    ): Effect.Effect<Llm.Answer> => {
      const usage = { ...TokenEstimate.usage(request, said), ...step.usage }
      const answer: Llm.Answer = { parts: said, finishReason, usage, model: reference }
      const { onDelta } = request
      if (onDelta === undefined) return Effect.succeed(answer)
      const words = said.map((part) => (part.type === "text" ? part.text : "")).join("")
      return words === "" ? Effect.succeed(answer) : Effect.as(Words.say(words, wordDelayMillis, onDelta), answer)
    }
    return {
      reference,
      generate: (request) =>
        Effect.suspend(() => {
          requests.push({ ...request, messages: structuredClone(request.messages) })
          const index = left.findIndex((step) => fits(step, request))
          const [step] = index === -1 ? [] : left.splice(index, 1)
          if (step === undefined) {
            const description = `The script has no step for ${describeCall(request)}. ${describeLeft(left)}`
            unexpected.push(describeCall(request))
            return Effect.fail(new Llm.LlmError({ model: reference, reason: new Llm.InvalidRequest({ description }) }))
          }
          const performed = perform(step, request)
          return step.delayMillis === undefined ? performed : Effect.delay(performed, step.delayMillis)
        })
    }
  }

  const limited = Budget.make()
  const assertConsumed = Effect.suspend(() => {
    const complaints: Array<string> = []
    if (unexpected.length > 0) complaints.push(`Unexpected calls: ${unexpected.join("; ")}.`)
    if (left.length > 0) complaints.push(describeLeft(left))
    return complaints.length === 0 ? Effect.void : Effect.fail(new ScriptError({ message: complaints.join(" ") }))
  })

  const llm = Llm.Llm.of({
    enforcesLimits: true,
    resolve: Fallback.resolving((reference) => Effect.succeed(limited(model(reference ?? "scripted/script"))))
  })

  return {
    provider: { name: "scripted", model: (id) => model(`scripted/${id}`) },
    model: model("scripted/script"),
    llm,
    layer: Layer.effect(
      Llm.Llm,
      Effect.as(
        Effect.addFinalizer(() => Effect.orDie(assertConsumed)),
        llm
      )
    ),
    requests,
    remaining: left,
    assertConsumed
  }
}

/** The usage of a step goes over to what it makes; whom it was for does not matter any more. */
const without = ({ usage }: StepOptions): StepOptions => (usage === undefined ? {} : { usage })

const fits = (step: Step, request: Llm.Request): boolean =>
  (step.agent === undefined || step.agent === request.caller?.agent) &&
  (step.task === undefined || step.task === request.caller?.taskId) &&
  (step.when === undefined || step.when(request))

const describeCall = (request: Llm.Request): string => {
  const { caller } = request
  const who = caller === undefined ? "a call" : `a call of agent "${caller.agent}" for task "${caller.taskId}"`
  const last = request.messages.at(-1)
  return last === undefined ? who : `${who} (last message, ${last.role}: ${excerpt(messageText(last))})`
}

const messageText = (message: Prompt.MessageEncoded): string =>
  typeof message.content === "string"
    ? message.content
    : message.content.map((part) => ("text" in part ? part.text : JSON.stringify(part))).join(" ")

const excerpt = (given: string): string => {
  const line = given.replace(/\s+/g, " ").trim()
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line)
}

const describeLeft = (left: ReadonlyArray<Step>): string =>
  left.length === 0
    ? "No steps are left."
    : `${left.length} ${left.length === 1 ? "step is" : "steps are"} left: ${left.map(describeStep).join("; ")}.`

const describeStep = ({ agent, reply: what, task }: Step): string => {
  const who = [agent === undefined ? [] : `agent "${agent}"`, task === undefined ? [] : `task "${task}"`].flat()
  return [...who, describeReply(what)].join(", ")
}

const describeReply = (what: Reply): string => {
  switch (what._tag) {
    case "Parts":
      return excerpt(what.parts.map((part) => (part.type === "text" ? part.text : part.type)).join(" "))
    case "Calls":
      return `calls ${what.calls.map((call) => call.name).join(", ")}`
    case "Failure":
      return `fails with ${what.reason._tag}`
    case "Never":
      return "never answers"
    case "Function":
      return "a function"
  }
}
