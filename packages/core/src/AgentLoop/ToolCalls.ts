/**
 * The tool calls of one turn. Those that need nobody run first, all at once; the others are one
 * suspension, and each runs when what it waits for has come. A call whose result is recorded is not
 * made again, and one that must not be repeated is recorded before it begins.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import type { Draft } from "../ExecutionEvent.ts"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSize from "../JsonSize.ts"
import { interrupted } from "../Manager.ts"
import { redact } from "../Redact.ts"
import type { Decision } from "../Policy.ts"
import { resolveArguments } from "../Tool.ts"
import * as Repair from "../Tool/Repair.ts"
import { type Tool, type ToolContext, type ToolError, ToolFailed, type ToolRetry } from "../Toolbox.ts"
import * as Approval from "./Approval.ts"
import * as Deciding from "./Deciding.ts"
import { type Equipment, readyIn, toolOf } from "./Equipment.ts"
import { failed, type Ended, type Leg, type Lost } from "./Leg.ts"
import * as Need from "./Need.ts"
import * as Present from "./Present.ts"
import * as Prompting from "./Prompting.ts"
import * as Repeats from "./Repeats.ts"
import * as ShownResult from "./ShownResult.ts"
import * as Suspension from "./Suspension.ts"
import * as Transcript from "./Transcript.ts"
import * as Trust from "./Trust.ts"
import * as Turn from "./Turn.ts"

type Call = Response.ToolCallPartEncoded

/** What is to be done about a call. */
type Step =
  | { readonly _tag: "Known"; readonly outcome: Transcript.ToolOutcome }
  /** It is not made, and the model is told why. */
  | {
      readonly _tag: "Refused"
      readonly reason: string
      readonly args: Schema.Json
      readonly code?: string
      readonly decision?: Decision
    }
  | {
      readonly _tag: "Make"
      readonly tool: Tool
      readonly args: Schema.JsonObject
      readonly context: ToolContext
      readonly decision?: Decision
    }
  | { readonly _tag: "Wait"; readonly want: Suspension.Want; readonly decision: Decision }

/** What a call came to, and what its tool threw in this process. */
interface Outcome extends Transcript.ToolOutcome {
  readonly thrown?: unknown
}

/**
 * Makes the calls of a turn. `loop`: the agent does not get out of its rut; the end of the leg: the
 * task waits for what some of the calls need. `repeats`: the calls that were made before.
 */
export const make = Effect.fnUntraced(function* (
  equipment: Equipment,
  repeats: Repeats.Repeats,
  turn: Turn.Turn,
  calls: ReadonlyArray<Call>
): Effect.fn.Return<ReadonlyArray<Prompting.ToolAnswer> | Ended | "loop", Lost | EventLog.EventLogError> {
  const { leg } = equipment
  const steps: Array<Step> = []
  const wants: Array<Suspension.Want> = []
  const started: Array<Draft> = []
  let adding = 0
  for (let index = 0; index < calls.length; index++) {
    const call = calls[index]!
    const repeat = repeats.find(call)
    const step: Step =
      Repeats.isRefused(repeat) && !isKnown(leg, turn, call)
        ? { _tag: "Refused", reason: Prompting.repeatedCall(repeat.times), args: call.params as Schema.Json }
        : yield* stepOf(equipment, turn, { call, index, adding })
    if (step._tag === "Wait") {
      wants.push(step.want)
      adding += step.want.spawn?.length ?? 0
    } else if (step._tag === "Make" && !step.tool.idempotent) started.push(startOf(leg, turn, call))
    steps.push(step)
  }
  // The answer is durable before anything is done about it; where all of it waits, it is stored
  // with the suspension.
  if (wants.length < calls.length) yield* Turn.record(leg, turn, started)
  const takeAt = (index: number) => take({ equipment, repeats, turn, call: calls[index]!, index }, steps[index]!)
  const taken =
    calls.length === 1
      ? [yield* takeAt(0)]
      : yield* Effect.forEach(calls, (_, index) => takeAt(index), { concurrency: "unbounded" })
  if (leg.plan.onToolDefect === "fail") {
    const index = taken.findIndex((each) => each?.outcome.isDefect)
    if (index >= 0) return defective(calls[index]!.name, taken[index]!.outcome)
  }
  if (taken.some((each) => each?.isLooping)) return "loop"
  if (wants.length > 0) return Suspension.make(leg, { kind: "calls", turn: turn.number }, wants, turn.unrecorded)
  return taken.flatMap((each) => (each === undefined ? [] : [each.answer]))
})

