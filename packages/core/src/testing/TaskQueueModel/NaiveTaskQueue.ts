/**
 * `TaskQueue` as plainly as it can be written, to hold the others against: lists, searched from end to end, and nothing counted that
 * can be looked up. Nobody waits: a `take` that finds nothing never ends.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Priority, Waits } from "../../ExecutionEvent.ts"
import * as TaskQueue from "../../TaskQueue.ts"

interface Task {
  readonly executionId: string
  readonly tenant: string
  readonly priority: Priority
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
  readonly lane: string
  /** How far it is from the end of the nodes that came with it. */
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

interface Execution {
  readonly id: string
  readonly tenant: string
  readonly signals: Array<string>
  paused: boolean
  pauseSeq: number
  upTo: number
}

const tiers: ReadonlyArray<Priority> = ["high", "normal", "low"]

const make = Effect.fnUntraced(function* (options: TaskQueue.Options) {
  const clock = yield* Clock.Clock
  let executions: Array<Execution> = []
  let tasks: Array<Task> = []
  let shares: Array<{ readonly lane: string; readonly tenant: string; turn: number }> = []
  let workers: Array<TaskQueue.WorkerInfo> = []
  let losses: Array<TaskQueue.Lease> = []
  let floor = 0
  /** Nonces, timers and waits: what comes later has a higher number. */
  let number = 0
  let lastAge = 0
  let now = 0

  const grow = () => (lastAge = Math.max(lastAge + 1, now * 1_000))
  const rank = (task: Task) => task.age - task.depth * 1_000_000
  const find = (executionId: string, id: string) =>
    tasks.find((task) => task.executionId === executionId && task.id === id)
  const executionOf = (task: Task) => executions.find(({ id }) => id === task.executionId)!
  const isSettled = (executionId: string, id: string) => find(executionId, id)?.place === "settled"
  const isOpen = (task: Task) => task.place === "ready" && !executionOf(task).paused
  const depthOf = (id: string, nodes: ReadonlyArray<TaskQueue.Node>, seen: ReadonlyArray<string> = []): number => {
    // A cycle has no depth.
    if (seen.includes(id)) return Number.NaN
    const dependents = nodes.filter(({ dependencies }) => dependencies.includes(id))
    return Math.max(0, ...dependents.map((other) => depthOf(other.id, nodes, [...seen, id]) + 1))
  }

  /** Who has something ready has a place in the turns; who has nothing loses it. */
  const share = () => {
    shares = shares.filter(({ lane, tenant }) =>
      tasks.some((task) => isOpen(task) && task.lane === lane && task.tenant === tenant)
    )
    for (const { lane, tenant } of tasks.filter(isOpen)) {
      if (!shares.some((each) => each.lane === lane && each.tenant === tenant))
        shares.push({ lane, tenant, turn: floor })
    }
  }
  const move = (task: Task, place: Task["place"]) => {
    task.place = place
    if (place !== "leased") task.lease = undefined
    if (place === "ready" || place === "leased" || place === "settled") task.timer = undefined
    share()
  }
  const makeReady = (task: Task) => {
    task.age = grow()
    task.readyAt = now
    task.wait = undefined
    move(task, "ready")
  }
  const wait = (task: Task, millis: number) => {
    task.timer = { at: now + millis, number: number++ }
  }

  const isSatisfied = ({ executionId }: Task, waits: Waits) => {
    const came = [
      ...waits.tasks.map((id) => isSettled(executionId, id)),
      ...waits.signals.map((signal) => executions.find(({ id }) => id === executionId)!.signals.includes(signal))
    ]
    if (came.length === 0) return waits.timeoutMillis === undefined
    return waits.mode === "any" ? came.includes(true) : !came.includes(false)
  }
  const suspend = (task: Task, run: number, waits: Waits, millis: number | undefined) => {
    task.timedOut = undefined
    if (isSatisfied(task, waits)) return makeReady(task)
    task.wait = { run, waits, number: number++ }
    if (millis !== undefined) wait(task, millis)
    move(task, "suspended")
  }
  const add = ({ id: executionId, tenant }: Execution, priority: Priority, nodes: ReadonlyArray<TaskQueue.Node>) => {
    const added: Array<Task> = []
    const firsts = nodes.filter(({ id }, at) => nodes.findIndex((node) => node.id === id) === at)
    for (const { dependencies, id, lane = TaskQueue.defaultLane } of nodes) {
      if (find(executionId, id) !== undefined) continue
      const task: Task = {
        executionId,
        tenant,
        priority,
        id,
        dependencies,
        lane,
        depth: depthOf(id, firsts) || 0,
        place: "waiting",
        age: 0,
        readyAt: 0,
        timer: undefined,
        wait: undefined,
        timedOut: undefined,
        lease: undefined
      }
      added.push(task)
      tasks.push(task)
    }
    return added
  }
  /** Those that wait for nothing any more. */
  const freed = (among: ReadonlyArray<Task>) => {
    for (const task of among) {
      if (task.place === "waiting" && task.dependencies.every((id) => isSettled(task.executionId, id))) makeReady(task)
    }
  }
  const settle = (executionId: string, ids: ReadonlyArray<string>) => {
    const fresh = ids
      .filter((id, index) => ids.indexOf(id) === index && !isSettled(executionId, id))
      .flatMap((id) => find(executionId, id) ?? [])
    for (const task of fresh) {
      if (task.lease !== undefined) losses.push(task.lease)
      task.wait = undefined
      move(task, "settled")
    }
    // In the order in which they lose the last one that they wait for.
    const position = (task: Task) =>
      Math.max(...task.dependencies.map((id) => fresh.findIndex((each) => each.id === id)))
    const dependents = tasks.filter((task) => task.executionId === executionId && position(task) >= 0)
    freed(dependents.toSorted((a, b) => position(a) - position(b)))
  }
  /** Who has waited longest first. */
  const wake = (executionId: string) => {
    const suspended = tasks.filter((task) => task.executionId === executionId && task.place === "suspended")
    for (const task of suspended.toSorted((a, b) => a.wait!.number - b.wait!.number)) {
      if (isSatisfied(task, task.wait!.waits)) makeReady(task)
    }
  }
  const held = (lease: TaskQueue.Lease) => {
    const task = find(lease.executionId, lease.taskId)
    return task?.lease?.nonce === lease.nonce ? task : undefined
  }

  /** What has happened by itself since the last operation. */
  const catchUp = () => {
    const until = clock.currentTimeMillisUnsafe()
    for (;;) {
      const [next] = tasks
        .filter(({ timer }) => timer !== undefined && timer.at <= until)
        .sort((a, b) => a.timer!.at - b.timer!.at || a.timer!.number - b.timer!.number)
      if (next === undefined) break
      now = next.timer!.at
      if (next.place === "delayed") move(next, "ready")
      else {
        next.timedOut = next.wait!.run
        makeReady(next)
      }
    }
    now = until
  }
  const step = <A>(body: () => A): Effect.Effect<A> =>
    Effect.sync(() => {
      catchUp()
      return body()
    })

  const claimOne = (worker: string, hasRoom: (lane: string) => boolean): TaskQueue.Lease | undefined => {
    const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
    const [first] = shares
      .filter(({ lane }) => hasRoom(lane))
      .sort((a, b) => a.turn - b.turn || compare(a.lane, b.lane) || compare(a.tenant, b.tenant))
    if (first === undefined) return undefined
    const [task] = tasks
      .filter((each) => isOpen(each) && each.lane === first.lane && each.tenant === first.tenant)
      .sort((a, b) => tiers.indexOf(a.priority) - tiers.indexOf(b.priority) || rank(a) - rank(b) || b.depth - a.depth)
    floor = Math.max(floor, first.turn)
    first.turn++
    const { executionId, id, lane, tenant, timedOut } = task!
    task!.lease = { executionId, tenant, taskId: id, lane, worker, nonce: number++, timedOut }
    move(task!, "leased")
    return task!.lease
  }

  return TaskQueue.TaskQueue.of({
    isShared: false,
    submit: (facts) =>
      step(() => {
        if (executions.some(({ id }) => id === facts.executionId)) return
        const { executionId, paused, tenant, upTo } = facts
        const execution = { id: executionId, tenant, signals: [...facts.signals], paused, pauseSeq: upTo, upTo }
        executions.push(execution)
        const added = add(execution, facts.priority ?? "normal", facts.nodes)
        for (const { id, remainingMillis, run, waits } of facts.suspended) {
          const task = find(executionId, id)
          if (task !== undefined) suspend(task, run, waits, remainingMillis)
        }
        for (const { id, millis } of facts.delayed) {
          const task = find(executionId, id)
          if (task?.place !== "waiting" || millis <= 0) continue
          task.age = grow()
          wait(task, millis)
          move(task, "delayed")
        }
        settle(executionId, facts.settled)
        wake(executionId)
        freed(added)
      }),
    tell: (executionId, news) =>
      step(() => {
        const execution = executions.find(({ id }) => id === executionId)
        if (execution === undefined) return
        const priority = tasks.find((task) => task.executionId === executionId)?.priority ?? "normal"
        const added = add(execution, priority, news.nodes ?? [])
        settle(executionId, news.settled ?? [])
        execution.signals.push(...(news.signals ?? []))
        if (news.pause !== undefined && news.pause.seq >= execution.pauseSeq) {
          execution.paused = news.pause.paused
          execution.pauseSeq = news.pause.seq
          share()
        }
        execution.upTo = Math.max(execution.upTo, news.upTo ?? 0)
        freed(added)
        wake(executionId)
      }),
    take: ({ lanes, limit, worker }) =>
      Effect.flatMap(
        step(() => {
          const leases: Array<TaskQueue.Lease> = []
          const nameOf = (lane: string) => (lanes !== undefined && lane in lanes ? lane : TaskQueue.defaultLane)
          const hasRoom = (lane: string) =>
            tasks.filter((task) => task.place === "leased" && task.lane === lane).length <
              (options.lanes?.[lane] ?? Number.POSITIVE_INFINITY) &&
            (lanes === undefined ||
              leases.filter((lease) => nameOf(lease.lane) === nameOf(lane)).length < (lanes[nameOf(lane)] ?? 0))
          while (leases.length < limit) {
            const lease = claimOne(worker, hasRoom)
            if (lease === undefined) break
            leases.push(lease)
          }
          return leases
        }),
        ([first, ...rest]) => (first === undefined ? Effect.never : Effect.succeed([first, ...rest] as const))
      ),
    holds: (lease) => step(() => held(lease) !== undefined),
    suspend: (lease, { run, spawn, waits }) =>
      step(() => {
        const task = held(lease)
        if (task === undefined) return false
        const added = add(executionOf(task), task.priority, spawn)
        suspend(task, run, waits, waits.timeoutMillis)
        freed(added)
        return true
      }),
    release: (lease, delayMillis = 0) =>
      step(() => {
        const task = held(lease)
        if (task === undefined) return false
        move(task, delayMillis > 0 ? "delayed" : "ready")
        if (delayMillis > 0) wait(task, delayMillis)
        return true
      }),
    lost: (worker) =>
      Effect.flatMap(
        step(() => {
          const own = losses.filter((lease) => lease.worker === worker)
          losses = losses.filter((lease) => lease.worker !== worker)
          return own
        }),
        ([first, ...rest]) =>
          first === undefined ? Effect.never : Effect.succeed<NonEmptyReadonlyArray<TaskQueue.Lease>>([first, ...rest])
      ),
    forget: (executionId) =>
      step(() => {
        const [gone, kept] = [
          tasks.filter((task) => task.executionId === executionId),
          tasks.filter((task) => task.executionId !== executionId)
        ]
        for (const { lease } of gone) if (lease !== undefined) losses.push(lease)
        tasks = kept
        executions = executions.filter(({ id }) => id !== executionId)
        share()
      }),
    inspect: (executionId) =>
      step(() => {
        const execution = executions.find(({ id }) => id === executionId)
        if (execution === undefined) return { status: "absent", upTo: 0 }
        const isBusy = tasks.some(
          (task) =>
            task.executionId === executionId && (isOpen(task) || task.place === "leased" || task.timer !== undefined)
        )
        return { status: isBusy ? "busy" : "idle", upTo: execution.upTo }
      }),
    known: ({ after, limit }) =>
      step(() =>
        executions
          .filter(({ id }) => after === undefined || id > after)
          .map(({ id, tenant }) => ({ executionId: id, tenant }))
          .sort((a, b) => (a.executionId < b.executionId ? -1 : 1))
          .slice(0, limit)
      ),
    enlist: (info) =>
      step(() => {
        workers = [...workers.filter(({ name }) => name !== info.name), info]
      }),
    dismiss: (worker) =>
      step(() => {
        workers = workers.filter(({ name }) => name !== worker)
      }),
    workers: step(() =>
      workers.map((info) => ({
        ...info,
        silentMillis: 0,
        running: tasks
          .filter((task) => task.lease?.worker === info.name)
          .map(({ executionId, id, lane, tenant }) => ({ executionId, tenant, taskId: id, lane }))
      }))
    ),
    overview: step(() => ({
      executions: executions.length,
      timed: tasks.filter(({ timer }) => timer !== undefined).length,
      lanes: [...new Set([...Object.keys(options.lanes ?? {}), ...tasks.map(({ lane }) => lane)])]
        .map((lane): TaskQueue.LaneView => {
          const ready = tasks.filter((task) => isOpen(task) && task.lane === lane)
          const limit = options.lanes?.[lane]
          return {
            lane,
            ready: ready.length,
            leased: tasks.filter((task) => task.place === "leased" && task.lane === lane).length,
            ...(limit === undefined ? {} : { limit }),
            ...(ready.length === 0 ? {} : { oldestReadyMillis: now - Math.min(...ready.map(({ readyAt }) => readyAt)) })
          }
        })
        .filter(({ leased, limit, ready }) => limit !== undefined || ready + leased > 0)
        .sort((a, b) => (a.lane < b.lane ? -1 : 1))
    }))
  })
})

/** For tests only: slow. */
export const layerWith = (options: TaskQueue.Options): Layer.Layer<TaskQueue.TaskQueue> =>
  Layer.effect(TaskQueue.TaskQueue, make(options))
