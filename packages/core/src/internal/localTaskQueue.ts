/** `TaskQueue.layerLocal`: plain data structures, every operation one synchronous step. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Waits } from "../ExecutionEvent.ts"
import * as TaskQueue from "../TaskQueue.ts"

interface Task {
  readonly id: string
  readonly execution: Execution
  readonly dependents: Array<Task>
  /** Dependencies that are not settled. */
  remaining: number
  /** Longest way to a final task, in tasks. */
  depth: number
  /** When it became ready, as a number that only grows. */
  age: number
  state: "waiting" | "ready" | "leased" | "delayed" | "suspended" | "settled"
  lease: TaskQueue.Lease | undefined
  waits: Waits | undefined
  /** So many tasks at the front of what it waits for are known to be settled. */
  passed: number
  timedOut: boolean
  timer: Fiber.Fiber<void> | undefined
}

interface Execution {
  readonly id: string
  readonly tenant: string
  readonly tasks: Map<string, Task>
  readonly signals: Set<string>
  /** Suspended tasks: usually none, so that settling looks at nobody. */
  readonly suspended: Set<Task>
  /** Ready tasks that are held back while the execution is paused. */
  readonly held: Array<Task>
  paused: boolean
}

interface Taker {
  readonly worker: string
  readonly limit: number
  readonly give: (leases: NonEmptyReadonlyArray<TaskQueue.Lease>) => void
}