/** The end of the leg: the crew does not leave a mistake in the code of a tool to the model. */
const defective = (tool: string, { result, thrown }: Outcome): Ended =>
  failed("tool-defect", `The tool "${tool}" threw: ${Prompting.textOf(result)}`, {
    isRetryable: false,
    ...(thrown === undefined ? {} : { thrown })
  })

interface Taking {
  readonly equipment: Equipment
  readonly repeats: Repeats.Repeats
  readonly turn: Turn.Turn
  readonly call: Call
  readonly index: number
}

/** What the model is told about one call; `undefined`: it waits. */
const take = Effect.fnUntraced(function* ({ call, equipment, index, repeats, turn }: Taking, step: Step) {
  if (step._tag === "Wait") return undefined
  const repeat = repeats.find(call)
  const known = step._tag === "Make" && step.tool.cacheable === true && repeat?.isFailure === false ? repeat : undefined
  const outcome: Outcome =
    step._tag === "Known"
      ? step.outcome
      : step._tag === "Make" && known === undefined
        ? yield* executeCalling({ call, equipment, index, turn }, step)
        : yield* execute(equipment.leg, turn, { call, known: known?.result }, step)
  if (!Repeats.isRefused(repeat)) repeats.made(call, repeat, outcome)
  const isLooping = Repeats.isRefused(repeat) && Repeats.refuse(repeat)
  const answer: Prompting.ToolAnswer = {
    id: call.id,
    name: call.name,
    ...shownOf(equipment, turn, { call, index }, outcome)
  }
  return { answer, isLooping, outcome }
})

const isKnown = ({ history }: Leg, turn: Turn.Turn, call: Call): boolean =>
  history.results.has(Transcript.callKey(turn.number, call.id))

/** What ids of the asks, timers and tasks of a call begin with. */
const baseOf = (leg: Leg, turn: Turn.Turn, index: number | string): string =>
  `${leg.task.id}/${answeredBy(leg, turn)}.${turn.number}.${index}`

/** The run that recorded the answer, or will. */
const answeredBy = (leg: Leg, turn: Turn.Turn): number => leg.history.turns[turn.number - 1]?.run ?? leg.run

interface Place {
  readonly call: Call
  /** Among the calls of the turn; of a call within another, that of both. */
  readonly index: number | string
  /** Tasks that the calls before it add. */
  readonly adding: number
}

const stepOf = Effect.fnUntraced(function* (
  equipment: Equipment,
  turn: Turn.Turn,
  { adding, call, index }: Place
): Effect.fn.Return<Step, EventLog.EventLogError> {
  const { caller, leg, tools } = equipment
  const { history } = leg
  const key = Transcript.callKey(turn.number, call.id)
  const known = history.results.get(key)
  if (known !== undefined) return { _tag: "Known", outcome: known }
  const refused = (reason: string): Step => ({ _tag: "Refused", reason, args: call.params as Schema.Json })
  // Advice comes before anything else is done.
  if (history.advice.some((advice) => advice.turn === turn.number)) return refused(interrupted)
  // What another call of the same turn finds is not there yet.
  const found = readyIn(equipment, turn.number)
  const declared = tools.get(call.name) ?? found.get(call.name)
  if (declared === undefined) {
    const known = [...tools.keys()].filter((name) => name !== ShownResult.name || equipment.cut.size > 0)
    return refused(Prompting.unknownTool(call.name, [...known, ...found.keys()]))
  }
  const met = yield* Effect.result(Present.of(equipment, declared))
  if (Result.isFailure(met)) return refused(Prompting.unavailableTool(call.name, met.failure.message))
  const present = met.success
  const { tool } = present
  if (!tool.idempotent && history.started.has(key)) return refused(Prompting.interruptedTool)
  const sent = Repair.parsed(call.params)
  if (!Predicate.isReadonlyObject(sent)) {
    return refused(turn.answer.finishReason === "length" ? Prompting.truncatedCall : Prompting.unparsableArguments)
  }
  // Arguments from a model are JSON, which the type of the guard above does not express.
  const ready = Repair.ready(tool, sent as Schema.JsonObject)
  if (Result.isFailure(ready)) return ambiguous(ready.failure, sent as Schema.JsonObject)
  const params = ready.success
  const trust = Trust.withNested(equipment, turn.trust)
  const context: ToolContext = {
    ...caller,
    tenant: leg.tenant,
    ...(leg.userId === undefined ? {} : { userId: leg.userId }),
    run: leg.run,
    turn: turn.number,
    workspace: equipment.workspace,
    callId: call.id,
    idempotencyKey: `${leg.executionId}/${caller.taskId}/${answeredBy(leg, turn)}/${turn.number}/${call.id}`,
    ...(trust === "agent" ? {} : { trust })
  }
  const { seen } = turn
  const decision = Deciding.of(equipment, present, { args: params, seen })
  if (decision.verdict === "deny") return denied(tool, params, decision)
  const base = baseOf(leg, turn, index)
  if (tool.need === undefined && Approval.isFree(equipment, { id: base, tool, decision }))
    return { _tag: "Make", tool, args: params, context, decision }
  const approval = yield* Approval.of(equipment, { id: base, callId: call.id, tool, args: params, decision })
  if (approval._tag === "Waiting") return { _tag: "Wait", want: approval.want, decision }
  if (approval._tag === "Refused") return { _tag: "Refused", reason: approval.reason, args: params, decision }
  // A person may have edited the arguments, which are validated like those of the model.
  const approved = resolveArguments(tool, approval.args)
  if (Result.isFailure(approved)) return ambiguous(approved.failure, approval.args)
  const args = approved.success
  const ofEdited = args === params ? decision : Deciding.of(equipment, present, { args, seen })
  if (ofEdited.verdict === "deny") return denied(tool, args, ofEdited)
  const group = history.groups.get(key)?.find(({ signals }) => !Approval.isOf(base, signals[0]))
  const need = yield* Need.of(equipment, { base, tool, args, context, adding, group })
  if (need._tag === "Waiting") return { _tag: "Wait", want: need.want, decision }
  if (need._tag === "Refused") return { _tag: "Refused", reason: need.reason, args, decision }
  const waited = need.met === undefined ? context : { ...context, met: need.met }
  return { _tag: "Make", tool, args, context: waited, decision }
})

