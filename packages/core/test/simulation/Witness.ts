/**
 * Watches every commit and every side effect of a simulated execution and reports violations. It
 * keeps its own account of the tasks, in the order of commits, without using the code under test.
 */
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Wait from "../../src/Wait.ts"
import type * as Plan from "../../src/Plan.ts"
import { nameOf, type Position, positionOf, type Scripts } from "./Script.ts"
import * as Violations from "./Violation.ts"

export type Kind =
  | "after the end"
  | "two terminal events"
  | "start before its dependencies"
  | "start while paused"
  | "start of a settled task"
  | "start before its backoff"
  | "woken too early"
  | "run issued twice"
  | "not linear"
  | "recorded twice"
  | "asked again"
  | "tool before its turn"
  | "tool called twice"
  | "waited twice"
  | "answered twice"
  | "given up unjustly"
  | "a child outlives its parent"
  | "open tasks at the end"
  | "taken away"
  | "acknowledged but not stored"
  | "over the budget"
  | "asked twice"
  | "raised unasked"
  | "refused unjustly"
  | "spent differs"
  | "more at once than allowed"
  | "kept after the end"
  | "calls wasted"
  | "does not end"
  | "outbox lost"
  | "done twice"
  | "follower"
  | "fold differs"
  | "transcript differs"
  | "defect"

/** A violation that occurred. */
export class Violation extends Violations.Violation<Kind> {}

export interface Task {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
  readonly parent: string | undefined
  readonly events: Array<ExecutionEvent.ExecutionEvent>
  terminal: boolean
  run: number
  /** Answers in the log of the execution when the run began. */
  paidBefore: number
  status: "open" | "running" | "suspended"
  waits: Wait.Waits | undefined
  suspendedAt: number
  dueAt: number
  /** The first event that the current run recorded. */
  progressedSeq: number | undefined
  /** Consecutive runs before the current one that recorded nothing. */
  idle: number
}

export interface Options {
  readonly id: string
  readonly scripts: Scripts
  readonly maxCrashes: number
  /** False: events recorded by other runs than the current one count too. */
  readonly isFenced?: boolean
  /** The worker that ran the task and that the worker `by` should not have displaced. */
  readonly takenFrom: (taskId: string, run: number, by: string) => string | undefined
}

export class Witness {
  readonly id: string
  readonly scripts: Scripts
  readonly tasks = new Map<string, Task>()
  readonly signals = new Set<string>()
  ended = false
  paused = false
  /** Calls of models. */
  calls = 0
  /** Calls that repeat an earlier one. */
  repeatedCalls = 0
  /** Answers in the log. */
  paidCalls = 0
  /** The first violation seen: its cause may have caught it. */
  violation: Violation | undefined
  private readonly maxCrashes: number
  private readonly isFenced: boolean
  private readonly takenFrom: Options["takenFrom"]
  private readonly asked = new Map<string, number>()
  private readonly once = new Set<string>()
  private readonly waited = new Map<string, string>()
  private readonly executed = new Set<string>()
  /** How often limits were raised, by scope. */
  private readonly raises = new Map<string, number>()

  constructor(options: Options) {
    this.id = options.id
    this.scripts = options.scripts
    this.maxCrashes = options.maxCrashes
    this.isFenced = options.isFenced ?? true
    this.takenFrom = options.takenFrom
    for (const task of options.scripts.plan.tasks) this.add(task, undefined)
  }

  get open(): ReadonlyArray<Task> {
    return [...this.tasks.values()].filter(({ terminal }) => !terminal)
  }

  position(taskId: string): Position {
    return this.positionAfter(taskId, this.tasks.get(taskId)!.events)
  }

  /** The events of one append. */
  commit(events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): void {
    for (const event of events) this.event(event)
    for (const event of events) {
      if (!ExecutionEvent.isTerminal(event) || !("taskId" in event)) continue
      for (const task of this.tasks.values())
        if (!task.terminal && task.parent === event.taskId)
          throw this.violate("a child outlives its parent", `${task.id} is open after ${describe(event)}`)
    }
    if (this.ended && this.open.length > 0)
      throw this.violate("open tasks at the end", this.open.map(({ id }) => id).join(" "))
  }

  /**
   * A leg that continued from `from` calls a model: calls recorded by then must not be repeated.
   */
  ask(taskId: string, from: Position, at: number): void {
    const name = nameOf(taskId, from, at)
    this.calls++
    const times = (this.asked.get(name) ?? 0) + 1
    this.asked.set(name, times)
    if (times > 1) this.repeatedCalls++
    const before = this.positionAfter(taskId, until(this.tasks.get(taskId)!.events, from.run))
    if (before.epoch === from.epoch && before.at > at)
      throw this.violate("asked again", `${name} was recorded before run ${from.run} began`)
  }

