/**
 * One agent at work on one task: model turns and tool calls until an answer is accepted, within limits.
 *
 * A turn is recorded before its tools run, and each tool's result before the next turn; a call that must not be repeated is recorded
 * before it begins. So an attempt that is taken up again asks nothing twice and repeats no such call. Interrupting the loop
 * interrupts the calls in flight.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as Acceptance from "./AgentLoop/Acceptance.ts"
import * as AnswerParts from "./AgentLoop/AnswerParts.ts"
import * as Attachments from "./AgentLoop/Attachments.ts"
import { failed, limitsOf, type Ended, type Leg, type Lost } from "./AgentLoop/Leg.ts"
import * as Prompting from "./AgentLoop/Prompting.ts"
import * as Transcript from "./AgentLoop/Transcript.ts"
import type * as EventLog from "./EventLog.ts"
import type { Draft, TurnCompleted } from "./ExecutionEvent.ts"
import * as JsonDepth from "./JsonDepth.ts"
import { redact } from "./Redact.ts"
import type * as Llm from "./Llm.ts"
import type * as Toolbox from "./Toolbox.ts"
import type * as Workspace from "./Workspace.ts"

export { failed, Lost, type Ended, type Leg } from "./AgentLoop/Leg.ts"

/** What the loop stands on. */
export interface Services {
  readonly llm: Llm.Llm["Service"]
  readonly toolbox: Toolbox.Toolbox["Service"]
  readonly workspace: Workspace.Workspace["Service"]
}

/** The same call with the same result so often is not made again … */
const repeatsBeforeRefusal = 3
/** … and after so many refusals more the attempt fails. */
const refusalsBeforeFailure = 3

/** Runs one leg. Failures of models, tools and checks are outcomes; the error channel is for a lost task or a storage that failed. */
export const run = (services: Services, leg: Leg): Effect.Effect<Ended, Lost | EventLog.EventLogError> => {
  const { timeoutMillis } = leg.task
  const loop = turns(services, leg)
  return timeoutMillis === undefined
    ? loop
    : Effect.timeoutOrElse(loop, {
        duration: timeoutMillis,
        orElse: () =>
          Effect.succeed(
            failed("timeout", `The attempt was stopped after its time limit of ${timeoutMillis} ms.`, {
              isRetryable: true,
              keepsTurns: true
            })
          )
      })
}

