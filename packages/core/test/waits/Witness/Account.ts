/**
 * The witness's own account of an execution: from its plan and its events alone, with nothing of
 * the code under test.
 */
import type * as Schema from "effect/Schema"
import type * as Ask from "../../../src/Ask.ts"
import type * as ExecutionEvent from "../../../src/ExecutionEvent.ts"
import type * as Plan from "../../../src/Plan.ts"
import { type Answer, type Call, keyOf } from "../Call.ts"
import type { Crew, Reviewer } from "../Crew.ts"

/** The asks and tasks of a call; by its place in the conversation. */
export interface Asked {
  approval: string | undefined
  question: string | undefined
  timer: string | undefined
  readonly tasks: Set<string>
  /** It waits for more than its approval. */
  begun: boolean
}

export interface Task {
  readonly id: string
  readonly plan: Plan.PlannedTask
  readonly parent: string | undefined
  status: "open" | "running" | "suspended" | ExecutionEvent.Type
  terminal: boolean
  run: number
  attempt: number
  /** How often the conversation began anew. */
  conversation: number
  turns: Array<Answer>
  /** Turns since the last feedback, and of all attempts. */
  stretch: number
  allTurns: number
  revisions: number
  /** Those of conversations before this one. */
  earlierRevisions: number
  /** Of the conversation, by `keyOf`. */
  readonly asked: Map<string, Asked>
  readonly results: Set<string>
  /** Asks of the conversation for its last candidate, by reviewer. */
  readonly reviews: Map<Reviewer, string>
  /**
   * The review of the manager for the last candidate, its verdict, and the output it sent back
   * last.
   */
  managerReview: string | undefined
  managerVerdict: ExecutionEvent.ReviewJudged["verdict"] | undefined
  managerRevisions: number
  sentBack: Schema.Json | undefined
  /**
   * How often the manager was asked about its failure, and how often it has granted another
   * attempt.
   */
  recoveries: number
  granted: number
  /**
   * Its advice, in all attempts, and whether the last advice has not been carried by a turn yet.
   */
  readonly advice: Array<string>
  adviceDue: boolean
  /** The task of the plan whose output this one provides. */
  standsFor: string | undefined
  /** The last task that took its place. */
  standIn: string | undefined
  /** The run continues after another task did the work in its place. */
  follows: boolean
  /** Runs without progress, as known to the decision about the last start. */
  idleAtStart: number
  startedSeq: number
  /** The scope of the limit that has refused its last call. */
  refusedBy: string | undefined
  suspended: ExecutionEvent.SuspendedFor | undefined
  awaitedTasks: ReadonlyArray<string>
  /** The ids that the suspension names besides tasks. */
  awaited: ReadonlyArray<string>
  /** The time limit of the suspension, and the time at which its wait was first seen to be met. */
  limitAt: number
  metAt: number | undefined
  /** Consecutive runs that recorded nothing, and the first event that the current one recorded. */
  idle: number
  progressedSeq: number | undefined
  /** Times it was woken in a row without anything recorded in between. */
  wakeUps: number
  /** The time that the attempt has worked. */
  worked: number
  since: number | undefined
  lastAt: number
}

/** An ask or a timer. */
export interface Open {
  readonly id: string
  readonly taskId: string
  /** Absent: a timer. */
  readonly ask: Ask.Ask | undefined
  readonly dueAt: number | undefined
  state: "open" | "closed" | "elapsed" | Ask.Answer["answer"]
  /** With `edit`. */
  amount?: number
}

export class Account {
  readonly crew: Crew
  readonly tasks = new Map<string, Task>()
  readonly opens = new Map<string, Open>()
  readonly signals = new Set<string>()
  /** Tools whose every further call is approved. */
  readonly approved = new Set<string>()
  grown = 0
  ended = false
  paused = false

  constructor(crew: Crew) {
    this.crew = crew
    for (const plan of crew.plan.tasks) this.add(plan, undefined)
  }

