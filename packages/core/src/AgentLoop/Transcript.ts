/**
 * What the log already knows of a task's current attempt: recorded answers, tool results, verdicts. A task that is taken again goes
 * on from here, so that nothing recorded is asked or done twice.
 */
import type * as Schema from "effect/Schema"
import type * as ExecutionEvent from "../ExecutionEvent.ts"

export interface ToolOutcome {
  readonly result: Schema.Json
  readonly isFailure: boolean
}

export interface Transcript {
  /** Answers in order; the first is turn 1. */
  readonly turns: ReadonlyArray<ExecutionEvent.TurnCompleted>
  /** Results by `callKey`. */
  readonly results: ReadonlyMap<string, ToolOutcome>
  /** Calls that had begun, by `callKey`. */
  readonly started: ReadonlySet<string>
  /** Complaints by turn. */
  readonly rejections: ReadonlyMap<number, ExecutionEvent.OutputRejected>
  /** Verdicts by `verdictKey`. */
  readonly verdicts: ReadonlyMap<string, ExecutionEvent.GuardrailJudged>
}

/** A call is known by its turn too: some providers number calls anew in every answer. */
export const callKey = (turn: number, callId: string): string => `${turn} ${callId}`
export const verdictKey = (turn: number, guardrail: number): string => `${turn} ${guardrail}`

export const empty: Transcript = {
  turns: [],
  results: new Map(),
  started: new Set(),
  rejections: new Map(),
  verdicts: new Map()
}

/** From the events of one task, in order. What a stale run recorded is ignored, as in the fold. */
export const fromEvents = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): Transcript => {
  let turns: Array<ExecutionEvent.TurnCompleted> = []
  const results = new Map<string, ToolOutcome>()
  const started = new Set<string>()
  const rejections = new Map<number, ExecutionEvent.OutputRejected>()
  const verdicts = new Map<string, ExecutionEvent.GuardrailJudged>()
  let run = 0
  for (const event of events) {
    if (event.type === "TaskStarted") {
      run = event.run
      continue
    }
    if (!("run" in event) || event.run !== run) continue
    switch (event.type) {
      case "TurnCompleted":
        if (event.turn === turns.length + 1) turns.push(event)
        break
      case "ToolStarted":
        started.add(callKey(event.turn, event.callId))
        break
      case "ToolCalled":
        results.set(callKey(event.turn, event.callId), event)
        break
      case "OutputRejected":
        rejections.set(event.turn, event)
        break
      case "GuardrailJudged":
        verdicts.set(verdictKey(event.turn, event.guardrail), event)
        break
      case "TaskRetried":
        if (!event.keepsTurns) {
          turns = []
          results.clear()
          started.clear()
          rejections.clear()
          verdicts.clear()
        }
        break
    }
  }
  return { turns, results, started, rejections, verdicts }
}
