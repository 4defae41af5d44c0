/**
 * The lists of the naive queue, and what happens to tasks in them: every step searches from end to
 * end.
 */
import type { Priority } from "../../ExecutionEvent.ts"
import type { Waits } from "../../TaskQueue.ts"
import * as TaskQueue from "../../TaskQueue.ts"

export interface Task {
  readonly executionId: string
  readonly tenant: string
  readonly priority: Priority
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
  readonly lane: string
  /** Its distance from the end of the nodes that were submitted with it. */
  readonly depth: number
  place: "waiting" | "ready" | "leased" | "delayed" | "suspended" | "settled"
  age: number
  readyAt: number
  /** When it becomes ready by itself, and which of those that were set at all. */
  timer: { readonly at: number; readonly number: number } | undefined
  wait: { readonly run: number; readonly waits: Waits; readonly number: number } | undefined
  timedOut: number | undefined
  lease: TaskQueue.Lease | undefined
}

export interface Execution {
  readonly id: string
  readonly tenant: string
  readonly signals: Array<string>
  paused: boolean
  pauseSeq: number
  upTo: number
}

const tiers: ReadonlyArray<Priority> = ["high", "normal", "low"]

export class Lists {
  executions: Array<Execution> = []
  tasks: Array<Task> = []
  shares: Array<{ readonly lane: string; readonly tenant: string; turn: number }> = []
  workers: Array<TaskQueue.WorkerInfo> = []
  losses: Array<TaskQueue.Lease> = []
  now = 0
  #floor = 0
  /** Nonces, timers and waits: later ones have higher numbers. */
  #number = 0
  #lastAge = -1

  find(executionId: string, id: string): Task | undefined {
    return this.tasks.find((task) => task.executionId === executionId && task.id === id)
  }

  execution(executionId: string): Execution | undefined {
    return this.executions.find(({ id }) => id === executionId)
  }

  executionOf(task: Task): Execution {
    return this.execution(task.executionId)!
  }

  isSettled(executionId: string, id: string): boolean {
    return this.find(executionId, id)?.place === "settled"
  }

  isOpen(task: Task): boolean {
    return task.place === "ready" && !this.executionOf(task).paused
  }

  /** The task of a valid lease. */
  held(lease: TaskQueue.Lease): Task | undefined {
    const task = this.find(lease.executionId, lease.taskId)
    return task?.lease?.nonce === lease.nonce ? task : undefined
  }

  add(
    { id: executionId, tenant }: Execution,
    priority: Priority,
    nodes: ReadonlyArray<TaskQueue.Node>
  ): ReadonlyArray<Task> {
    const added: Array<Task> = []
    const depths = depthsOf(nodes)
    for (const { dependencies, id, lane = TaskQueue.defaultLane } of nodes) {
      if (this.find(executionId, id) !== undefined) continue
      const task: Task = {
        executionId,
        tenant,
        priority,
        id,
        dependencies,
        lane,
        depth: depths.get(id)!,
        place: "waiting",
        age: 0,
        readyAt: 0,
        timer: undefined,
        wait: undefined,
        timedOut: undefined,
        lease: undefined
      }
      added.push(task)
      this.tasks.push(task)
    }
    return added
  }

  /** Those that no longer wait for anything. */
  free(among: ReadonlyArray<Task>): void {
    for (const task of among) {
      if (task.place === "waiting" && task.dependencies.every((id) => this.isSettled(task.executionId, id)))
        this.makeReady(task)
    }
  }

  settle(executionId: string, ids: ReadonlyArray<string>): void {
    const fresh = ids
      .filter((id, index) => ids.indexOf(id) === index && !this.isSettled(executionId, id))
      .flatMap((id) => this.find(executionId, id) ?? [])
    for (const task of fresh) {
      if (task.lease !== undefined) this.losses.push(task.lease)
      task.wait = undefined
      this.move(task, "settled")
    }
    // In the order in which their last dependency is removed.
    const position = (task: Task) =>
      Math.max(...task.dependencies.map((id) => fresh.findIndex((each) => each.id === id)))
    const dependents = this.tasks.filter((task) => task.executionId === executionId && position(task) >= 0)
    this.free(dependents.toSorted((a, b) => position(a) - position(b)))
  }

