/**
 * What the log already knows of a task's current attempt: recorded answers, tool results, verdicts.
 * A task that is taken again goes on from here, so that nothing recorded is asked or done twice.
 */
import type * as Schema from "effect/Schema"
import type * as ExecutionEvent from "../ExecutionEvent.ts"
import { leastTrusted, type Origin } from "../MemoryOptions.ts"
import type * as Wait from "../Wait.ts"
import * as Searching from "./Searching.ts"

export interface ToolOutcome {
  readonly result: Schema.Json
  readonly isFailure: boolean
  readonly code?: string
  readonly isDefect?: true
}

export interface Transcript {
  /** Answers in order; the first is turn 1. */
  readonly turns: ReadonlyArray<ExecutionEvent.TurnCompleted>
  /** Results by `callKey`. */
  readonly results: ReadonlyMap<string, ToolOutcome>
  /** Calls that had begun, by `callKey`. */
  readonly started: ReadonlySet<string>
  /** Tools that searches found, each with the turn whose search found it first. */
  readonly found: ReadonlyMap<string, number>
  /** Calls that tools made, such as the code of `code_run`, and that did not fail. */
  readonly nested: ReadonlyArray<Nested>
  /** Complaints by turn. */
  readonly rejections: ReadonlyMap<number, ExecutionEvent.OutputRejected>
  /** Verdicts by `verdictKey`. */
  readonly verdicts: ReadonlyMap<string, ExecutionEvent.GuardrailJudged>
  /** Verdicts of the manager by turn. */
  readonly reviews: ReadonlyMap<number, ExecutionEvent.ReviewJudged>
  /**
   * What calls wait for or have waited for, by `callKey`, in the order in which it was recorded.
   */
  readonly groups: ReadonlyMap<string, ReadonlyArray<Wait.Group>>
  /** Answers to asks of the task, by the ask's id. */
  readonly answers: ReadonlyMap<string, ExecutionEvent.AskAnswered>
  /** The definitions of the tools that the approvals of the task refer to, by the id of the ask. */
  readonly definitions: ReadonlyMap<string, string>
  /** What silence answers to questions of the task, by the ask's id. */
  readonly defaults: ReadonlyMap<string, Schema.Json>
  /** What the agent was told after a failure, each with the turns that there were by then. */
  readonly advice: ReadonlyArray<Advice>
  /**
   * It waits, or has waited, for what becomes of its failure, or for what takes its place; nothing
   * has followed that up yet.
   */
  readonly recovering: ExecutionEvent.TaskSuspended | undefined
  /**
   * The least trusted origin of what the agent was reminded of; absent: it was reminded of nothing.
   */
  readonly recalled?: Origin
  /** How often people sent an output of the task back in attempts whose turns were given up. */
  readonly earlierRevisions: number
  /** How often the manager did. */
  readonly earlierReviews: number
  /**
   * How long earlier runs of the attempt worked, in milliseconds; one that crashed, until its last
   * event.
   */
  readonly activeMillis: number
}

/** A call that the model did not make itself, but whose result it may have seen. */
export interface Nested {
  readonly name: string
  readonly result: Schema.Json
}

export interface Advice {
  readonly turn: number
  readonly text: string
}

/** A call is known by its turn too: some providers number calls anew in every answer. */
export const callKey = (turn: number, callId: string): string => `${turn} ${callId}`
export const verdictKey = (turn: number, guardrail: number): string => `${turn} ${guardrail}`

export const empty: Transcript = {
  turns: [],
  results: new Map(),
  started: new Set(),
  found: new Map(),
  nested: [],
  rejections: new Map(),
  verdicts: new Map(),
  reviews: new Map(),
  groups: new Map(),
  answers: new Map(),
  definitions: new Map(),
  defaults: new Map(),
  advice: [],
  recovering: undefined,
  earlierRevisions: 0,
  earlierReviews: 0,
  activeMillis: 0
}

/**
 * From the events of one task, in order. What a stale run recorded is ignored, as in the fold.
 * `workedUntil`: the last run has worked until then, by the log's clock, and goes on from here.
 */
