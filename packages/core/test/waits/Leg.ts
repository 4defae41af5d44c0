/** One leg of a modelled task: where it stands, and how it records and ends. */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import { isTerminal } from "../../src/ExecutionEvent.ts"
import * as QueueFacts from "../../src/QueueFacts.ts"
import type { SpawnedResult } from "../../src/Tool/Definition.ts"
import type * as Wait from "../../src/Wait.ts"
import type { Lease } from "../protocol/Queue.ts"
import type { Random } from "../simulation/Random.ts"
import * as Protocol from "../protocol/World.ts"
import type { Budget } from "./Budget.ts"
import type { Crew } from "./Crew.ts"
import { History } from "./History.ts"
import type { Outbox } from "./Outbox.ts"
import type { Retrying } from "./Retrying.ts"
import type { Rules } from "./Rules.ts"
import type { Witness } from "./Witness.ts"

export type Act<A = void> = Protocol.Act<A>

export interface World extends Protocol.Stage {
  readonly waits: Rules
  readonly seed: number
  readonly crew: Crew
  readonly eye: Witness
  readonly budget: Budget
  /** Absent: it does no other execution again. */
  readonly retrying: Retrying | undefined
  /** Absent: outcomes have no follow-up. */
  readonly outbox: Outbox | undefined
}

/** The visible state of a worker. */
export interface Self {
  readonly name: string
  readonly server: Protocol.Server
  lease: Lease | undefined
  frozen: boolean
  draining: boolean
  /** It is about to die. */
  poisoned: boolean
}

/** How a step of a leg came out: `over` when the leg is. */
export type Step = "again" | "over"

export class Leg {
  readonly world: World
  readonly self: Self
  readonly lease: Lease
  readonly taskId: string
  readonly run: number
  /** The state when it began. */
  readonly state: Execution.Execution
  history: History
  /** An answer that is not in the log yet; it goes into the next append. */
  private unrecorded: ExecutionEvent.TurnCompleted | undefined
  /** The log has refused the tasks that it wanted to add. */
  isFull = false

  constructor(world: World, self: Self, lease: Lease, run: number) {
    this.world = world
    this.self = self
    this.lease = lease
    this.taskId = lease.taskId
    this.run = run
    this.state = world.log.state
    this.history = this.read()
  }

  get rules(): Rules {
    return this.world.waits
  }
  get random(): Random {
    return this.world.random
  }
  get task(): Execution.Task {
    return Execution.task(this.state, this.taskId)!
  }

  /** Another has the task, or it is over. */
  get isLost(): boolean {
    const { state } = this.world.log
    const task = Execution.task(state, this.taskId)!
    return task.run !== this.run || task.status !== "running" || state.status !== "running"
  }

  /** The model has said something that is not in the log yet. */
  get hasAnswer(): boolean {
    return this.unrecorded !== undefined
  }

  /** Looks in the log again. */
  refresh(): void {
    this.history = this.read()
  }

  private read(): History {
    const { log } = this.world
    const events = log.store.read(0, Number.POSITIVE_INFINITY)
    const { unrecorded } = this
    const own: ReadonlyArray<ExecutionEvent.ExecutionEvent> =
      unrecorded === undefined ? [] : [{ ...unrecorded, seq: 0, at: new Date(log.now).toISOString(), executionId: "e" }]
    return new History([...events, ...own], this.taskId, this.rules)
  }

  // State of its waits

  askOf(id: string): "unknown" | "open" | Execution.Closed {
    const closed = Option.getOrUndefined(HashMap.get(this.state.closed, id))
    if (closed !== undefined) return closed
    if (this.isTimedOut(id)) return Execution.openOf(this.state, id)!.kind === "timer" ? "elapsed" : "closed"
    return Execution.openOf(this.state, id) === undefined ? "unknown" : "open"
  }

  get standings(): Wait.Standings {
    const real = Execution.standings(this.state)
    const ofSignal = (id: string) => {
      if (!this.isTimedOut(id)) return real.ofSignal(id)
      return this.askOf(id) === "elapsed" ? "come" : "gone"
    }
    return { ...real, ofSignal }
  }

  /** How a task that it spawned has ended, according to the log; otherwise "open". */
  outcomeOf(id: string): string {
    return this.endOf(id)?.type ?? "open"
  }

  /** The results of tasks that it spawned. */
  resultsOf(ids: ReadonlyArray<string>): ReadonlyMap<string, SpawnedResult> {
    return new Map(ids.map((id) => [id, resultOf(this.endOf(id))]))
  }

  private endOf(id: string): ExecutionEvent.ExecutionEvent | undefined {
    const events = this.world.log.store.read(0, this.state.lastSeq)
    return events.find((event) => "taskId" in event && event.taskId === id && isTerminal(event))
  }

  readonly remainingMillis = (id: string): number | undefined => {
    const dueAt = Execution.openOf(this.state, id)?.dueAt
    return dueAt === undefined ? undefined : Math.max(dueAt - this.world.log.now, 0)
  }