  /** A tool is run. */
  execute(taskId: string, from: Position, at: number, repeatable: boolean): void {
    const name = nameOf(taskId, from, at)
    const now = this.position(taskId)
    if (now.run === from.run && now.epoch === from.epoch && now.at < at)
      throw this.violate("tool before its turn", `${name}, the log is at ${now.at}`)
    if (!repeatable && this.executed.has(name)) throw this.violate("tool called twice", name)
    this.executed.add(name)
  }

  /** A leg goes on after a wait that came out like this. */
  resume(taskId: string, from: Position, outcome: string): void {
    const name = nameOf(taskId, from, from.at - 1)
    const before = this.waited.get(name)
    if (before !== undefined && before !== outcome)
      throw this.violate("waited twice", `${name} was ${before}, then ${outcome}`)
    this.waited.set(name, outcome)
  }

  violate(kind: Kind, detail: string): Violation {
    this.violation ??= new Violation(kind, `${this.id.slice(-4)} ${detail}`)
    return this.violation
  }

  /** An event of the current run counts; it is the last of its task. */
  protected counted(_task: Task, _event: ExecutionEvent.ExecutionEvent): void {}

  /** Whether the current run of a task had recorded nothing, as far as was known. */
  protected isIdle(task: Task): boolean {
    return task.status === "running" && task.progressedSeq === undefined
  }

  private positionAfter(taskId: string, events: ReadonlyArray<ExecutionEvent.ExecutionEvent>): Position {
    return positionOf(this.scripts.of(taskId), events, { isFenced: this.isFenced })
  }

  private add(plan: Plan.PlannedTask, parent: string | undefined): void {
    if (this.tasks.has(plan.id)) return
    this.tasks.set(plan.id, {
      id: plan.id,
      dependencies: plan.dependencies,
      parent,
      events: [],
      terminal: false,
      run: 0,
      paidBefore: 0,
      status: "open",
      waits: undefined,
      suspendedAt: 0,
      dueAt: 0,
      progressedSeq: undefined,
      idle: 0
    })
  }

  private event(event: ExecutionEvent.ExecutionEvent): void {
    if (this.ended) throw this.violate("after the end", describe(event))
    switch (event.type) {
      case "ExecutionStarted":
        return
      case "ExecutionEnded":
        this.ended = true
        return
      case "ExecutionPaused":
      case "ExecutionResumed":
        this.paused = event.type === "ExecutionPaused"
        return
      case "SignalReceived":
        if (this.signals.has(event.signal)) throw this.violate("answered twice", event.signal)
        this.signals.add(event.signal)
        return
      case "MessageSent":
        return
      case "LimitRaised":
        this.raises.set(event.scope, this.raisesOf(event.scope) + 1)
        return
      case "LimitReached":
        this.onlyOnce(`${event.scope} ${event.percent} % after ${this.raisesOf(event.scope)} raises`)
        return
      case "AskAnswered":
        if (this.signals.has(event.ask)) throw this.violate("answered twice", event.ask)
        this.signals.add(event.ask)
        return
    }
    const task = this.tasks.get(event.taskId)
    if (task === undefined) throw this.violate("start before its dependencies", `${describe(event)} of no task`)
    task.events.push(event)
    if (event.type === "TaskStarted") return this.start(task, event)
    if (event.type === "TurnCompleted") {
      this.paidCalls++
      this.onlyOnce(`${event.taskId} run ${event.run} turn ${event.turn}`)
    }
    if (event.type === "ToolCalled") this.onlyOnce(`${event.taskId} run ${event.run} call ${event.callId}`)
    const isStale = this.isFenced && "run" in event && event.run !== undefined && event.run !== task.run
    if (!isStale && !task.terminal) this.counted(task, event)
    if (ExecutionEvent.isTerminal(event)) return this.settle(task, event)
    if (isStale || task.terminal) {
      if (this.isFenced && ExecutionEvent.isStructural(event))
        throw this.violate("recorded twice", `${describe(event)} after run ${task.run} had begun`)
      return
    }
    task.progressedSeq ??= event.seq
    switch (event.type) {
      case "TaskReleased":
        task.status = "open"
        return
      case "TaskRetried":
        task.status = "open"
        task.dueAt = Date.parse(event.at) + event.delayMillis
        return
      case "TaskSuspended":
        task.status = "suspended"
        task.waits = event.waits
        task.suspendedAt = Date.parse(event.at)
        for (const plan of event.spawn) this.add(plan, event.taskId)
    }
  }