/** `RateLimited` -> `model-rate-limited`. */
const modelCode = (tag: string): string => `model${tag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const modelFailed = (error: Llm.LlmError, progress: ReadonlyArray<Draft> = []): Ended =>
  failed(modelCode(error.reason._tag), error.message, {
    isRetryable: error.reason.isRetryable,
    keepsTurns: true,
    retryAfterMillis: "retryAfterMillis" in error.reason ? error.reason.retryAfterMillis : undefined,
    progress
  })

/** A tool as the model sees it, made once per tool. */
const definitions = new WeakMap<Toolbox.Tool, Llm.ToolDefinition>()
const definitionOf = (tool: Toolbox.Tool): Llm.ToolDefinition => {
  let definition = definitions.get(tool)
  if (definition === undefined) {
    definition = { name: tool.name, description: tool.description, parameters: tool.parameters }
    definitions.set(tool, definition)
  }
  return definition
}

const turns = Effect.fnUntraced(function* (services: Services, leg: Leg) {
  const { history, task } = leg
  const agent = leg.plan.agents[task.agent]!
  const tools = new Map<string, Toolbox.Tool>()
  for (const name of task.tools) {
    const tool = yield* Effect.result(services.toolbox.get(name))
    if (tool._tag === "Failure") return failed("unknown-tool", tool.failure.message, { isRetryable: false })
    tools.set(name, tool.success)
  }
  const toolDefinitions = Array.from(tools.values(), definitionOf)
  const resolved = yield* Effect.result(services.llm.resolve(agent.model))
  if (resolved._tag === "Failure") return modelFailed(resolved.failure)
  const model = resolved.success
  const caller = { executionId: leg.executionId, taskId: task.id, agent: task.agent }

  const limits = limitsOf(leg)
  const load = Attachments.loader(services.workspace, task)

  const conversation: Array<Prompt.MessageEncoded> = []
  let fresh: ReadonlyArray<Prompt.MessageEncoded> = Prompting.opening({
    agent,
    task,
    upstream: leg.upstream,
    memories: leg.memories
  })
  const repeats = new Map<string, Repeat>()
  let repairs = 0
  const notices: Array<Draft> = []

  for (let turn = 1; turn <= task.maxTurns; turn++) {
    const recorded = history.turns[turn - 1]
    // What must be appended before anything happens that depends on this turn.
    let unrecorded: Array<Draft> = []
    let answer: Pick<TurnCompleted, "parts" | "finishReason">
    if (recorded !== undefined) {
      conversation.push(...recorded.messages)
      answer = recorded
    } else {
      conversation.push(...fresh)
      const last = turn === task.maxTurns
      const toolsAllowed = toolDefinitions.length > 0 && !last
      const shown = yield* Effect.result(load(conversation))
      if (shown._tag === "Failure") {
        return failed("attachment", shown.failure.message, { isRetryable: false, keepsTurns: true })
      }
      let offset = 0
      const { onDelta } = leg
      const result = yield* Effect.result(
        model.generate({
          messages: shown.success,
          tools: toolDefinitions,
          toolChoice: toolsAllowed ? "auto" : "none",
          // The provider's own means for JSON only when no tool can be called any more: a schema must never stop the tools.
          ...(task.output !== undefined && !toolsAllowed ? { output: { name: task.id, schema: task.output } } : {}),
          ...(agent.modelOptions === undefined ? {} : { options: agent.modelOptions }),
          ...(limits === undefined ? {} : { limits }),
          ...(task.cache === true ? { cache: true } : {}),
          ...(onDelta === undefined
            ? {}
            : {
                onDelta: (delta: string) => {
                  onDelta(turn, offset, delta)
                  offset += delta.length
                }
              }),
          onNotice: (notice) => {
            notices.push({
              type: "ModelNoticed",
              taskId: task.id,
              run: leg.run,
              turn,
              notice: { ...notice, message: redact(notice.message) }
            })
          },
          caller
        })
      )
      const noticed = notices.splice(0)
      if (result._tag === "Failure") return modelFailed(result.failure, noticed)
      const parts = AnswerParts.withinDepth(result.success.parts)
      answer = { parts, finishReason: result.success.finishReason }
      unrecorded = [
        ...noticed,
        {
          type: "TurnCompleted",
          taskId: task.id,
          run: leg.run,
          turn,
          messages: fresh,
          parts,
          finishReason: result.success.finishReason,
          model: result.success.model,
          usage: result.success.usage
        }
      ]
    }
    const said = Prompting.answerMessage(answer.parts)
    // Providers refuse a message without content.
    if (said.content.length > 0) conversation.push(said)

    const calls = answer.parts.filter((part) => part.type === "tool-call")
    if (calls.length > 0) {
      const answers = yield* callTools({ services, leg, tools, turn, calls, unrecorded, repeats })
      if (answers === "loop") {
        return failed("tool-loop", `The agent made the same tool calls again and again without any progress.`, {
          isRetryable: true
        })
      }
      fresh = [Prompting.toolMessage(answers)]
      continue
    }

    if (answer.finishReason === "content-filter") {
      return failed("model-content-refused", "The provider's content filter stopped the answer.", {
        isRetryable: false,
        keepsTurns: true,
        progress: unrecorded
      })
    }

    // What was refused once stays refused, whatever a check would say today: the turns after it stand on that.
    const rejection = history.rejections.get(turn)
    const verdict: Acceptance.Verdict =
      rejection === undefined
        ? yield* Acceptance.judge({ leg, agent, model, turn, answer, unrecorded })
        : { _tag: "Refused", by: rejection.by, complaint: rejection.complaint, unrecorded }
    if (verdict._tag === "Ended") return verdict.ended
    if (verdict._tag === "Accepted") {
      const { output } = verdict
      if (task.outputFile === undefined) {
        return { outcome: { _tag: "Completed", output }, progress: verdict.unrecorded } satisfies Ended
      }
      const written = yield* Effect.result(services.workspace.write(task.outputFile, Prompting.textOf(output)))
      if (written._tag === "Failure") {
        return failed("output-file", written.failure.message, { isRetryable: false, progress: verdict.unrecorded })
      }
      return {
        outcome: { _tag: "Completed", output, outputFile: task.outputFile },
        progress: verdict.unrecorded
      } satisfies Ended
    }
    const { by, complaint } = verdict
    if (rejection === undefined) {
      const rejected: Draft = { type: "OutputRejected", taskId: task.id, run: leg.run, turn, by, complaint }
      yield* leg.record(Arr.append(verdict.unrecorded, rejected))
    }
    if (++repairs > task.maxRepairs) {
      return failed(
        by === "schema" ? "output-invalid" : "guardrail-refused",
        `The answer was refused ${repairs} times; the last complaint: ${complaint}`,
        { isRetryable: true }
      )
    }
    fresh = [Prompting.complaintMessage(complaint, task.output)]
  }
  return failed(
    "max-turns",
    `No accepted answer within ${task.maxTurns} turns; raise maxTurns or make the task smaller.`,
    {
      isRetryable: false
    }
  )
})

/** What is known of calls that were made before, by tool and arguments. */
interface Repeat {
  result: string
  times: number
  refused: number
}

interface ToolTurn {
  readonly services: Services
  readonly leg: Leg
  readonly tools: ReadonlyMap<string, Toolbox.Tool>
  readonly turn: number
  readonly calls: ReadonlyArray<Response.ToolCallPartEncoded>
  readonly unrecorded: ReadonlyArray<Draft>
  readonly repeats: Map<string, Repeat>
}

const signatureOf = (call: Response.ToolCallPartEncoded): string => `${call.name} ${JSON.stringify(call.params)}`

const isRefused = (repeat: Repeat | undefined): boolean => repeat !== undefined && repeat.times >= repeatsBeforeRefusal

/** Makes the calls of one turn, all at once. `loop`: the agent does not get out of its rut. */
const callTools = Effect.fnUntraced(function* (options: ToolTurn) {
  const { calls, leg, repeats, tools, turn } = options
  const { history, task } = leg
  const begun: Array<Draft> = [...options.unrecorded]
  for (const call of calls) {
    const key = Transcript.callKey(turn, call.id)
    if (tools.get(call.name)?.idempotent !== false || isRefused(repeats.get(signatureOf(call)))) continue
    if (history.results.has(key) || history.started.has(key)) continue
    begun.push({ type: "ToolStarted", taskId: task.id, run: leg.run, turn, callId: call.id, tool: call.name })
  }
  if (Arr.isArrayNonEmpty(begun)) yield* leg.record(begun)

  let looping = false
  const callTool = Effect.fnUntraced(function* (call: Response.ToolCallPartEncoded) {
    const signature = signatureOf(call)
    const repeat = repeats.get(signature)
    const refused = isRefused(repeat)
    const outcome =
      history.results.get(Transcript.callKey(turn, call.id)) ??
      (yield* execute(options, call, refused ? repeat : undefined))
    if (refused) {
      if (++repeat!.refused > refusalsBeforeFailure) looping = true
    } else {
      const result = JSON.stringify(outcome.result) ?? "null"
      if (repeat?.result === result) repeat.times++
      else repeats.set(signature, { result, times: 1, refused: 0 })
    }
    return { id: call.id, name: call.name, result: outcome.result, isFailure: outcome.isFailure }
  })
  const answers =
    calls.length === 1
      ? [yield* callTool(calls[0]!)]
      : yield* Effect.forEach(calls, callTool, { concurrency: "unbounded" })
  return looping ? "loop" : answers
})

/** Makes one call, or refuses it, and records the result. */
const execute = Effect.fnUntraced(function* (
  { leg, tools, turn }: ToolTurn,
  call: Response.ToolCallPartEncoded,
  refused: Repeat | undefined
) {
  const { history, task } = leg
  const tool = tools.get(call.name)
  const startedAt = yield* Clock.currentTimeMillis
  let outcome: Transcript.ToolOutcome
  if (refused !== undefined) {
    outcome = { result: Prompting.repeatedCall(refused.times), isFailure: true }
  } else if (tool === undefined) {
    outcome = { result: Prompting.unknownTool(call.name, [...tools.keys()]), isFailure: true }
  } else if (!tool.idempotent && history.started.has(Transcript.callKey(turn, call.id))) {
    outcome = { result: Prompting.interruptedTool, isFailure: true }
  } else if (!Predicate.isReadonlyObject(call.params)) {
    outcome = { result: Prompting.unparsableArguments, isFailure: true }
  } else {
    const answeredBy = history.turns[turn - 1]?.run ?? leg.run
    const result = yield* Effect.result(
      tool.execute(call.params as Schema.JsonObject, {
        executionId: leg.executionId,
        taskId: task.id,
        agent: task.agent,
        callId: call.id,
        idempotencyKey: `${leg.executionId}/${task.id}/${answeredBy}/${turn}/${call.id}`
      })
    )
    outcome =
      result._tag === "Failure"
        ? { result: redact(result.failure.message), isFailure: true }
        : JsonDepth.isTooDeep(result.success)
          ? { result: Prompting.resultTooDeep(call.name), isFailure: true }
          : { result: result.success, isFailure: false }
  }
  yield* leg.record([
    {
      type: "ToolCalled",
      taskId: task.id,
      run: leg.run,
      turn,
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
