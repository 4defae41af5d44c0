/**
 * Watches every commit and every call of a schedule and says what must never be. It keeps its own account of the tasks, in the order
 * of commits and without `Execution.apply`, and the account is also what the modelled workers read when they read their own task.
 */
import * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import { print } from "../arbitrary/Story.ts"
import type { Rules } from "./Rules.ts"
import type { Scripts } from "./Script.ts"

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
  | "kept after the end"
  | "calls wasted"
  | "does not end"
  | "follower"
  | "fold differs"
  | "transcript differs"

/** What must never be, and is. */
export class Violation extends Error {
  readonly kind: Kind
  constructor(kind: Kind, detail: string) {
    super(`${kind}: ${detail}`)
    this.kind = kind
  }
}

/** Where in its script a worker believed its task to be when it wrote an event. */
export interface Basis {
  readonly taskId: string
  readonly attempt: number
  readonly at: number
}

/** Where a task is. */
export interface Position {
  readonly run: number
  readonly attempt: number
  /** The next step of its script. */
  readonly at: number
  /** Turns recorded in this attempt. */
  readonly turns: number
  /** Calls that were announced, by step. */
  readonly announced: ReadonlySet<number>
  /** What ended the last wait. */
  readonly woke: "satisfied" | "timeout" | undefined
  /** When the current run began. */
  readonly startedSeq: number
}

interface Task {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
  readonly parent: string | undefined
  status: "open" | "running" | "suspended" | "settled"
  terminal: boolean
  run: number
  worker: string
  attempt: number
  at: number
  turns: number
  announced: Set<number>
  woke: "satisfied" | "timeout" | undefined
  startedSeq: number
  waits: ExecutionEvent.Waits | undefined
  suspendedAt: number
  dueAt: number
  /** The first event that the current run recorded. */
  progressedSeq: number | undefined
  /** Consecutive runs before this one that recorded nothing. */
  idle: number
  drained: boolean
}

export class Witness {
  readonly tasks = new Map<string, Task>()
  calls = 0
  /** Calls that asked what was asked before. */
  repeatedCalls = 0
  /** Answers in the log that count. */
  recordedCalls = 0
  /** Answers in the log, stale ones too. */
  paidCalls = 0
  ended = false
  private readonly rules: Rules
  private readonly scripts: Scripts
  private readonly maxCrashes: number
  private readonly onStart: (taskId: string, run: number, by: string) => void
  private paused = false
  private decidedAt: number | undefined
  private readonly signals = new Set<string>()
  private readonly once = new Set<string>()
  /** Where in the log the answer of a turn stands, by task, attempt and step. */
  private readonly answers = new Map<string, number>()
  private readonly asked = new Map<string, number>()
  private readonly waited = new Map<string, string>()
  private readonly executed = new Set<string>()

  constructor(options: {
    readonly rules: Rules
    readonly scripts: Scripts
    readonly maxCrashes: number
    /** A run of the task is about to be fenced off by a new one. */
    readonly onStart: (taskId: string, run: number, by: string) => void
  }) {
    this.rules = options.rules
    this.scripts = options.scripts
    this.maxCrashes = options.maxCrashes
    this.onStart = options.onStart
    for (const task of options.scripts.plan.tasks) this.add(task, undefined)
  }

  position(taskId: string): Position {
    const task = this.tasks.get(taskId)!
    return {
      run: task.run,
      attempt: task.attempt,
      at: task.at,
      turns: task.turns,
      announced: new Set(task.announced),
      woke: task.woke,
      startedSeq: task.startedSeq
    }
  }

  /** The events of one append, in the order of commits. */
  commit(
    events: ReadonlyArray<ExecutionEvent.ExecutionEvent>,
    context: {
      readonly bases: ReadonlyArray<Basis | undefined>
      readonly now: number
      /** The last event that the decision knew of; absent: it was none. */
      readonly decidedAt: number | undefined
    }
  ): void {
    this.decidedAt = context.decidedAt
    events.forEach((event, index) => this.event(event, context.bases[index], context.now))
    for (const event of events) {
      if (!ExecutionEvent.isTerminal(event) || !("taskId" in event)) continue
      for (const task of this.tasks.values()) {
        if (!task.terminal && task.parent === event.taskId)
          throw new Violation("a child outlives its parent", `${task.id} is open after ${print(event)}`)
      }
    }
    if (this.ended && events.at(-1)?.type === "ExecutionEnded") {
      const open = [...this.tasks.values()].filter((task) => !task.terminal)
      if (open.length > 0) throw new Violation("open tasks at the end", open.map((task) => task.id).join(" "))
    }
  }