  suspend(task: Task, run: number, waits: Waits, millis: number | undefined): void {
    task.timedOut = undefined
    if (this.#isSatisfied(task, waits)) return this.makeReady(task)
    task.wait = { run, waits, number: this.#number++ }
    if (millis !== undefined) this.#startTimer(task, millis)
    this.move(task, "suspended")
  }

  /** Ready again after a while, with its age. */
  delay(task: Task, millis: number): void {
    this.#startTimer(task, millis)
    this.move(task, "delayed")
  }

  /** Longest waiting first. */
  wake(executionId: string): void {
    const suspended = this.tasks.filter((task) => task.executionId === executionId && task.place === "suspended")
    for (const task of suspended.toSorted((a, b) => a.wait!.number - b.wait!.number)) {
      if (this.#isSatisfied(task, task.wait!.waits)) this.makeReady(task)
    }
  }

  makeReady(task: Task): void {
    task.age = this.nextAge()
    task.readyAt = this.now
    task.wait = undefined
    this.move(task, "ready")
  }

  nextAge(): number {
    return (this.#lastAge = Math.max(this.#lastAge + 1, this.now * 1_000))
  }

  move(task: Task, place: Task["place"]): void {
    task.place = place
    if (place !== "leased") task.lease = undefined
    if (place === "ready" || place === "leased" || place === "settled") task.timer = undefined
    this.share()
  }

  /** A tenant with ready tasks has a turn; one without loses it. */
  share(): void {
    this.shares = this.shares.filter(({ lane, tenant }) =>
      this.tasks.some((task) => this.isOpen(task) && task.lane === lane && task.tenant === tenant)
    )
    for (const { lane, tenant } of this.tasks.filter((task) => this.isOpen(task))) {
      if (!this.shares.some((each) => each.lane === lane && each.tenant === tenant))
        this.shares.push({ lane, tenant, turn: this.#floor })
    }
  }

  claim(worker: string, hasRoom: (lane: string) => boolean): TaskQueue.Lease | undefined {
    const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
    const [first] = this.shares
      .filter(({ lane }) => hasRoom(lane))
      .sort((a, b) => a.turn - b.turn || compare(a.lane, b.lane) || compare(a.tenant, b.tenant))
    if (first === undefined) return undefined
    const [task] = this.tasks
      .filter((each) => this.isOpen(each) && each.lane === first.lane && each.tenant === first.tenant)
      .sort((a, b) => tiers.indexOf(a.priority) - tiers.indexOf(b.priority) || rank(a) - rank(b) || b.depth - a.depth)
    this.#floor = Math.max(this.#floor, first.turn)
    first.turn++
    const { executionId, id, lane, tenant, timedOut } = task!
    task!.lease = { executionId, tenant, taskId: id, lane, worker, nonce: this.#number++, timedOut }
    this.move(task!, "leased")
    return task!.lease
  }

  /** What happens by itself until then. */
  catchUp(until: number): void {
    for (;;) {
      const [next] = this.tasks
        .filter(({ timer }) => timer !== undefined && timer.at <= until)
        .sort((a, b) => a.timer!.at - b.timer!.at || a.timer!.number - b.timer!.number)
      if (next === undefined) break
      this.now = next.timer!.at
      if (next.place === "delayed") this.move(next, "ready")
      else {
        next.timedOut = next.wait!.run
        this.makeReady(next)
      }
    }
    this.now = until
  }

  #startTimer(task: Task, millis: number): void {
    task.timer = { at: this.now + millis, number: this.#number++ }
  }

  #isSatisfied({ executionId }: Task, waits: Waits): boolean {
    const came = [
      ...waits.tasks.map((id) => this.isSettled(executionId, id)),
      ...waits.signals.map((signal) => this.execution(executionId)!.signals.includes(signal))
    ]
    if (came.length === 0) return waits.timeoutMillis === undefined
    return waits.mode === "any" ? came.includes(true) : !came.includes(false)
  }
}

const rank = (task: Task): number => task.age - task.depth * 1_000_000

/** By id; nothing has a depth where tasks wait for each other or for themselves. */
const depthsOf = (nodes: ReadonlyArray<TaskQueue.Node>): ReadonlyMap<string, number> => {
  const firsts = nodes.filter(({ id }, at) => nodes.findIndex((node) => node.id === id) === at)
  const depthOf = (id: string, seen: ReadonlyArray<string>): number => {
    if (seen.includes(id)) return Number.NaN
    const dependents = firsts.filter(({ dependencies }) => dependencies.includes(id))
    return Math.max(0, ...dependents.map((other) => depthOf(other.id, [...seen, id]) + 1))
  }
  const depths = firsts.map(({ id }) => depthOf(id, []))
  const isCyclic = depths.some(Number.isNaN) || nodes.some(({ dependencies, id }) => dependencies.includes(id))
  return new Map(firsts.map(({ following = 0, id }, at) => [id, isCyclic ? 0 : depths[at]! + following]))
}