const ambiguous = ({ code, message }: ToolRetry, args: Schema.JsonObject): Step => ({
  _tag: "Refused",
  reason: message,
  args,
  ...(code === undefined ? {} : { code })
})

const denied = ({ name }: Tool, args: Schema.JsonObject, decision: Decision): Step => ({
  _tag: "Refused",
  reason: Prompting.policyDenied(name, decision.reason),
  args,
  code: "policy-denied",
  decision
})

/** What the model is shown of an outcome: what a person changed is said. */
const shownOf = (
  equipment: Equipment,
  turn: Turn.Turn,
  { call, index }: Pick<Place, "call" | "index">,
  { isFailure, result: whole }: Transcript.ToolOutcome
): Transcript.ToolOutcome => {
  const { cut, leg } = equipment
  const result = ShownResult.of(whole, { callId: call.id, cut, max: toolOf(equipment, call.name)?.maxResult })
  const edited = Approval.editedArguments(leg, baseOf(leg, turn, index))
  return edited === undefined ? { isFailure, result } : { isFailure, result: Prompting.edited(edited, result) }
}

const startOf = ({ run, task }: Leg, turn: Turn.Turn, call: Call): Draft => ({
  type: "ToolStarted",
  taskId: task.id,
  run,
  turn: turn.number,
  callId: call.id,
  tool: call.name
})

interface Executing {
  readonly call: Call
  readonly known?: string | undefined
  /** The id of the call whose tool makes this one. */
  readonly within?: string
}

/** Makes a call whose tool may call others. */
const executeCalling = Effect.fnUntraced(function* (
  { call: outer, equipment, index, turn }: Omit<Taking, "repeats">,
  step: Extract<Step, { readonly _tag: "Make" }>
): Effect.fn.Return<Outcome, Lost | EventLog.EventLogError> {
  const { leg } = equipment
  let count = 0
  let unrecorded: Lost | EventLog.EventLogError | undefined
  const make = Effect.fnUntraced(function* (name: string, args: Schema.JsonObject) {
    const number = count++
    const call: Call = { ...outer, id: `${outer.id}/${number}`, name, params: args }
    const wanted = yield* stepOf(equipment, turn, { call, index: `${index}.${number}`, adding: 0 })
    if (wanted._tag === "Known") return wanted.outcome
    if (wanted._tag === "Make" && !wanted.tool.idempotent) yield* leg.record([startOf(leg, turn, call)])
    const within = { call, within: outer.id }
    if (wanted._tag !== "Wait") return yield* execute(leg, turn, within, wanted)
    const { decision } = wanted
    const refused = { _tag: "Refused", reason: Prompting.waitsWithin(name), args, code: "call-directly" } as const
    return yield* execute(leg, turn, within, { ...refused, decision })
  })
  const call: NonNullable<ToolContext["call"]> = (name, args) =>
    Effect.matchEffect(make(name, args), {
      onFailure: (error) => {
        unrecorded = error
        return Effect.fail(new ToolFailed({ message: "The call could not be recorded." }))
      },
      onSuccess: ({ code, isFailure, result }) => {
        if (!isFailure) {
          equipment.nested.push({ name, result })
          return Effect.succeed(result)
        }
        const message = Prompting.textOf(result)
        return Effect.fail(new ToolFailed({ message, ...(code === undefined ? {} : { code }) }))
      }
    })
  const outcome = yield* execute(leg, turn, { call: outer }, { ...step, context: { ...step.context, call } })
  return unrecorded === undefined ? outcome : yield* Effect.fail(unrecorded)
})

