import { describe, expect, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import * as Dag from "../src/Dag.ts"
import * as Decision from "../src/Decision.ts"
import * as Execution from "../src/Execution.ts"
import * as ExecutionEvent from "../src/ExecutionEvent.ts"
import type * as Plan from "../src/Plan.ts"
import * as Plans from "./arbitrary/Plan.ts"
import * as Stories from "./arbitrary/Story.ts"
import { after, failed, finish, refusal, start, stateOf } from "./Decision/Steps.ts"
import * as Wait from "../src/Wait.ts"
import * as Property from "./arbitrary/Property.ts"

const property = Property.test(1_000)

type Event = ExecutionEvent.ExecutionEvent
type State = Execution.Execution

const taskIds = (state: State): ReadonlyArray<string> => Stories.tasksOf(state).map((task) => task.plan.id)
const terminals = (events: ReadonlyArray<Event>) =>
  events.filter((event) => ExecutionEvent.isTerminal(event)) as ReadonlyArray<Extract<Event, { taskId: string }>>
const statuses = (state: State): ReadonlyMap<string, string> =>
  new Map(Stories.tasksOf(state).map((task) => [task.plan.id, task.status]))

// The effects of a decision, computed naively.

/** The tasks spawned by a task, directly or indirectly. */
const descendants = (state: State, id: string): ReadonlySet<string> => {
  const found = new Set<string>()
  for (;;) {
    const more = Stories.tasksOf(state).filter(
      ({ parent, plan }) => parent !== undefined && (parent === id || found.has(parent)) && !found.has(plan.id)
    )
    if (more.length === 0) return found
    for (const { plan } of more) found.add(plan.id)
  }
}
/**
 * The open tasks that depend on a task, directly or through open ones: a task spawned later may
 * depend on settled tasks.
 */
const dependents = (state: State, id: string): ReadonlySet<string> => {
  const found = new Set<string>()
  for (;;) {
    const more = Stories.tasksOf(state).filter(
      (task) =>
        !Stories.isSettled(task) &&
        !found.has(task.plan.id) &&
        task.plan.dependencies.some((each) => each === id || found.has(each))
    )
    if (more.length === 0) return found
    for (const { plan } of more) found.add(plan.id)
  }
}

/** All terminal events caused by one terminal event, without itself: `task: event, reason`. */
const expectedFall = (before: State, cause: Extract<Event, { taskId: string }>): ReadonlyMap<string, string> => {
  const fall = new Map<string, string>()
  const open = new Set(
    Stories.tasksOf(before)
      .filter((task) => !Stories.isSettled(task))
      .map((task) => task.plan.id)
  )
  const { parent, plan } = Execution.task(before, cause.taskId)!
  open.delete(plan.id)
  const take = (id: string, how: string) => {
    if (open.delete(id)) fall.set(id, how)
  }
  for (const id of descendants(before, plan.id)) take(id, "TaskCancelled parent-ended")
  if (cause.type !== "TaskFailed" || plan.onFailure === "continue") return fall
  if (plan.onFailure === "fail" && parent === undefined) {
    for (const id of open) take(id, "TaskCancelled execution-failed")
  } else {
    for (const id of dependents(before, plan.id)) take(id, `TaskSkipped dependency-failed ${plan.id}`)
  }
  return fall
}

const told = (event: Extract<Event, { taskId: string }>): string =>
  event.type +
  ("reason" in event ? ` ${event.reason}` : "") +
  ("because" in event && event.because !== undefined ? ` ${event.because}` : "")

describe("an execution", () => {
  property(
    "ends within bounded steps, with one terminal event per task and nothing after its end",
    [Stories.any],
    ({ events, final }) => {
      expect(final.status).not.toBe("running")
      expect(final.unsettled).toBe(0)
      expect(events.filter((event) => event.type === "ExecutionEnded")).toEqual([events.at(-1)])
      const settled = terminals(events).map((event) => event.taskId)
      expect(settled.toSorted()).toEqual(taskIds(final).toSorted())
      for (const command of commandsOn(taskIds(final)[0]!)) expect(refusal(final, command)).toBe("ended")
    }
  )

  property("never gets stuck: a task can continue, or waits for something external", [Stories.any], ({ steps }) => {
    for (const { after } of steps) {
      if (after.status !== "running" || Stories.actionable(after).length > 0) continue
      const timed = Stories.tasksOf(after).some((task) => task.waits?.timeoutMillis !== undefined)
      expect(timed || Stories.unanswered(after).length > 0).toBe(true)
    }
  })

  property("starts no task before its dependencies are settled", [Stories.any], ({ events }) => {
    const settled = new Set<string>()
    const dependencies = new Map<string, ReadonlyArray<string>>()
    for (const event of events) {
      const added =
        event.type === "ExecutionStarted" ? event.plan.tasks : event.type === "TaskSuspended" ? event.spawn : []
      for (const task of added) dependencies.set(task.id, task.dependencies)
      if (event.type === "TaskStarted")
        expect(dependencies.get(event.taskId)!.filter((id) => !settled.has(id))).toEqual([])
      if (ExecutionEvent.isTerminal(event)) settled.add((event as ExecutionEvent.TaskCompleted).taskId)
    }
  })

  property("releases tasks like the graph, each once", [Stories.any], ({ events, plan }) => {
    const frontier = Dag.frontier(Result.getOrThrow(Dag.make(nodesOf(plan.tasks))))
    const ready = new Set(frontier.ready())
    const planned = new Set(plan.tasks.map(({ id }) => id))
    let state = Execution.fromEvents(events.slice(0, 1))!
    for (const event of events.slice(1)) {
      state = Execution.apply(state, event)
      if (event.type !== "TaskSuspended" && !ExecutionEvent.isTerminal(event)) continue
      const settled = event.type === "TaskSuspended" ? undefined : (event as ExecutionEvent.TaskCompleted).taskId
      if (settled !== undefined && planned.has(settled)) {
        for (const id of frontier.settle(settled)) {
          expect(ready.has(id)).toBe(false)
          ready.add(id)
        }
      }
      let unsettled = 0
      for (const task of Stories.tasksOf(state)) {
        const { dependencies, id } = task.plan
        const isOpen = dependencies.some((each) => !Stories.isSettled(Execution.task(state, each)))
        if (Execution.isReleased(state, task.plan) === isOpen) expect(id).toBe("released otherwise")
        if (planned.has(id) && !Stories.isSettled(task) && ready.has(id) === isOpen) expect(id).toBe("ready otherwise")
        if (!Stories.isSettled(task)) unsettled++
      }
      expect(state.unsettled).toBe(unsettled)
    }
  })

  property("keeps attempts and crashes within their limits", [Stories.any], ({ events, final }) => {
    const begun = new Map<string, number>()
    let last = 0
    for (const event of events) {
      if (event.type !== "TaskStarted") continue
      last = begun.get(event.taskId) ?? 0
      expect(event.run).toBe(last + 1)
      expect(event.crashes).toBeLessThan(Stories.maxCrashes)
      begun.set(event.taskId, event.run)
    }
    for (const { attempts, plan } of Stories.tasksOf(final)) expect(attempts).toBeLessThanOrEqual(plan.retry.attempts)
  })

  property("fails a task exactly when its consecutive runs recorded nothing", [Stories.any], ({ events }) => {
    const idle = new Map<string, number>()
    for (const event of events) {
      if (!("taskId" in event)) continue
      if (event.type === "TaskStarted") idle.set(event.taskId, (idle.get(event.taskId) ?? 0) + 1)
      else if (event.type === "TaskFailed" && event.error.code === "crashed")
        expect(idle.get(event.taskId)).toBe(Stories.maxCrashes)
      else idle.set(event.taskId, 0)
      expect(idle.get(event.taskId)!).toBeLessThanOrEqual(Stories.maxCrashes)
    }
  })
})

describe("a decision", () => {
  property("is the same for the same state, and does not change the state", [Stories.any], ({ steps }) => {
    for (const { before, command, events, refusal } of steps) {
      if (command === undefined) continue
      const again = Decision.decide(before, command)
      if (Result.isFailure(again)) expect(again.failure).toBe(refusal)
      else expect(again.success.map(({ type }) => type)).toEqual(events.map(({ type }) => type))
    }
  })

  property("has only events with an effect", [Stories.any], ({ steps }) => {
    for (const { after, before, events } of steps) {
      let state = before
      for (const event of events) {
        const next = Execution.apply(state, event)
        if ("taskId" in event) expect(Execution.task(next, event.taskId)).not.toBe(Execution.task(state, event.taskId))
        state = next
      }
      expect(before.unsettled + spawnedIn(events) - terminals(events).length).toBe(after.unsettled)
    }
  })

  property("settles with a task exactly what its policy reaches", [Stories.any], ({ steps }) => {
    for (const { after, before, command, events } of steps) {
      const [cause, ...fallen] = terminals(events).filter((event) => !isNotNeeded(event))
      if (cause === undefined || command?._tag === "Cancel" || command?._tag === "Timeout") continue
      expect(new Map(fallen.map((event) => [event.taskId, told(event)]))).toEqual(expectedFall(before, cause))
      expect(after.status !== "running").toBe(after.unsettled === 0)
    }
  })

  property(
    "cancels the dependents that a woken task, or an attempt that starts over, no longer needs: only its own, and all of them",
    [Stories.any],
    ({ steps }) => {
      for (const { after, before, events } of steps) {
        const notNeeded = events.filter(isNotNeeded)
        const by = events.find(({ type }) => type === "TaskStarted" || type === "TaskRetried")
        if (notNeeded.length > 0) expect(by).toBeDefined()
        for (const event of notNeeded) expect(isBelow(before, event.taskId, taskOf(by!))).toBe(true)
        if (by?.type === "TaskRetried" && !by.keepsTurns) {
          const left = Stories.tasksOf(after).filter(({ plan }) => isBelow(after, plan.id, by.taskId))
          expect(left.every(Stories.isSettled)).toBe(true)
        }
      }
    }
  )

  property("leaves no open ask without a task waiting for it", [Stories.any], ({ final, steps }) => {
    for (const { after } of steps) {
      for (const [id, { taskId }] of HashMap.entries(after.open)) {
        const task = Execution.task(after, taskId)!
        expect(Stories.isSettled(task)).toBe(false)
        expect(task.open).toContain(id)
      }
      for (const { open } of Stories.tasksOf(after))
        for (const id of open) expect(HashMap.has(after.open, id)).toBe(true)
    }
    expect(HashMap.size(final.open)).toBe(0)
  })

  property("accepts the first answer while an ask is open, and no other", [Stories.any], ({ steps }) => {
    for (const { after, before, command, events, refusal } of steps) {
      if (command?._tag !== "Answer") continue
      const ask = Execution.openOf(before, command.ask)
      if (ask === undefined || ask.kind === "timer") expect(["ask-closed", "unknown-ask"]).toContain(refusal)
      else if ((command.answer.hash ?? ask.hash) !== ask.hash) expect(refusal).toBe("hash-mismatch")
      else if (ask.kind === "approval" ? command.answer.answer === "reply" : command.answer.answer === "approve")
        expect(refusal).toBe("wrong-answer")
      else {
        expect(events).toMatchObject([{ type: "AskAnswered", ask: command.ask, taskId: ask.taskId, hash: ask.hash }])
        expect(HashMap.has(after.open, command.ask)).toBe(false)
      }
    }
  })

  property("closes by a time limit only what was due", [Stories.any], ({ steps }) => {
    for (const { before, events } of steps) {
      for (const event of events) {
        if (event.type !== "TaskStarted" || event.woke !== "timeout") continue
        const task = Execution.task(before, event.taskId)!
        const until = Date.parse(task.suspendedAt!) + task.waits!.timeoutMillis!
        const isDue = (id: string | undefined) =>
          id !== undefined && (Execution.openOf(before, id)?.dueAt ?? Infinity) <= until
        for (const id of event.closes ?? []) {
          // A timer is also closed with its satisfied group; an ask with the group whose timer has
          // elapsed.
          if (Execution.openOf(before, id)!.kind === "timer") continue
          const group = task.waits!.groups.find(({ signals }) => signals.includes(id))
          expect(isDue(id) || isDue(group?.timer)).toBe(true)
        }
      }
    }
  })

  property(
    "ends with a result if a final task has one, otherwise with the first failure",
    [Stories.any],
    ({ events, final, plan, steps }) => {
      const last = steps.at(-1)!
      const end = events.at(-1) as ExecutionEvent.Of<"ExecutionEnded">
      const failed = plan.tasks.filter(({ id }) => Execution.task(final, id)!.status === "failed")
      if (last.command?._tag === "Cancel") {
        expect(end.status).toBe("cancelled")
        return
      }
      if (last.command?._tag === "Timeout") {
        expect(end).toMatchObject({ status: "failed", error: { code: "execution-timeout", isRetryable: false } })
        return
      }
      const fatal = terminals(last.events).find(
        (event) =>
          event.type === "TaskFailed" &&
          plan.tasks.some(({ id, onFailure }) => id === event.taskId && onFailure === "fail")
      )
      const needed = new Set(plan.tasks.flatMap((task) => task.dependencies))
      const results = plan.tasks.filter(
        ({ id }) => !needed.has(id) && Execution.task(final, id)!.status === "completed"
      )
      const by = fatal?.taskId ?? (results.length === 0 ? failed[0]?.id : undefined)
      expect(end.error?.taskId).toBe(by)
      expect(end.status).toBe(by === undefined ? "completed" : "failed")
      if (by !== undefined) expect(end.error).toEqual({ ...Execution.task(final, by)!.failure, taskId: by })
    }
  )

  property("to stop leaves nothing open", [Stories.of(Plans.any, { aborts: true })], ({ steps }) => {
    for (const { after, before, command, events } of steps) {
      if (command?._tag !== "Cancel" && command?._tag !== "Timeout") continue
      const open = Stories.tasksOf(before).filter((task) => !Stories.isSettled(task))
      const reason = command._tag === "Cancel" ? "execution-cancelled" : "execution-timeout"
      expect(terminals(events).map((event) => [event.taskId, told(event)])).toEqual(
        open.map((task) => [task.plan.id, `TaskCancelled ${reason}`])
      )
      expect(after.unsettled).toBe(0)
    }
  })

  property("starts nothing while paused, and lets running tasks continue", [Stories.any], ({ steps }) => {
    for (const { before, command, events, refusal } of steps) {
      if (!before.paused) continue
      expect(events.some((event) => event.type === "TaskStarted")).toBe(false)
      if (command?._tag === "Finish" || command?._tag === "Signal") expect(refusal).not.toBe("paused")
    }
  })

  property("wakes the right tasks, with the reason", [Stories.any], ({ steps }) => {
    for (const { before, command, events, refusal } of steps) {
      if (command?._tag !== "Start") continue
      const task = Execution.task(before, command.taskId)!
      if (task.status !== "suspended") continue
      const woken = Stories.actionable(before).includes(task)
      const timedOut = command.timedOut === task.run && task.waits!.timeoutMillis !== undefined
      if (!woken && !timedOut && refusal !== "stale") expect(refusal).toBe("suspended")
      if (events.length > 0) expect(events[0]).toMatchObject({ woke: woken ? "satisfied" : "timeout" })
    }
  })
})

describe("the outcome", () => {
  const outcome = FastCheck.constantFrom("Completed", "Failed", "Skipped")
  const choices = FastCheck.array(FastCheck.nat(59), { maxLength: 60, size: "max" })

  property(
    "does not depend on the order",
    [
      Plans.withPolicies(["skip", "continue"]),
      FastCheck.array(outcome, { minLength: 9, maxLength: 9 }),
      choices,
      choices
    ],
    (plan, outcomes, one, other) => {
      const fate = new Map(plan.tasks.map(({ id }, index) => [id, outcomes[index]!]))
      const first = settleAll(plan, fate, one)
      const second = settleAll(plan, fate, other)
      expect(statuses(first)).toEqual(expectedStatuses(plan, fate))
      expect(statuses(second)).toEqual(statuses(first))
      expect([second.status, second.error]).toEqual([first.status, first.error])
    }
  )

  const settleAll = (plan: Plan.Plan, fate: ReadonlyMap<string, string>, choices: ReadonlyArray<number>): State => {
    const choose = Stories.choosing(choices)
    let state = stateOf(plan)
    while (state.status === "running") {
      const able = Stories.actionable(state)
      const { plan: task, run, status } = able[choose(able.length)]!
      state = after(state, status === "running" ? finish(task.id, run, outcomeOf(fate.get(task.id)!)) : start(task.id))
    }
    return state
  }
  const outcomeOf = (name: string): Decision.Outcome =>
    name === "Failed" ? failed : name === "Skipped" ? { _tag: "Skipped" } : { _tag: "Completed", output: 1 }

  /**
   * By the graph alone: tasks reached by a failure with `skip` are skipped, all others have their
   * drawn outcome.
   */
  const expectedStatuses = (plan: Plan.Plan, fate: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
    const result = new Map<string, string>()
    const of = (id: string): void => {
      const task = plan.tasks.find((each) => each.id === id)!
      const reached = task.dependencies.some((each) => {
        of(each)
        return result.get(each) === "failed" ? onFailureOf(plan, each) === "skip" : doomed.has(each)
      })
      if (reached) doomed.add(id)
      result.set(id, reached ? "skipped" : fate.get(id)!.toLowerCase())
    }
    const doomed = new Set<string>()
    for (const { id } of plan.tasks) of(id)
    return result
  }
  const onFailureOf = (plan: Plan.Plan, id: string) => plan.tasks.find((task) => task.id === id)!.onFailure
})

const isNotNeeded = (event: ExecutionEvent.ExecutionEvent): event is ExecutionEvent.Of<"TaskCancelled"> =>
  event.type === "TaskCancelled" && event.reason === "not-needed"

const taskOf = (event: ExecutionEvent.ExecutionEvent): string => ("taskId" in event ? event.taskId : "")

const isBelow = (state: State, id: string, ancestor: string): boolean => {
  const { parent } = Execution.task(state, id)!
  return parent !== undefined && (parent === ancestor || isBelow(state, parent, ancestor))
}

describe("growth", () => {
  const name = FastCheck.constantFrom("a", "b", "c", "p/1", "p/2", "p/3", "old", "nobody", "p")
  const names = FastCheck.array(name, { maxLength: 3 })
  const waits = FastCheck.record({ tasks: names, need: FastCheck.constantFrom<Wait.Group["need"]>("all", 1) })
  const spawn = FastCheck.array(FastCheck.record({ id: name, dependencies: names }), { maxLength: 4 })

  /** p runs and has spawned `old`, which runs too; a is settled, b depends on p, c is released. */
  const grown = (): State => {
    const plan = Plans.chart({ a: "", p: "", b: "p", c: "a" })
    let state = after(after(stateOf(plan), start("a")), finish("a", 1, { _tag: "Completed", output: 1 }))
    state = after(after(state, start("p")), finish("p", 1, Plans.suspended(Wait.of({}), [Plans.task({ id: "old" })])))
    return after(after(state, start("p")), start("old"))
  }

  property("keeps the graph valid, or fails the task that grew", [waits, spawn], (waits, spawn) => {
    const before = grown()
    const command = finish(
      "p",
      2,
      Plans.suspended(
        Wait.of({ tasks: waits.tasks }, { need: waits.need }),
        spawn.map(({ dependencies, id }) => Plans.task({ id, dependencies }))
      )
    )
    const state = after(before, command)
    // In any case the graph is valid, and earlier tasks are unchanged, unless they failed with the
    // task.
    Result.getOrThrow(
      Dag.make(Stories.tasksOf(state).map(({ plan }) => ({ id: plan.id, dependencies: plan.dependencies })))
    )
    expect(Execution.task(state, "a")).toBe(Execution.task(before, "a"))
    const grew = Execution.task(state, "p")!
    if (grew.status === "failed") {
      expect(grew.failure).toMatchObject({ code: "invalid-growth", isRetryable: false })
      expect(isAllowed(spawn, waits.tasks)).toBe(false)
      return
    }
    expect(isAllowed(spawn, waits.tasks)).toBe(true)
    for (const id of ["b", "c", "old"]) expect(Execution.task(state, id)).toBe(Execution.task(before, id))
    expect(completeAll(state).status).toBe("completed")
  })

  /**
   * The rule: spawned tasks wait for spawned or settled ones, without cycles; p waits for its own.
   */
  const isAllowed = (spawn: ReadonlyArray<Dag.Node>, waits: ReadonlyArray<string>): boolean => {
    const own = new Set(["old", ...spawn.map(({ id }) => id)])
    const taken = ["a", "b", "c", "p", "nobody"].filter((id) => id !== "nobody")
    if (spawn.some(({ id }) => taken.includes(id)) || new Set(spawn.map(({ id }) => id)).size < spawn.length)
      return false
    if (waits.some((id) => !own.has(id))) return false
    if (spawn.some(({ dependencies }) => dependencies.some((id) => id !== "a" && !own.has(id)))) return false
    const left = new Map(spawn.map(({ dependencies, id }) => [id, dependencies]))
    for (let size = -1; size !== left.size;) {
      size = left.size
      for (const [id, dependencies] of left) if (!dependencies.some((each) => left.has(each))) left.delete(id)
    }
    return left.size === 0
  }

  const completeAll = (state: State): State => {
    while (state.status === "running") {
      const { plan, run, status } = Stories.actionable(state)[0]!
      state = after(
        state,
        status === "running" ? finish(plan.id, run, { _tag: "Completed", output: 1 }) : start(plan.id)
      )
    }
    return state
  }

  it.each([
    ["a name that is taken", { spawn: [Plans.task({ id: "b" })], tasks: [] }, 'adds a task "b", but a task'],
    ["a wait for another's task", { spawn: [], tasks: ["b"] }, 'waits for "b", which it did not add'],
    [
      "a cycle",
      {
        spawn: [Plans.task({ id: "x", dependencies: ["y"] }), Plans.task({ id: "y", dependencies: ["x"] })],
        tasks: ["x"]
      },
      "x -> y -> x"
    ],
    ["what is not settled", { spawn: [Plans.task({ id: "x", dependencies: ["c"] })], tasks: [] }, 'depends on "c"']
  ])("with %s reports what is wrong", (_, { spawn, tasks }, message) => {
    const state = after(grown(), finish("p", 2, Plans.suspended(Wait.of({ tasks }), spawn)))
    expect(Execution.task(state, "p")!.failure!.message).toContain(message)
  })
})

describe("a refusal", () => {
  const fresh = stateOf(Plans.chart({ a: "", b: "a" }))
  const running = after(fresh, start("a"))
  const waiting = after(running, finish("a", 1, Plans.suspended(Wait.of({ signals: ["s"] }))))
  const done = after(running, finish("a", 1, { _tag: "Completed", output: 1 }))
  const paused = after(fresh, { _tag: "Pause" })
  const retried = after(
    stateOf(Plans.chart({ a: "" }, { a: { retry: { attempts: 2, initialMillis: 100, factor: 2, maxMillis: 100 } } })),
    start("a")
  )
  const delayed = after(retried, finish("a", 1, { ...failed, error: { ...failed.error, isRetryable: true } }))
  const due = Date.parse(Execution.task(delayed, "a")!.retryAt!)
  const answered = after(fresh, { _tag: "Signal", signal: "s", value: 1 })
  it.each<[string, Decision.Refusal, State, Decision.Command]>([
    ["to start nobody", "unknown-task", fresh, start("x")],
    ["to finish nobody", "unknown-task", fresh, finish("x", 1, failed)],
    ["to start what is settled", "settled", done, start("a")],
    ["to finish what is settled", "settled", done, finish("a", 1, failed)],
    ["to start what another has started since", "stale", running, { ...start("a"), seenRun: 0 }],
    ["to start an attempt that has failed since", "stale", delayed, { ...start("a"), seenRun: 1, seenAttempt: 1 }],
    ["to finish an older run", "stale", after(running, start("a")), finish("a", 1, failed)],
    ["to finish what never ran", "stale", fresh, finish("a", 0, failed)],
    ["to finish what is suspended", "stale", waiting, finish("a", 1, failed)],
    ["to start what waits", "suspended", waiting, start("a")],
    ["to time out what has no time limit", "suspended", waiting, { ...start("a"), timedOut: 1 }],
    ["to start while paused", "paused", paused, start("a")],
    ["to start before its next attempt is due", "delayed", delayed, { ...start("a"), now: due - 1 }],
    ["to start by a time that comes late", "delayed", delayed, { ...start("a"), now: due - 60_050 }],
    ["to start before its dependencies", "dependencies", fresh, start("b")],
    ["to pause what is paused", "already", paused, { _tag: "Pause" }],
    ["to resume what is not paused", "already", fresh, { _tag: "Resume" }],
    ["to answer twice", "already", answered, { _tag: "Signal", signal: "s", value: 2 }]
  ])("%s", (_, expected, state, command) => {
    expect(refusal(state, command)).toBe(expected)
  })

  it("does not affect a task whose next attempt is due, or a clock that is far behind", () => {
    for (const now of [due, due + 1, due - 60_051]) expect(refusal(delayed, { ...start("a"), now })).toBeUndefined()
  })
})

// Small parts

const commandsOn = (taskId: string): ReadonlyArray<Decision.Command> => [
  start(taskId),
  finish(taskId, 1, failed),
  { _tag: "Signal", signal: "new", value: 1 },
  { _tag: "Cancel" },
  { _tag: "Timeout", millis: 1 },
  { _tag: "Pause" },
  { _tag: "Resume" }
]
const nodesOf = (tasks: ReadonlyArray<Plan.PlannedTask>): ReadonlyArray<Dag.Node> =>
  tasks.map(({ dependencies, id }) => ({ id, dependencies }))
const spawnedIn = (events: ReadonlyArray<Event>): number =>
  events.reduce((sum, event) => sum + (event.type === "TaskSuspended" ? event.spawn.length : 0), 0)