  /** A model is asked. What was recorded before the run began must not be asked again. */
  ask(basis: Basis, startedSeq: number): void {
    this.calls++
    const times = (this.asked.get(keyOf(basis)) ?? 0) + 1
    this.asked.set(keyOf(basis), times)
    if (times > 1) this.repeatedCalls++
    const seq = this.answers.get(keyOf(basis))
    if (seq !== undefined && seq < startedSeq)
      throw new Violation("asked again", `${keyOf(basis)} was recorded at ${seq}, the run began at ${startedSeq}`)
  }

  /** A tool is run. */
  execute(basis: Basis, options: { readonly repeatable: boolean; readonly afterTurn: boolean }): void {
    const key = keyOf(basis)
    if (options.afterTurn && !this.answers.has(keyOf({ ...basis, at: basis.at - 1 })))
      throw new Violation("tool before its turn", key)
    if (!options.repeatable && this.executed.has(key)) throw new Violation("tool called twice", key)
    this.executed.add(key)
  }

  /** A leg goes on after a wait that came out like this. */
  resume(basis: Basis, outcome: string): void {
    const before = this.waited.get(keyOf(basis))
    if (before !== undefined && before !== outcome)
      throw new Violation("waited twice", `${keyOf(basis)} was ${before}, then ${outcome}`)
    this.waited.set(keyOf(basis), outcome)
  }

  /** A worker that stops gave the task back unharmed. */
  drain(taskId: string, run: number): void {
    const task = this.tasks.get(taskId)!
    if (task.run === run) task.drained = true
  }

  private add(plan: Plan.PlannedTask, parent: string | undefined): void {
    if (this.tasks.has(plan.id)) return
    this.tasks.set(plan.id, {
      id: plan.id,
      dependencies: plan.dependencies,
      parent,
      status: "open",
      terminal: false,
      run: 0,
      worker: "",
      attempt: 1,
      at: 0,
      turns: 0,
      announced: new Set(),
      woke: undefined,
      startedSeq: 0,
      waits: undefined,
      suspendedAt: 0,
      dueAt: 0,
      progressedSeq: undefined,
      idle: 0,
      drained: false
    })
  }

  private event(event: ExecutionEvent.ExecutionEvent, basis: Basis | undefined, now: number): void {
    if (this.ended) throw new Violation("after the end", print(event))
    switch (event.type) {
      case "ExecutionEnded":
        this.ended = true
        return
      case "ExecutionPaused":
      case "ExecutionResumed":
        this.paused = event.type === "ExecutionPaused"
        return
      case "SignalReceived":
        if (this.signals.has(event.signal)) throw new Violation("answered twice", event.signal)
        this.signals.add(event.signal)
        return
      case "ExecutionStarted":
        return
    }
    const task = this.tasks.get(event.taskId)
    if (task === undefined) return
    if (event.type === "TaskStarted") return this.start(task, event, now)
    if (ExecutionEvent.isTerminal(event)) {
      if (task.terminal) throw new Violation("two terminal events", print(event))
      task.terminal = true
    }
    if (event.type === "TurnCompleted") this.paidCalls++
    if (event.type === "TurnCompleted") this.onlyOnce(`${event.taskId} run ${event.run} turn ${event.turn}`)
    if (event.type === "ToolCalled") this.onlyOnce(`${event.taskId} run ${event.run} call ${event.callId}`)
    if (task.status === "settled") return
    if (this.rules.runFence && "run" in event && event.run !== undefined && event.run !== task.run) return
    if (basis !== undefined && (basis.attempt !== task.attempt || basis.at !== task.at)) {
      throw new Violation(
        "not linear",
        `${print(event)} of ${basis.attempt}.${basis.at}, but ${task.id} is at ${task.attempt}.${task.at}`
      )
    }
    this.count(task, event, now)
  }