  /** False: it is known. */
  add(plan: Plan.PlannedTask, parent: string | undefined): boolean {
    if (this.tasks.has(plan.id)) return false
    this.tasks.set(plan.id, {
      id: plan.id,
      plan,
      parent,
      status: "open",
      terminal: false,
      run: 0,
      attempt: 1,
      conversation: 0,
      turns: [],
      stretch: 0,
      allTurns: 0,
      revisions: 0,
      earlierRevisions: 0,
      asked: new Map(),
      results: new Set(),
      reviews: new Map(),
      managerReview: undefined,
      managerVerdict: undefined,
      managerRevisions: 0,
      sentBack: undefined,
      recoveries: 0,
      granted: 0,
      advice: [],
      adviceDue: false,
      standsFor: undefined,
      standIn: undefined,
      follows: false,
      idleAtStart: 0,
      startedSeq: 0,
      refusedBy: undefined,
      suspended: undefined,
      awaitedTasks: [],
      awaited: [],
      limitAt: Number.POSITIVE_INFINITY,
      metAt: undefined,
      idle: 0,
      progressedSeq: undefined,
      wakeUps: 0,
      worked: 0,
      since: undefined,
      lastAt: 0
    })
    return true
  }

  childrenOf(parent: string): ReadonlyArray<Task> {
    return [...this.tasks.values()].filter((task) => task.parent === parent)
  }

  askedBy(task: Task, turn: number, index: number): Asked {
    const key = keyOf(turn, index)
    const known = task.asked.get(key)
    if (known !== undefined) return known
    const asked: Asked = { approval: undefined, question: undefined, timer: undefined, tasks: new Set(), begun: false }
    task.asked.set(key, asked)
    return asked
  }

  callsOf(task: Task): ReadonlyArray<Call> {
    const answer = task.turns.at(-1)
    return answer?.kind === "calls" ? answer.calls : []
  }

  /** The calls of the last turn that have no result. */
  pendingOf(task: Task): ReadonlyArray<{ readonly call: Call; readonly index: number }> {
    const turn = task.turns.length
    return this.callsOf(task).flatMap((call, index) => (task.results.has(keyOf(turn, index)) ? [] : [{ call, index }]))
  }

  stateOf(id: string | undefined): Open["state"] | "unknown" {
    return id === undefined ? "unknown" : (this.opens.get(id)?.state ?? "unknown")
  }

  /** The wait of a call of the last turn is met, or cannot be met any more. */
  isMet(task: Task, { call, index }: { readonly call: Call; readonly index: number }): boolean {
    const asked = task.asked.get(keyOf(task.turns.length, index))
    if (asked === undefined) return false
    const { approval, question, tasks, timer } = asked
    if (this.stateOf(approval) === "open") return false
    const { need } = call
    // Its approval is all that it has waited for yet.
    if (need === undefined || !asked.begun) return true
    if (this.stateOf(timer) === "elapsed") return true
    switch (need.kind) {
      case "question":
        return this.stateOf(question) !== "open"
      case "signal":
        return this.signals.has(need.signal)
      case "time":
        return false
      case "collect":
        return need.tasks.every((id) => this.tasks.get(id)!.terminal)
      case "tasks": {
        const children = [...tasks].map((id) => this.tasks.get(id)!)
        const completed = children.filter(({ status }) => status === "TaskCompleted").length
        const open = children.filter(({ terminal }) => !terminal).length
        return need.need === "all" ? open === 0 : completed >= need.need || completed + open < need.need
      }
    }
  }

  /** Asks and timers of a task that are open. */
  openOf(taskId: string): ReadonlyArray<Open> {
    return [...this.opens.values()].filter((open) => open.taskId === taskId && open.state === "open")
  }

  /** The verdict of a reviewer on the last candidate, silence included. */
  verdictOf(task: Task, reviewer: Reviewer): "unknown" | "open" | "accept" | "revise" | "deny" {
    const state = this.stateOf(task.reviews.get(reviewer))
    if (state === "unknown" || state === "open" || state === "accept" || state === "revise") return state
    return task.plan.humanInput!.onSilence
  }
}