export const fromEvents = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>, workedUntil?: number): Transcript => {
  let turns: Array<ExecutionEvent.TurnCompleted> = []
  const results = new Map<string, ToolOutcome>()
  const started = new Set<string>()
  const found = new Map<string, number>()
  let nested: Array<Nested> = []
  const rejections = new Map<number, ExecutionEvent.OutputRejected>()
  const verdicts = new Map<string, ExecutionEvent.GuardrailJudged>()
  const reviews = new Map<number, ExecutionEvent.ReviewJudged>()
  const groups = new Map<string, Array<Wait.Group>>()
  const answers = new Map<string, ExecutionEvent.AskAnswered>()
  const definitions = new Map<string, string>()
  const defaults = new Map<string, Schema.Json>()
  let advice: Array<Advice> = []
  let recovering: ExecutionEvent.TaskSuspended | undefined
  let recalled: Origin | undefined
  const worked = new WorkedTime()
  let revisions = 0
  let earlierRevisions = 0
  let earlierReviews = 0
  let run = 0
  for (const event of events) {
    if (event.type === "AskAnswered") {
      answers.set(event.ask, event)
      if (event.answer === "revise") revisions++
      continue
    }
    if (event.type === "TaskStarted") {
      run = event.run
      worked.begin(event.at)
      continue
    }
    if (!("run" in event) || event.run !== run) continue
    worked.passed(event)
    switch (event.type) {
      case "TurnCompleted":
        if (event.turn === turns.length + 1) turns.push(event)
        break
      case "MemoryRecalled":
        recalled = leastTrusted(recalled ?? "user", event.trust ?? "agent")
        break
      case "ToolStarted":
        started.add(callKey(event.turn, event.callId))
        break
      case "ToolCalled":
        results.set(callKey(event.turn, event.callId), event)
        if (event.within !== undefined && !event.isFailure) nested.push({ name: event.tool, result: event.result })
        for (const name of Searching.namesIn(event)) if (!found.has(name)) found.set(name, event.turn)
        break
      case "OutputRejected":
        rejections.set(event.turn, event)
        break
      case "GuardrailJudged":
        verdicts.set(verdictKey(event.turn, event.guardrail), event)
        break
      case "ReviewJudged":
        reviews.set(event.turn, event)
        break
      case "TaskSuspended":
        note(groups, event)
        if (event.for.kind === "recovery" || event.for.kind === "replacement") recovering = event
        for (const { definition, id, reply } of event.asks ?? []) {
          if (reply !== undefined) defaults.set(id, reply)
          if (definition !== undefined) definitions.set(id, definition)
        }
        break
      case "TaskRetried":
        recovering = undefined
        if (event.advice !== undefined) advice.push({ turn: turns.length, text: event.advice })
        if (!event.keepsTurns) {
          advice = advice.map(({ text }) => ({ turn: 0, text }))
          earlierRevisions = revisions
          for (const { verdict } of reviews.values()) if (verdict === "revise") earlierReviews++
          turns = []
          nested = []
          for (const known of [results, started, found, rejections, verdicts, reviews, groups]) known.clear()
        }
        break
    }
  }
  if (workedUntil !== undefined) worked.until(workedUntil)
  return {
    turns,
    results,
    started,
    found,
    nested,
    rejections,
    verdicts,
    reviews,
    groups,
    answers,
    definitions,
    defaults,
    advice,
    recovering,
    ...(recalled === undefined ? {} : { recalled }),
    earlierRevisions,
    earlierReviews,
    activeMillis: worked.millis
  }
}

const note = (groups: Map<string, Array<Wait.Group>>, event: ExecutionEvent.TaskSuspended): void => {
  if (event.for.kind !== "calls") return
  for (const group of event.waits.groups) {
    if (group.call === undefined) continue
    const key = callKey(event.for.turn, group.call)
    const known = groups.get(key) ?? []
    // Suspended again for the same.
    if (!known.some((one) => idOf(one) === idOf(group))) groups.set(key, [...known, group])
  }
}

const idOf = ({ signals, tasks, timer }: Wait.Group): string => [...signals, ...tasks, timer].join(" ")

/** The time of the runs of an attempt, without that between them. */
class WorkedTime {
  millis = 0
  private since: number | undefined
  private last = 0

  begin(at: string): void {
    // One that was not ended has crashed.
    if (this.since !== undefined) this.millis += this.last - this.since
    this.since = this.last = Date.parse(at)
  }

  until(millis: number): void {
    if (this.since !== undefined) this.millis += Math.max(millis - this.since, 0)
  }

  passed({ at, type }: ExecutionEvent.ExecutionEvent): void {
    this.last = Date.parse(at)
    if (type !== "TaskSuspended" && type !== "TaskReleased" && type !== "TaskRetried") return
    if (this.since !== undefined) this.millis += this.last - this.since
    this.since = undefined
    if (type === "TaskRetried") this.millis = 0
  }
}
