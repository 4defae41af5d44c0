/**
 * A leg's knowledge of its task, from the log alone: turns, calls, asks and answers. Where a rule
 * is off, the history differs accordingly.
 */
import type * as Schema from "effect/Schema"
import type * as Ask from "../../src/Ask.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Wait from "../../src/Wait.ts"
import { type Answer, decode, keyOf } from "./Call.ts"
import type { Rules } from "./Rules.ts"
import { WorkedTime } from "./WorkedTime.ts"

export interface Turn {
  /** The run that recorded it, or will. */
  readonly run: number
  readonly answer: Answer
}

/** The start of the turn after a revision; `id`: of the review. */
export const feedbackOf = (id: string): string => `Change it, as ${id} says.`

export const textOf = ({ content, role }: ExecutionEvent.TurnCompleted["messages"][number]): string =>
  role === "user" && typeof content === "string" ? content : ""

/** The answer of a turn. */
export const finalOf = (turn: Turn | undefined): Schema.Json | undefined =>
  turn?.answer.kind === "final" ? turn.answer.value : undefined

export class History {
  turns: ReadonlyArray<Turn> = []
  /** Calls with a result, by `keyOf`. */
  readonly results = new Set<string>()
  /** Calls that must not be repeated and have begun. */
  readonly started = new Set<string>()
  /** Current and past waits of calls. */
  readonly groups = new Map<string, ReadonlyArray<Wait.Group>>()
  readonly asks = new Map<string, Ask.Ask>()
  readonly answers = new Map<string, ExecutionEvent.AskAnswered>()
  /** The last requested review, by reviewer. */
  readonly reviews = new Map<string, string>()
  /**
   * How often people sent the output back, in all attempts; how often the manager did, and the
   * output that it sent back.
   */
  revisions = 0
  managerRevisions = 0
  sentBack: Schema.Json | undefined = undefined
  /** Verdicts of the manager, by turn. */
  readonly verdicts = new Map<number, ExecutionEvent.ReviewJudged>()
  /** The manager's advice after failures, each with the number of turns at that time. */
  advice: ReadonlyArray<{ readonly turn: number; readonly text: string }> = []
  /** It has failed, and waits or has waited for a decision about the failure. */
  recovering: ExecutionEvent.TaskSuspended | undefined = undefined
  /** Turns since the last feedback. */
  stretch = 0
  /** How often the conversation began anew. */
  conversation = 0
  /** The current run was woken from a wait. */
  isWoken = false
  /** The kind of its last wait. */
  lastWait: ExecutionEvent.SuspendedFor["kind"] | undefined = undefined
  readonly worked: WorkedTime
  private readonly rules: Rules
  private run = 0

  /** From the events of one execution; those of other tasks are passed over. */
  constructor(events: Iterable<ExecutionEvent.ExecutionEvent>, taskId: string, rules: Rules) {
    this.rules = rules
    this.worked = new WorkedTime(rules)
    for (const event of events) if ("taskId" in event && event.taskId === taskId) this.add(event)
  }

  private add(event: ExecutionEvent.ExecutionEvent): void {
    if (event.type === "AskAnswered") {
      if (!this.answers.has(event.ask)) this.answers.set(event.ask, event)
      if (event.answer === "revise") this.revisions++
      return
    }
    if (event.type === "TaskStarted") {
      this.run = event.run
      this.isWoken = event.woke !== undefined
      return this.worked.begin(event)
    }
    if (!("run" in event) || event.run !== this.run) return
    this.worked.passed(event)
    switch (event.type) {
      case "TurnCompleted":
        this.turns = [...this.turns, { run: event.run, answer: decode(event.parts) }]
        this.stretch =
          this.rules.stretchBounds && event.messages.some((message) => textOf(message) !== "") ? 1 : this.stretch + 1
        return
      case "ToolStarted":
        this.started.add(keyOf(event.turn, Number(event.callId)))
        return
      case "ToolCalled":
        this.results.add(keyOf(event.turn, Number(event.callId)))
        return
      case "TaskSuspended":
        return this.suspended(event)
      case "ReviewJudged":
        this.verdicts.set(event.turn, event)
        if (event.verdict !== "revise") return
        this.managerRevisions++
        this.sentBack = finalOf(this.turns.at(-1))
        return
      case "TaskRetried":
        this.recovering = undefined
        if (event.advice !== undefined) this.advice = [...this.advice, { turn: this.turns.length, text: event.advice }]
        if (!event.keepsTurns) this.beginAnew()
    }
  }

  /** Advice given after the last turn. */
  get dueAdvice(): ReadonlyArray<string> {
    return this.advice.flatMap(({ text, turn }) => (turn === this.turns.length ? [text] : []))
  }

  private suspended(event: ExecutionEvent.TaskSuspended): void {
    const { asks = [], for: what, waits } = event
    this.lastWait = what.kind
    if (what.kind === "recovery" || what.kind === "replacement") this.recovering = event
    for (const ask of asks) {
      if (!this.asks.has(ask.id)) this.asks.set(ask.id, ask)
      if (what.kind === "review" && ask.kind === "review") this.reviews.set(what.reviewer!, ask.id)
    }
    if (what.kind !== "calls") return
    for (const group of waits.groups) {
      // Without a group for each call, one is of several.
      for (const call of group.call!.split(",")) {
        const key = keyOf(what.turn, Number(call))
        this.groups.set(key, [...(this.groups.get(key) ?? []), group])
      }
    }
  }

  private beginAnew(): void {
    this.turns = []
    this.stretch = 0
    this.sentBack = undefined
    this.verdicts.clear()
    // It holds for the conversations that come, too.
    this.advice = this.advice.map(({ text }) => ({ turn: 0, text }))
    this.conversation++
    for (const known of [this.results, this.started]) known.clear()
    if (!this.rules.actedOnce) return
    this.groups.clear()
    this.reviews.clear()
  }
}