/** A binary heap; the first in `before` order comes out first. */
class Heap<A> {
  private readonly items: Array<A> = []
  private readonly before: (a: A, b: A) => boolean
  constructor(before: (a: A, b: A) => boolean) {
    this.before = before
  }
  push(item: A): void {
    const { before, items } = this
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }
  pop(): A | undefined {
    const { before, items } = this
    const first = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++
      if (!before(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }
}

/** The service, in the scope of its layer. */
export const make = Effect.gen(function* () {
  const scope = yield* Scope.Scope
  const context = yield* Effect.context()
  const executions = new Map<string, Execution>()
  const ready = new Heap<Task>((a, b) => (a.depth === b.depth ? a.age < b.age : a.depth > b.depth))
  const takers: Array<Taker> = []
  const losses = new Map<string, { leases: Array<TaskQueue.Lease>; wake: (() => void) | undefined }>()
  let age = 0
  let nonce = 0

  const later = (task: Task, millis: number, then: () => void) => {
    const fiber = Effect.runForkWith(context)(Effect.sleep(millis))
    task.timer = fiber
    fiber.addObserver((exit) => {
      if (task.timer !== fiber) return
      task.timer = undefined
      if (Exit.isSuccess(exit)) {
        then()
        serve()
      }
    })
  }
  const stopTimer = (task: Task) => {
    const { timer } = task
    task.timer = undefined
    if (timer !== undefined) timer.interruptUnsafe()
  }

  const makeReady = (task: Task) => {
    stopTimer(task)
    task.execution.suspended.delete(task)
    task.state = "ready"
    task.age = age++
    if (task.execution.paused) task.execution.held.push(task)
    else ready.push(task)
  }

  /** Ready tasks to whoever waits. */
  const serve = () => {
    while (takers.length > 0) {
      const leases = claim(takers[0]!.worker, takers[0]!.limit)
      if (leases === undefined) return
      takers.shift()!.give(leases)
    }
  }

  const claim = (worker: string, limit: number): NonEmptyReadonlyArray<TaskQueue.Lease> | undefined => {
    const leases: Array<TaskQueue.Lease> = []
    while (leases.length < limit) {
      const task = ready.pop()
      if (task === undefined) break
      // Entries are not removed when a task leaves the ready state another way: they are passed over here.
      if (task.state !== "ready" || executions.get(task.execution.id) !== task.execution) continue
      if (task.execution.paused) {
        task.execution.held.push(task)
        continue
      }
      task.state = "leased"
      task.lease = {
        executionId: task.execution.id,
        tenant: task.execution.tenant,
        taskId: task.id,
        worker,
        nonce: nonce++,
        timedOut: task.timedOut
      }
      task.timedOut = false
      leases.push(task.lease)
    }
    return leases.length > 0 ? (leases as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]) : undefined
  }

  const add = (execution: Execution, nodes: ReadonlyArray<TaskQueue.Node>): Array<Task> => {
    const added: Array<readonly [Task, TaskQueue.Node]> = []
    for (const node of nodes) {
      if (execution.tasks.has(node.id)) continue
      const task: Task = {
        id: node.id,
        execution,
        dependents: [],
        remaining: 0,
        depth: 0,
        age: 0,
        state: "waiting",
        lease: undefined,
        waits: undefined,
        passed: 0,
        timedOut: false,
        timer: undefined
      }
      execution.tasks.set(node.id, task)
      added.push([task, node])
    }
    for (const [task, node] of added) {
      for (const id of new Set(node.dependencies)) {
        const dependency = execution.tasks.get(id)
        if (dependency === undefined) {
          task.remaining++ // unknown yet: the worker's fold says the same, and nothing starts too early
          continue
        }
        dependency.dependents.push(task)
        if (dependency.state !== "settled") task.remaining++
      }
    }
    measureDepth(added.map(([task]) => task))
    return added.map(([task]) => task)
  }

  const settle = (task: Task, by: TaskQueue.Lease | undefined) => {
    if (task.state === "settled") return
    stopTimer(task)
    if (task.lease !== undefined && task.lease !== by) lose(task.lease)
    task.lease = undefined
    task.state = "settled"
    task.execution.suspended.delete(task)
    for (const dependent of task.dependents) {
      if (--dependent.remaining === 0 && dependent.state === "waiting") makeReady(dependent)
    }
  }

  const satisfied = (task: Task, waits: Waits) => {
    const { execution } = task
    const settled = (id: string) => execution.tasks.get(id)?.state === "settled"
    const arrived = (signal: string) => execution.signals.has(signal)
    // As in the fold: waiting for nothing but time is a timer.
    if (waits.tasks.length + waits.signals.length === 0) return waits.timeoutMillis === undefined
    if (waits.mode === "any") return waits.tasks.some(settled) || waits.signals.some(arrived)
    // Settled tasks stay so: of many that are waited for each is passed once, not once for every other that settles.
    while (task.passed < waits.tasks.length && settled(waits.tasks[task.passed]!)) task.passed++
    return task.passed === waits.tasks.length && waits.signals.every(arrived)
  }

  /** Level-triggered: every suspended task is tested again after any news. */
  const wake = (execution: Execution) => {
    for (const task of execution.suspended) if (satisfied(task, task.waits!)) makeReady(task)
  }

  const suspend = (task: Task, waits: Waits, millis: number | undefined) => {
    task.state = "suspended"
    task.lease = undefined
    task.waits = waits
    task.passed = 0
    task.execution.suspended.add(task)
    if (satisfied(task, waits)) makeReady(task)
    else if (millis !== undefined) {
      later(task, millis, () => {
        if (task.state !== "suspended") return
        task.timedOut = true
        makeReady(task)
      })
    }
  }

  const delay = (task: Task, millis: number) => {
    task.lease = undefined
    if (millis <= 0) return makeReady(task)
    task.state = "delayed"
    later(task, millis, () => {
      if (task.state === "delayed") makeReady(task)
    })
  }

  const held = (lease: TaskQueue.Lease): Task | undefined => {
    const task = executions.get(lease.executionId)?.tasks.get(lease.taskId)
    return task?.lease?.nonce === lease.nonce ? task : undefined
  }

  const lose = (lease: TaskQueue.Lease) => {
    const entry = losses.get(lease.worker) ?? { leases: [], wake: undefined }
    losses.set(lease.worker, entry)
    entry.leases.push(lease)
    entry.wake?.()
  }

  const tell = (execution: Execution, news: TaskQueue.News, by?: TaskQueue.Lease) => {
    const added = news.nodes === undefined ? [] : add(execution, news.nodes)
    for (const id of news.settled ?? []) {
      const task = execution.tasks.get(id)
      if (task !== undefined) settle(task, by)
    }
    for (const signal of news.signals ?? []) execution.signals.add(signal)
    if (news.paused !== undefined) {
      execution.paused = news.paused
      if (!news.paused) for (const task of execution.held.splice(0)) if (task.state === "ready") ready.push(task)
    }
    for (const task of added) if (task.state === "waiting" && task.remaining === 0) makeReady(task)
    if (execution.suspended.size > 0) wake(execution)
  }

  const drop = (executionId: string) => {
    const execution = executions.get(executionId)
    if (execution === undefined) return
    executions.delete(executionId)
    for (const task of execution.tasks.values()) {
      stopTimer(task)
      if (task.lease !== undefined) lose(task.lease)
    }
  }

  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => {
      for (const id of executions.keys()) drop(id)
    })
  )

