/** State transitions of tasks by news, leases and timers. Waiting workers are served elsewhere. */
import type { Waits } from "../TaskQueue.ts"
import type * as TaskQueue from "../TaskQueue.ts"
import type { Counter } from "./Counter.ts"
import type { LostLeases } from "../LostLeases.ts"
import { addTasks, type Execution, isSatisfied, type Task } from "./Tasks.ts"
import type { Timers } from "./Timers.ts"

export class Transitions {
  private readonly counter: Counter
  private readonly lost: LostLeases
  private readonly timers: Timers
  /** Before the first: a task that becomes ready at time 0 has the age 0. */
  private lastAge = -1

  constructor(counter: Counter, lost: LostLeases, timers: Timers) {
    this.counter = counter
    this.lost = lost
    this.timers = timers
  }

  /** First what holds tasks back, then what would make them ready. */
  begin(execution: Execution, facts: TaskQueue.Facts): void {
    const added = addTasks(execution, facts.nodes)
    for (const { id, remainingMillis, run, waits } of facts.suspended) {
      const task = execution.tasks.get(id)
      if (task !== undefined) this.suspend(task, { run, waits, millis: remainingMillis })
    }
    for (const { id, millis } of facts.delayed) {
      const task = execution.tasks.get(id)
      if (task === undefined || task.state !== "waiting" || millis <= 0) continue
      task.age = this.nextAge(this.timers.now)
      task.readyAt = this.timers.now + millis
      this.delay(task, millis)
    }
    this.settle(execution, facts.settled)
    this.wake(execution)
    this.release(added)
  }

  tell(execution: Execution, news: TaskQueue.News): void {
    const added = news.nodes === undefined ? [] : addTasks(execution, news.nodes)
    if (news.settled !== undefined) this.settle(execution, news.settled)
    for (const signal of news.signals ?? []) execution.signals.add(signal)
    if (news.pause !== undefined && news.pause.seq >= execution.pauseSeq) this.pause(execution, news.pause)
    execution.upTo = Math.max(execution.upTo, news.upTo ?? 0)
    this.release(added)
    if (execution.suspended.size > 0) this.wake(execution)
  }

  /** `millis`: how long it waits at most. `spawn`: tasks that it added. */
  suspend(
    task: Task,
    wait: {
      readonly run: number
      readonly waits: Waits
      readonly millis: number | undefined
      readonly spawn?: ReadonlyArray<TaskQueue.Node>
    }
  ): void {
    const { millis, run, spawn = [], waits } = wait
    const added = addTasks(task.execution, spawn)
    this.counter.unlease(task)
    task.state = "suspended"
    task.waits = waits
    task.waitRun = run
    task.timedOut = undefined
    task.passed = 0
    task.execution.suspended.add(task)
    if (isSatisfied(task, waits)) this.makeReady(task)
    else if (millis !== undefined) {
      this.timers.later(task, millis, (at) => {
        task.timedOut = task.waitRun
        this.makeReady(task, at)
      })
    }
    this.release(added)
  }

  /**
   * Leases the only task that becomes ready when this one is settled, if it would be handed out at
   * once.
   */
  takeNext({ dependents, execution, lane }: Task, worker: string): TaskQueue.Lease | undefined {
    // What waits is tested then: it may become ready too.
    if (execution.paused || execution.suspended.size > 0) return undefined
    let next: Task | undefined
    for (const dependent of dependents) {
      if (dependent.remaining !== 1 || dependent.state !== "waiting") continue
      if (next !== undefined) return undefined
      next = dependent
    }
    if (next === undefined || next.lane !== lane) return undefined
    const lease = this.counter.anticipate(next, worker)
    if (lease === undefined) return undefined
    next.ahead = true
    next.readyAt = this.timers.now
    next.age = this.nextAge(next.readyAt)
    return lease
  }

  delay(task: Task, millis: number): void {
    this.counter.unlease(task)
    if (task.ahead && task.remaining > 0) {
      task.ahead = false
      task.state = "waiting"
      return
    }
    if (millis <= 0) return this.giveBack(task)
    task.state = "delayed"
    this.timers.later(task, millis, () => this.giveBack(task))
  }

  /** Ends the lease of the task. */
  withdraw(task: Task): void {
    if (task.lease !== undefined) this.lost.add(task.lease)
    this.delay(task, 0)
  }

  /** Nothing of the execution is handed out or held any more. */
  end(execution: Execution): void {
    for (const task of execution.tasks.values()) {
      if (task.lease !== undefined) this.lost.add(task.lease)
      this.drop(task)
    }
  }

  /** Of tasks that were just added, those that depend on nothing unsettled. */
  private release(added: ReadonlyArray<Task>): void {
    for (const task of added) if (task.state === "waiting" && task.remaining === 0) this.makeReady(task)
  }

  private nextAge(at: number): number {
    return (this.lastAge = Math.max(this.lastAge + 1, at * 1_000))
  }

  /** Ready again, as the youngest. A timer counts from its due time. */
  private makeReady(task: Task, at = this.timers.now): void {
    task.age = this.nextAge(at)
    task.readyAt = at
    this.giveBack(task)
  }

  private giveBack(task: Task): void {
    this.timers.stop(task)
    task.execution.suspended.delete(task)
    task.state = "ready"
    if (task.execution.paused) task.execution.held.add(task)
    else this.counter.ready.add(task)
  }

  /** Takes the task out of everything that could hand it out. */
  private drop(task: Task): void {
    this.timers.stop(task)
    this.counter.unlease(task)
    this.counter.ready.remove(task)
    task.execution.held.delete(task)
    task.execution.suspended.delete(task)
  }

  /** First they are out of the way, all of them; then others become ready. */
  private settle(execution: Execution, ids: ReadonlyArray<string>): void {
    const fresh: Array<Task> = []
    for (const id of ids) {
      const task = execution.tasks.get(id)
      if (task === undefined || task.state === "settled") continue
      if (task.lease !== undefined) this.lost.add(task.lease)
      this.drop(task)
      task.state = "settled"
      fresh.push(task)
    }
    for (const { dependents } of fresh) {
      for (const dependent of dependents) {
        if (--dependent.remaining === 0 && dependent.state === "waiting") this.makeReady(dependent)
      }
    }
  }

  /** Level-triggered: every suspended task is tested again after any news. */
  private wake(execution: Execution): void {
    for (const task of execution.suspended) if (isSatisfied(task, task.waits!)) this.makeReady(task)
  }

  private pause(execution: Execution, { paused, seq }: NonNullable<TaskQueue.News["pause"]>): void {
    execution.paused = paused
    execution.pauseSeq = seq
    if (!paused) {
      for (const task of execution.held) this.counter.ready.add(task)
      return execution.held.clear()
    }
    for (const task of execution.tasks.values()) {
      if (task.state !== "ready") continue
      this.counter.ready.remove(task)
      execution.held.add(task)
    }
  }
}