  private start(task: Task, event: ExecutionEvent.Of<"TaskStarted">): void {
    const at = Date.parse(event.at)
    const what = describe(event)
    if (task.terminal) throw this.violate("start of a settled task", what)
    if (event.run !== task.run + 1) throw this.violate("run issued twice", `${what} after run ${task.run}`)
    if (this.paused) throw this.violate("start while paused", what)
    const open = task.dependencies.filter((id) => this.tasks.get(id)?.terminal !== true)
    if (open.length > 0) throw this.violate("start before its dependencies", `${what}: ${open.join(" ")}`)
    if (at < task.dueAt) throw this.violate("start before its backoff", `${what}, ${task.dueAt - at} ms too early`)
    if (task.status === "suspended") {
      const { timeoutMillis } = task.waits!
      const due = timeoutMillis !== undefined && at >= task.suspendedAt + timeoutMillis
      if (event.woke === "satisfied" ? !this.isSatisfied(task.waits!) : !due)
        throw this.violate("woken too early", `${what} by ${event.woke}`)
    }
    const owner = task.status === "running" ? this.takenFrom(task.id, task.run, event.worker) : undefined
    if (owner !== undefined) throw this.violate("taken away", `${what}, from ${owner}`)
    task.idle = this.isIdle(task) ? task.idle + 1 : 0
    task.run = event.run
    task.paidBefore = this.paidCalls
    task.status = "running"
    task.progressedSeq = undefined
  }

  private settle(task: Task, event: ExecutionEvent.ExecutionEvent): void {
    if (task.terminal) throw this.violate("two terminal events", describe(event))
    task.terminal = true
    if (event.type !== "TaskFailed" || event.error.code !== "crashed") return
    const idle = this.isIdle(task) ? task.idle + 1 : 0
    if (idle < this.maxCrashes) throw this.violate("given up unjustly", `${describe(event)} after ${idle} idle runs`)
  }

  private raisesOf(scope: string): number {
    return this.raises.get(scope) ?? 0
  }

  private onlyOnce(key: string): void {
    if (this.once.has(key)) throw this.violate("recorded twice", key)
    this.once.add(key)
  }

  private isSatisfied({ groups }: Wait.Waits): boolean {
    return groups.length > 0 && groups.every((group) => this.isMet(group))
  }

  private isMet({ need, signals, tasks }: Wait.Group): boolean {
    const settled = tasks.flatMap((id) => this.tasks.get(id)?.events.find(ExecutionEvent.isTerminal) ?? [])
    const answered = signals.filter((id) => this.signals.has(id)).length
    const open = tasks.length - settled.length + signals.length - answered
    const come = settled.filter(({ type }) => type === "TaskCompleted").length + answered
    return need === "all" ? open === 0 : come >= need || come + open < need
  }
}

/** The state when the run began. */
const until = (events: ReadonlyArray<ExecutionEvent.ExecutionEvent>, run: number) => {
  const end = events.findIndex((event) => event.type === "TaskStarted" && event.run === run)
  return end < 0 ? events : events.slice(0, end + 1)
}

/** An event in a few words. */
export const describe = (event: ExecutionEvent.ExecutionEvent): string => {
  const { seq, type } = event
  const task = "taskId" in event ? ` ${event.taskId}` : ""
  const run = "run" in event && event.run !== undefined ? `@${event.run}` : ""
  switch (event.type) {
    case "TaskStarted":
      return `${seq} ${type}${task}${run} attempt ${event.attempt} by ${event.worker}${event.woke === undefined ? "" : ` ${event.woke}`}`
    case "TaskSuspended":
      return `${seq} ${type}${task}${run} ${event.waits.groups.map(({ need, signals, tasks }) => `${need} [${[...tasks, ...signals].join(" ")}]`).join(" and ")} ${event.waits.timeoutMillis ?? ""}`
    case "TaskRetried":
      return `${seq} ${type}${task}${run} ${event.error.code} in ${event.delayMillis}`
    case "TaskFailed":
      return `${seq} ${type}${task}${run} ${event.error.code}: ${event.error.message}`
    case "SignalReceived":
      return `${seq} ${type} ${event.signal}`
    case "AskAnswered":
      return `${seq} ${type} ${event.ask}`
    case "ExecutionEnded":
      return `${seq} ${type} ${event.status}`
    default:
      return `${seq} ${type}${task}${run}`
  }
}