  private count(task: Task, event: ExecutionEvent.ExecutionEvent, now: number): void {
    switch (event.type) {
      case "TurnCompleted":
        this.answers.set(keyOf({ taskId: task.id, attempt: task.attempt, at: task.at }), event.seq)
        this.recordedCalls++
        task.turns++
        this.advance(task)
        break
      case "ToolStarted":
        task.announced.add(task.at)
        break
      case "ToolCalled":
        this.advance(task)
        break
      case "TaskSuspended":
        task.status = "suspended"
        task.waits = event.waits
        task.suspendedAt = now
        task.woke = undefined
        for (const spawned of event.spawn) this.add(spawned, task.id)
        this.advance(task)
        break
      case "TaskRetried":
        task.status = "open"
        task.attempt = event.attempt + 1
        task.dueAt = now + event.delayMillis
        if (!event.keepsTurns) {
          task.at = 0
          task.turns = 0
          task.woke = undefined
          task.announced = new Set()
        }
        this.skipStumbles(task)
        break
      case "TaskReleased":
        task.status = "open"
        break
      case "TaskFailed":
        if (event.error.code === "crashed") this.giveUp(task)
        task.status = "settled"
        break
      case "TaskCompleted":
      case "TaskSkipped":
      case "TaskCancelled":
        task.status = "settled"
    }
    task.progressedSeq ??= event.seq
  }

  private start(task: Task, event: ExecutionEvent.Of<"TaskStarted">, now: number): void {
    if (task.status === "settled") throw new Violation("start of a settled task", print(event))
    if (event.run <= task.run) throw new Violation("run issued twice", print(event))
    const missing = task.dependencies.filter((id) => this.tasks.get(id)!.status !== "settled")
    if (missing.length > 0)
      throw new Violation("start before its dependencies", `${print(event)}: ${missing.join(" ")}`)
    if (this.paused) throw new Violation("start while paused", print(event))
    if (task.status === "open" && now < task.dueAt)
      throw new Violation("start before its backoff", `${print(event)} at ${now}, due at ${task.dueAt}`)
    if (task.status === "suspended") {
      const { mode, signals, tasks, timeoutMillis } = task.waits!
      const came = [
        ...tasks.map((id) => this.tasks.get(id)?.status === "settled"),
        ...signals.map((id) => this.signals.has(id))
      ]
      const satisfied = came.length > 0 && (mode === "any" ? came.includes(true) : !came.includes(false))
      const timedOut = timeoutMillis !== undefined && now >= task.suspendedAt + timeoutMillis
      if (!satisfied && !timedOut) throw new Violation("woken too early", `${print(event)} at ${now}`)
      task.woke = event.woke
    }
    if (task.status === "running") this.onStart(task.id, task.run, event.worker)
    task.idle = this.isIdle(task) ? task.idle + 1 : 0
    task.status = "running"
    task.run = event.run
    task.worker = event.worker
    task.startedSeq = event.seq
    task.waits = undefined
    task.progressedSeq = undefined
    task.drained = false
  }

  /** What was recorded between the decision and its append could not be known: turns raise no version. */
  private giveUp(task: Task): void {
    const known = task.progressedSeq !== undefined && task.progressedSeq <= (this.decidedAt ?? Number.POSITIVE_INFINITY)
    const idle = task.status === "running" && !known && !task.drained ? task.idle + 1 : 0
    if (idle < this.maxCrashes)
      throw new Violation("given up unjustly", `${task.id} after ${idle} runs in a row that recorded nothing`)
  }

  private isIdle(task: Task): boolean {
    return task.status === "running" && task.progressedSeq === undefined && !task.drained
  }

  private onlyOnce(key: string): void {
    if (this.once.has(key)) throw new Violation("recorded twice", key)
    this.once.add(key)
  }

  private advance(task: Task): void {
    task.at++
    this.skipStumbles(task)
  }

  /** A stumble is none for attempts after those that it ends. */
  private skipStumbles(task: Task): void {
    const steps = this.scripts.of(task.id)
    for (let step = steps[task.at]; step?.kind === "stumble" && task.attempt > step.attempts; step = steps[task.at])
      task.at++
  }
}

const keyOf = ({ at, attempt, taskId }: Basis): string => `${taskId} ${attempt}.${at}`