/**
 * Makes one call, or refuses it, and records the result. `known`: the result of an earlier call
 * with the same arguments, as JSON.
 */
const execute = Effect.fnUntraced(function* (
  leg: Leg,
  turn: Turn.Turn,
  { call, known, within }: Executing,
  step: Extract<Step, { readonly _tag: "Make" | "Refused" }>
) {
  const startedAt = yield* Clock.currentTimeMillis
  const outcome: Outcome =
    step._tag === "Make"
      ? known === undefined
        ? yield* outcomeOf(call, step)
        : { result: JSON.parse(known) as Schema.Json, isFailure: false }
      : { result: step.reason, isFailure: true, ...(step.code === undefined ? {} : { code: step.code }) }
  yield* leg.record([
    {
      type: "ToolCalled",
      taskId: leg.task.id,
      run: leg.run,
      turn: turn.number,
      callId: call.id,
      ...(within === undefined ? {} : { within }),
      tool: call.name,
      arguments: step.args,
      result: outcome.result,
      isFailure: outcome.isFailure,
      ...(outcome.code === undefined ? {} : { code: outcome.code }),
      ...(step.decision === undefined ? {} : { decision: step.decision }),
      ...(known === undefined ? {} : { cached: true as const }),
      ...(outcome.isDefect === true ? { isDefect: true as const } : {}),
      durationMillis: (yield* Clock.currentTimeMillis) - startedAt
    }
  ])
  return outcome
})

/** Stops a call that exceeds the time limit of its tool. */
const limited = (
  { name, timeoutMillis }: Tool,
  work: Effect.Effect<Schema.Json, ToolError>
): Effect.Effect<Schema.Json, ToolError> =>
  timeoutMillis === undefined
    ? work
    : Effect.timeoutOrElse(work, {
        duration: timeoutMillis,
        orElse: () =>
          Effect.fail(new ToolFailed({ message: Prompting.toolTimeout(name, timeoutMillis), code: "timeout" }))
      })

const outcomeOf = (
  call: Call,
  { args, context, tool }: Extract<Step, { readonly _tag: "Make" }>
): Effect.Effect<Outcome> =>
  Effect.matchEffect(limited(tool, tool.execute(args, context)), {
    onFailure: (error) => {
      const { code, message } = error
      const isDefect = error._tag === "ToolFailed" && error.isDefect === true
      const outcome: Outcome = {
        result: JsonSize.isTooLarge(message) ? Prompting.resultTooLarge(call.name) : redact(message),
        isFailure: true,
        ...(code === undefined ? {} : { code }),
        ...(isDefect ? { isDefect, thrown: error.cause } : {})
      }
      return isDefect ? Effect.as(logDefect(call, context, error.cause), outcome) : Effect.succeed(outcome)
    },
    // The size first: what has passed can be walked.
    onSuccess: (result) =>
      Effect.succeed<Outcome>(
        JsonSize.isTooLarge(result)
          ? { result: Prompting.resultTooLarge(call.name), isFailure: true }
          : JsonDepth.isTooDeep(result)
            ? { result: Prompting.resultTooDeep(call.name), isFailure: true }
            : { result, isFailure: false }
      )
  })

/** With its stack and its causes: the model is told only its message. */
const logDefect = (call: Call, { executionId, taskId }: ToolContext, thrown: unknown) =>
  Effect.logError(`The tool "${call.name}" threw: ${redact(Cause.pretty(Cause.die(thrown)))}`).pipe(
    Effect.annotateLogs({ executionId, taskId, callId: call.id })
  )
