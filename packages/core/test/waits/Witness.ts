/**
 * Watches every commit and every call of a tool in a modelled execution and reports violations. It
 * keeps its own account, from the events alone, and does not depend on the switched rules.
 */
import * as HashMap from "effect/HashMap"
import * as Transcript from "../../src/AgentLoop/Transcript.ts"
import * as Execution from "../../src/Execution.ts"
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type { Written } from "../protocol/Witness.ts"
import type { Crew } from "./Crew.ts"
import { Violation } from "./Violation.ts"
import { Account, type Task } from "./Witness/Account.ts"
import * as Asks from "./Witness/Asks.ts"
import { Budgets } from "./Witness/Budgets.ts"
import * as Calls from "./Witness/Calls.ts"
import * as Candidates from "./Witness/Candidates.ts"
import { describe } from "./Witness/Describe.ts"
import * as Recoveries from "./Witness/Recoveries.ts"
import * as Tasks from "./Witness/Tasks.ts"
import * as Waits from "./Witness/Waits.ts"

/** Refused wake-ups of one wait, with nothing new in the log, that a lost queue explains. */
const maxRefusals = 12

export interface Options {
  readonly crew: Crew
  readonly maxCrashes: number
  /** Workers die only of poison. */
  readonly isCalm: boolean
  readonly now: () => number
}

export class Witness {
  /** Counts by kind of event. */
  readonly counts: Record<string, number> = {}
  private readonly account: Account
  private readonly tools: Calls.Tools
  private readonly budgets: Budgets
  private readonly options: Options
  private readonly poisonings = new Map<string, number>()
  private lastSeq = 1
  private decidedAt = Number.POSITIVE_INFINITY
  private refusals = { of: "", times: 0 }

  constructor(options: Options) {
    this.options = options
    this.account = new Account(options.crew)
    this.tools = new Calls.Tools(this.account)
    this.budgets = new Budgets(this.account)
  }

  /** The events of one append. */
  commit(events: ReadonlyArray<ExecutionEvent.ExecutionEvent>, written: Written): void {
    this.decidedAt = written.decidedAt ?? Number.POSITIVE_INFINITY
    const losers = new Set<string>()
    for (const event of events) {
      if (this.account.ended) throw new Violation("after the end", describe(event))
      this.lastSeq = event.seq
      for (const id of this.event(event) ?? []) losers.add(id)
    }
    Waits.checkLosers(this.account, events, losers)
    Tasks.checkAppend(this.account, events)
  }

  // Actions of workers

  /** A tool begins to work. */
  execute(execution: Calls.Execution): void {
    this.tools.execute(execution)
  }

  /** A call of the model is made, and counted in the limits of these scopes. */
  paid(taskId: string, charged: ReadonlyArray<string>): void {
    this.budgets.paid(taskId, charged)
  }

  /** A limit has refused a call, and will not be raised. */
  refusedCall(taskId: string, scope: string): void {
    this.account.tasks.get(taskId)!.refusedBy = scope
  }

  /** A call kills its worker. */
  poisoned(taskId: string): void {
    this.poisonings.set(taskId, (this.poisonings.get(taskId) ?? 0) + 1)
  }

  /** A leg goes on. */
  goesOn(taskId: string, run: number): void {
    Tasks.goesOn(this.account.tasks.get(taskId)!, run)
  }

  /** The queue has handed out a task that still waits. */
  refusedStart(taskId: string, run: number): void {
    const of = `${taskId}@${run}, ${this.lastSeq} events`
    this.refusals = { of, times: this.refusals.of === of ? this.refusals.times + 1 : 1 }
    if (this.refusals.times > maxRefusals) throw new Violation("spins", of)
  }

  /** The answer was refused because the ask is not open. */
  refusedAnswer(id: string): void {
    Asks.refused(this.account, id)
  }

  /** The real agent loop must continue from the state recorded here. */
  checkTranscript(taskId: string, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): void {
    const task = this.account.tasks.get(taskId)!
    const real = Transcript.fromEvents(events.filter((event) => "taskId" in event && event.taskId === taskId))
    const seen = `${real.turns.length} ${real.results.size} ${real.earlierRevisions} ${real.activeMillis}`
    const expected = `${task.turns.length} ${task.results.size} ${task.earlierRevisions} ${task.worked}`
    if (seen !== expected) throw new Violation("transcript differs", `${taskId}: ${seen} instead of ${expected}`)
  }

