/**
 * The tasks of an execution in a local queue: their open dependencies, their distance to a final
 * task, and whether the wait of a suspended task is satisfied.
 */
import type * as Fiber from "effect/Fiber"
import type { Priority } from "../ExecutionEvent.ts"
import { areSatisfied, type Waits } from "../TaskQueue.ts"
import * as TaskQueue from "../TaskQueue.ts"
import { depthsOf } from "../QueueFacts/Depths.ts"

export interface Task {
  readonly id: string
  readonly execution: Execution
  readonly lane: string
  readonly tenant: string
  readonly priority: Priority
  readonly dependents: Array<Task>
  /** Dependencies that are not settled. */
  remaining: number
  /** Longest way to a final task, in tasks, among those that came with it and beyond. */
  readonly depth: number
  /** When it first became ready after it was submitted or woken, as a number that only grows. */
  age: number
  /** The same by the clock, in milliseconds. */
  readyAt: number
  state: "waiting" | "ready" | "leased" | "delayed" | "suspended" | "settled"
  lease: TaskQueue.Lease | undefined
  /** Leased before its last dependency was settled. */
  ahead: boolean
  waits: Waits | undefined
  /** The run that began to wait. */
  waitRun: number
  /** So many tasks at the front of what it waits for are known to be settled. */
  passed: number
  timedOut: number | undefined
  timer: Fiber.Fiber<void> | undefined
}

export interface Execution {
  readonly id: string
  readonly tenant: string
  readonly priority: Priority
  readonly tasks: Map<string, Task>
  /** Dependents of tasks that are not known yet. */
  readonly expected: Map<string, Array<Task>>
  readonly signals: Set<string>
  /** Suspended tasks: usually none, so that settling checks nothing. */
  readonly suspended: Set<Task>
  /** Ready tasks that are held back while the execution is paused. */
  readonly held: Set<Task>
  paused: boolean
  /** The `seq` at which the log said so. */
  pauseSeq: number
  upTo: number
}

export const makeExecution = (facts: TaskQueue.Facts): Execution => ({
  id: facts.executionId,
  tenant: facts.tenant,
  priority: facts.priority ?? "normal",
  tasks: new Map(),
  expected: new Map(),
  signals: new Set(facts.signals),
  suspended: new Set(),
  held: new Set(),
  paused: facts.paused,
  pauseSeq: facts.upTo,
  upTo: facts.upTo
})

/**
 * Those of the tasks that were not known yet, in their order. A dependency may come later than who
 * depends on it.
 */
export const addTasks = (execution: Execution, nodes: ReadonlyArray<TaskQueue.Node>): Array<Task> => {
  const added: Array<readonly [Task, TaskQueue.Node]> = []
  const depths = depthsOf(nodes)
  for (const [at, node] of nodes.entries()) {
    if (execution.tasks.has(node.id)) continue
    const task: Task = {
      id: node.id,
      execution,
      lane: node.lane ?? TaskQueue.defaultLane,
      tenant: execution.tenant,
      priority: execution.priority,
      dependents: execution.expected.get(node.id) ?? [],
      remaining: 0,
      depth: depths[at]!,
      age: 0,
      readyAt: 0,
      state: "waiting",
      lease: undefined,
      ahead: false,
      waits: undefined,
      waitRun: 0,
      passed: 0,
      timedOut: undefined,
      timer: undefined
    }
    execution.expected.delete(node.id)
    execution.tasks.set(node.id, task)
    added.push([task, node])
  }
  for (const [task, node] of added) {
    for (const id of node.dependencies) {
      const dependency = execution.tasks.get(id)
      if (dependency?.state === "settled") continue
      task.remaining++
      if (dependency !== undefined) {
        dependency.dependents.push(task)
      } else {
        // The worker's fold agrees, and nothing starts too early.
        const dependents = execution.expected.get(id)
        if (dependents === undefined) execution.expected.set(id, [task])
        else dependents.push(task)
      }
    }
  }
  return added.map(([task]) => task)
}

/** Whether all that it waits for has come; time is not looked at. */
export const isSatisfied = (task: Task, waits: Waits): boolean => {
  const { execution } = task
  const isSettled = (id: string) => execution.tasks.get(id)?.state === "settled"
  // Settled tasks stay so: of many that are waited for each is passed once, not once for every
  // other that settles.
  if (waits.mode === "all")
    while (task.passed < waits.tasks.length && isSettled(waits.tasks[task.passed]!)) task.passed++
  return areSatisfied(waits, {
    isSettled,
    hasArrived: (signal) => execution.signals.has(signal),
    passed: task.passed
  })
}