  /** Without the rule the clock ends waits that are open in the log. */
  private isTimedOut(id: string): boolean {
    return !this.rules.waitFromLog && this.remainingMillis(id) === 0
  }

  // Writes

  /** The model has answered. */
  said(turn: ExecutionEvent.TurnCompleted): void {
    this.unrecorded = turn
  }

  /**
   * Appends, with an answer that is not recorded yet. False: it may not have been stored, or the
   * task is lost, and the leg is over.
   */
  *record(drafts: ReadonlyArray<ExecutionEvent.Draft>): Act<boolean> {
    const all = [...this.progress, ...drafts]
    if (all.length === 0) return true
    const reply = yield* Protocol.append(this.world, { drafts: all, bases: [], expectVersion: undefined })
    this.unrecorded = undefined
    if (reply._tag === "Appended" && !this.isLost) return true
    this.leave()
    return false
  }

  /** Releases the task without recording anything. */
  leave(): Step {
    this.self.server.queue.release(this.lease)
    return "over"
  }

  /** Commits the outcome and notifies the queue. */
  *finish(outcome: Decision.Outcome, progress: ReadonlyArray<ExecutionEvent.Draft> = []): Act<Step | "growth"> {
    const { lease, run, self, taskId, world } = this
    const { queue } = self.server
    const command = {
      _tag: "Finish",
      taskId,
      run,
      outcome,
      progress: [...this.progress, ...progress],
      jitter: this.random.next()
    } as const
    const committed = yield* Protocol.commit(world, command)
    if (committed._tag === "Refused" && committed.refusal === "growth") return "growth"
    if (committed._tag !== "Committed") return this.leave()
    yield
    const own = committed.drafts.find((draft) => "taskId" in draft && draft.taskId === taskId && isOutcome(draft))
    if (own?.type === "TaskRetried") queue.release(lease, own.delayMillis)
    else if (own?.type === "TaskReleased") queue.release(lease)
    else if (own?.type === "TaskSuspended") {
      if (!this.rules.noSlotWhileWaiting) yield* this.stay(own.spawn)
      const waits = QueueFacts.waitsOf(committed.state, own.waits)
      const spawn = own.spawn.map(({ dependencies, id }) => ({ id, dependencies }))
      queue.suspend(lease, { waits, run, remainingMillis: waits.timeoutMillis, spawn })
    }
    Protocol.announce(queue, committed.drafts)
    if (outcome._tag === "Completed") yield* this.follow()
    return "over"
  }

  /** The follow-up of its output. */
  private *follow(): Act {
    const { outbox } = this.world
    if (outbox === undefined) return
    if (!this.rules.outboxSameAppend) {
      yield
      outbox.add(this.taskId)
    }
    yield* outbox.serve(this.taskId)
  }

  /** Ends with an outcome that adds no tasks. */
  *end(outcome: Decision.Outcome, progress: ReadonlyArray<ExecutionEvent.Draft> = []): Act<"over"> {
    const ended = yield* this.finish(outcome, progress)
    // Without a rule it may be refused, and no one handles the refusal.
    if (ended === "growth") this.leave()
    return "over"
  }

  /** Waits in its place. */
  private *stay(spawn: ExecutionEvent.TaskSuspended["spawn"]): Act {
    const { log } = this.world
    this.self.server.queue.tell({ nodes: spawn.map(({ dependencies, id }) => ({ id, dependencies })) })
    for (;;) {
      const task = Execution.task(log.state, this.taskId)!
      if (task.status !== "suspended" || task.run !== this.run || log.state.status !== "running") return
      if (Execution.isSatisfied(log.state, task.waits!) || Protocol.remainingOf(task, log.now) === 0) return
      yield
    }
  }

  private get progress(): ReadonlyArray<ExecutionEvent.Draft> {
    return this.unrecorded === undefined ? [] : [this.unrecorded]
  }
}

const resultOf = (event: ExecutionEvent.ExecutionEvent | undefined): SpawnedResult => {
  switch (event?.type) {
    case "TaskCompleted":
      return { status: "completed", output: event.output }
    case "TaskFailed": {
      const { error, policy } = event
      return { status: "failed", error: error.message, code: error.code, ...(policy === undefined ? {} : { policy }) }
    }
    case "TaskSkipped":
      return { status: "skipped" }
    case "TaskCancelled":
      return { status: "cancelled" }
    default:
      return { status: "running" }
  }
}

const isOutcome = ({ type }: ExecutionEvent.Draft): boolean =>
  type === "TaskRetried" || type === "TaskReleased" || type === "TaskSuspended"

/** The end of a leg that failed. */
export const failed = (
  code: string,
  { isRetryable = false, keepsTurns = false }: { readonly isRetryable?: boolean; readonly keepsTurns?: boolean } = {}
): Decision.Outcome => ({ _tag: "Failed", error: { code, message: code, isRetryable }, keepsTurns })