  /** The fold must have the same open asks and timers, and the same tasks. */
  checkFold(state: Execution.Execution): void {
    for (const { id, state: own } of this.account.opens.values())
      if ((own === "open") !== HashMap.has(state.open, id)) throw new Violation("fold differs", `${id} is ${own}`)
    for (const task of this.account.tasks.values()) {
      const folded = Execution.task(state, task.id)
      if (folded?.run !== task.run || Execution.isSettled(folded) !== task.terminal)
        throw new Violation("fold differs", `${task.id}@${task.run}, the fold has run ${folded?.run}`)
    }
  }

  /** No faults occur any more, and nothing is paused. */
  checkPromptness(): void {
    if (!this.account.paused) Waits.checkPromptness(this.account, this.now)
  }

  private event(event: ExecutionEvent.ExecutionEvent): ReadonlySet<string> | undefined {
    const { account } = this
    switch (event.type) {
      case "ExecutionEnded":
        account.ended = true
        Asks.over(account, event)
        this.tick(`ended ${event.status}`)
        return
      case "ExecutionPaused":
      case "ExecutionResumed":
        account.paused = event.type === "ExecutionPaused"
        return
      case "LimitRaised":
        this.budgets.raise(event)
        return
      case "SignalReceived":
        return Asks.signalled(account, event) as undefined
      case "AskAnswered":
        this.tick(`answered ${event.answer}`)
        return Asks.answered(account, event) as undefined
    }
    if (!("taskId" in event)) return
    const task = account.tasks.get(event.taskId)!
    if (event.type === "TaskStarted") {
      if (event.woke !== undefined) this.tick(`woke ${event.woke} ${task.suspended!.kind}`)
      return Tasks.started(account, task, event, { decidedAt: this.decidedAt, now: this.now })
    }
    if (ExecutionEvent.isTerminal(event)) return this.settle(task, event) as undefined
    const isStale = task.terminal || !("run" in event) || event.run !== task.run
    if (!isStale) this.progress(task, event)
    return
  }

  private settle(task: Task, event: ExecutionEvent.ExecutionEvent): void {
    const { maxCrashes } = this.options
    if (event.type === "TaskFailed") {
      Tasks.failed(this.account, task, event, this.now)
      this.tick(`failed ${event.error.code}`)
      if (!task.follows && event.policy === undefined) this.budgets.failed(event)
    } else if (event.type === "TaskCancelled") this.tick(`cancelled ${event.reason}`)
    else this.tick(event.type)
    const poisonings = this.poisoningsOf(task)
    Tasks.settled(this.account, task, event, { maxCrashes, decidedAt: this.decidedAt, poisonings })
  }

  /** Something of the current run. */
  private progress(task: Task, event: ExecutionEvent.ExecutionEvent): void {
    const { account, now } = this
    if (task.status !== "running") throw new Violation("written while suspended", describe(event))
    Tasks.progressed(task, event.seq, now)
    switch (event.type) {
      case "TurnCompleted":
        task.wakeUps = 0
        return Candidates.turned(account, task, event)
      case "ToolCalled":
        task.wakeUps = 0
        this.tick(`result ${(event.result as { readonly kind: string }).kind}`)
        return Calls.called(account, task, event)
      case "TaskSuspended":
        this.tick(`suspended ${event.for.kind}`)
        this.budgets.asked(event)
        if (event.for.kind === "recovery") this.recovering(task, event)
        Waits.suspended(account, task, event, now)
        if (event.for.kind === "review") {
          if (event.spawn.length + event.waits.groups[0]!.tasks.length > 0) Candidates.shownToManager(task, event)
          else Candidates.shown(task, event)
        }
        return Tasks.rested(task, event, now)
      case "ReviewJudged":
        this.tick(`${event.verdict} by ${event.by}`)
        return Candidates.judged(account, task, event)
      case "AgentAssigned":
        return this.tick(`assigned by ${event.by}`)
      case "RecoveryChosen":
        return this.tick(`recovery ${event.choice}`)
      case "TaskRetried":
        Tasks.failed(account, task, event, now)
        Tasks.rested(task, event, now)
        return Tasks.retried(account, task, event)
      case "TaskReleased":
        return Tasks.rested(task, event, now)
    }
  }

  private recovering(task: Task, event: ExecutionEvent.Of<"TaskSuspended">): void {
    Tasks.failed(this.account, task, event, this.now)
    Recoveries.suspended(this.account, task, event)
    Tasks.checkGivenUp(task, event.for.error!, describe(event), {
      idle: Tasks.idleBefore(task, this.decidedAt),
      maxCrashes: this.options.maxCrashes,
      poisonings: this.poisoningsOf(task)
    })
  }

  /** How often a call of the task has killed its worker, where nothing else does. */
  private poisoningsOf({ id }: Task): number | undefined {
    return this.options.isCalm ? (this.poisonings.get(id) ?? 0) : undefined
  }

  private get now(): number {
    return this.options.now()
  }

  private tick(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }
}