  return TaskQueue.TaskQueue.of({
    submit: (facts) =>
      Effect.sync(() => {
        if (executions.has(facts.executionId)) return
        const execution: Execution = {
          id: facts.executionId,
          tenant: facts.tenant,
          tasks: new Map(),
          signals: new Set(facts.signals),
          suspended: new Set(),
          held: [],
          paused: facts.paused
        }
        executions.set(execution.id, execution)
        const added = add(execution, facts.nodes)
        // First what holds tasks back, then what would make them ready.
        for (const { id, remainingMillis, waits } of facts.suspended) {
          const task = execution.tasks.get(id)
          if (task !== undefined) suspend(task, waits, remainingMillis)
        }
        for (const { id, millis } of facts.delayed) {
          const task = execution.tasks.get(id)
          if (task !== undefined && task.state === "waiting" && millis > 0) delay(task, millis)
        }
        for (const id of facts.settled) {
          const task = execution.tasks.get(id)
          if (task !== undefined) settle(task, undefined)
        }
        wake(execution)
        for (const task of added) if (task.state === "waiting" && task.remaining === 0) makeReady(task)
        serve()
      }),
    tell: (executionId, news) =>
      Effect.sync(() => {
        const execution = executions.get(executionId)
        if (execution === undefined) return
        tell(execution, news)
        serve()
      }),
    take: ({ limit, worker }) =>
      Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
        const leases = takers.length === 0 ? claim(worker, limit) : undefined
        if (leases !== undefined) return resume(Effect.succeed(leases))
        const taker: Taker = { worker, limit, give: (leases) => resume(Effect.succeed(leases)) }
        takers.push(taker)
        return Effect.sync(() => {
          const at = takers.indexOf(taker)
          if (at >= 0) takers.splice(at, 1)
        })
      }),
    suspend: (lease, waits, spawn) =>
      Effect.sync(() => {
        const task = held(lease)
        if (task === undefined) return false
        const added = add(task.execution, spawn)
        suspend(task, waits, waits.timeoutMillis)
        for (const child of added) if (child.remaining === 0) makeReady(child)
        serve()
        return true
      }),
    release: (lease, delayMillis = 0) =>
      Effect.sync(() => {
        const task = held(lease)
        if (task === undefined) return false
        delay(task, delayMillis)
        serve()
        return true
      }),
    lost: (worker) =>
      Effect.callback<NonEmptyReadonlyArray<TaskQueue.Lease>>((resume) => {
        const entry = losses.get(worker) ?? { leases: [], wake: undefined }
        losses.set(worker, entry)
        const flush = () => {
          entry.wake = undefined
          resume(Effect.succeed(entry.leases.splice(0) as [TaskQueue.Lease, ...Array<TaskQueue.Lease>]))
        }
        if (entry.leases.length > 0) return flush()
        entry.wake = flush
        return Effect.sync(() => {
          entry.wake = undefined
        })
      }),
    forget: (executionId) => Effect.sync(() => drop(executionId)),
    inspect: (executionId) =>
      Effect.sync(() => {
        const execution = executions.get(executionId)
        if (execution === undefined) return "absent"
        for (const task of execution.tasks.values()) {
          if (task.state === "ready" && !execution.paused) return "busy"
          if (task.state === "leased" || task.state === "delayed" || task.timer !== undefined) return "busy"
        }
        return "idle"
      })
  })
})

/** Longest way to a final task for tasks that were just added, without recursion. Their dependents are among themselves. */
const measureDepth = (tasks: ReadonlyArray<Task>) => {
  if (tasks.length < 2) return
  const open = new Map<Task, number>()
  const dependencies = new Map<Task, Array<Task>>()
  for (const task of tasks) {
    open.set(task, task.dependents.length)
    for (const dependent of task.dependents) {
      const list = dependencies.get(dependent)
      if (list === undefined) dependencies.set(dependent, [task])
      else list.push(task)
    }
  }
  const done = tasks.filter((task) => task.dependents.length === 0)
  for (let task = done.pop(); task !== undefined; task = done.pop()) {
    for (const dependency of dependencies.get(task) ?? []) {
      dependency.depth = Math.max(dependency.depth, task.depth + 1)
      const left = open.get(dependency)! - 1
      open.set(dependency, left)
      if (left === 0) done.push(dependency)
    }
  }
}
