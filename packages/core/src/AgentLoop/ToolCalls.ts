/**
 * The tool calls of one turn, all at once. A call whose result is recorded is not made again, and one that must not be repeated is
 * recorded before it begins.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as EventLog from "../EventLog.ts"
import type { Draft } from "../ExecutionEvent.ts"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSize from "../JsonSize.ts"
import { redact } from "../Redact.ts"
import type { Equipment } from "./Equipment.ts"
import type { Leg, Lost } from "./Leg.ts"
import * as Prompting from "./Prompting.ts"
import * as Repeats from "./Repeats.ts"
import * as Transcript from "./Transcript.ts"
import * as Turn from "./Turn.ts"

type Call = Response.ToolCallPartEncoded

/** Makes the calls of a turn. `loop`: the agent does not get out of its rut. */
export const make = (
  equipment: Equipment
): ((
  turn: Turn.Turn,
  calls: ReadonlyArray<Call>
) => Effect.Effect<ReadonlyArray<Prompting.ToolAnswer> | "loop", Lost | EventLog.EventLogError>) => {
  const { leg, tools } = equipment
  const { history } = leg
  const repeats = new Repeats.Repeats()
  let looping = false

  /** A call that is made now, and must not be made twice. */
  const isUnique = (turn: Turn.Turn, call: Call): boolean => {
    if (tools.get(call.name)?.idempotent !== false) return false
    if (Repeats.isRefused(repeats.find(Repeats.signatureOf(call)))) return false
    const key = Transcript.callKey(turn.number, call.id)
    return !history.results.has(key) && !history.started.has(key)
  }

  const callTool = (turn: Turn.Turn, call: Call) =>
    Effect.suspend(() => {
      const signature = Repeats.signatureOf(call)
      const earlier = repeats.find(signature)
      const refused = Repeats.isRefused(earlier) ? earlier : undefined
      const known = history.results.get(Transcript.callKey(turn.number, call.id))
      const outcome = known === undefined ? execute(equipment, turn, call, refused) : Effect.succeed(known)
      return Effect.map(outcome, ({ isFailure, result }): Prompting.ToolAnswer => {
        if (refused === undefined) repeats.made(signature, earlier, result)
        else if (Repeats.refuse(refused)) looping = true
        return { id: call.id, name: call.name, result, isFailure }
      })
    })

  return (turn, calls) =>
    Effect.gen(function* () {
      const started = calls.filter((call) => isUnique(turn, call)).map((call) => startOf(leg, turn, call))
      yield* Turn.record(leg, turn, started)
      const answers =
        calls.length === 1
          ? [yield* callTool(turn, calls[0]!)]
          : yield* Effect.forEach(calls, (call) => callTool(turn, call), { concurrency: "unbounded" })
      return looping ? "loop" : answers
    })
}

const startOf = ({ run, task }: Leg, turn: Turn.Turn, call: Call): Draft => ({
  type: "ToolStarted",
  taskId: task.id,
  run,
  turn: turn.number,
  callId: call.id,
  tool: call.name
})

/** Makes one call, or refuses it, and records the result. */
const execute = Effect.fnUntraced(function* (
  equipment: Equipment,
  turn: Turn.Turn,
  call: Call,
  refused: Repeats.Repeat | undefined
) {
  const { leg } = equipment
  const startedAt = yield* Clock.currentTimeMillis
  const outcome =
    refused === undefined
      ? yield* outcomeOf(equipment, turn, call)
      : { result: Prompting.repeatedCall(refused.times), isFailure: true }
  yield* leg.record([
    {
      type: "ToolCalled",
      taskId: leg.task.id,
      run: leg.run,
      turn: turn.number,
      callId: call.id,
      tool: call.name,
      arguments: call.params as Schema.Json,
      result: outcome.result,
      isFailure: outcome.isFailure,
      durationMillis: (yield* Clock.currentTimeMillis) - startedAt
    }
  ])
  return outcome
})

const outcomeOf = (
  { caller, leg, tools }: Equipment,
  turn: Turn.Turn,
  call: Call
): Effect.Effect<Transcript.ToolOutcome> => {
  const { history } = leg
  const fail = (result: string) => Effect.succeed({ result, isFailure: true })
  const tool = tools.get(call.name)
  if (tool === undefined) return fail(Prompting.unknownTool(call.name, [...tools.keys()]))
  if (!tool.idempotent && history.started.has(Transcript.callKey(turn.number, call.id))) {
    return fail(Prompting.interruptedTool)
  }
  if (!Predicate.isReadonlyObject(call.params)) return fail(Prompting.unparsableArguments)
  const answeredBy = history.turns[turn.number - 1]?.run ?? leg.run
  const idempotencyKey = `${leg.executionId}/${caller.taskId}/${answeredBy}/${turn.number}/${call.id}`
  return Effect.match(tool.execute(call.params as Schema.JsonObject, { ...caller, callId: call.id, idempotencyKey }), {
    onFailure: ({ message }): Transcript.ToolOutcome => ({
      result: JsonSize.isTooLarge(message) ? Prompting.resultTooLarge(call.name) : redact(message),
      isFailure: true
    }),
    // The size first: what has passed can be walked.
    onSuccess: (result): Transcript.ToolOutcome =>
      JsonSize.isTooLarge(result)
        ? { result: Prompting.resultTooLarge(call.name), isFailure: true }
        : JsonDepth.isTooDeep(result)
          ? { result: Prompting.resultTooDeep(call.name), isFailure: true }
          : { result, isFailure: false }
  })
}
