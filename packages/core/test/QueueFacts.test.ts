/**
 * The facts about waits that a queue receives: enough to wake waiting tasks in time, and nothing
 * that has already arrived.
 */
import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import type * as Ask from "../src/Ask.ts"
import * as Execution from "../src/Execution.ts"
import * as QueueFacts from "../src/QueueFacts.ts"
import * as TaskQueue from "../src/TaskQueue.ts"
import * as Wait from "../src/Wait.ts"
import * as Plans from "./arbitrary/Plan.ts"
import * as Stories from "./arbitrary/Story.ts"
import { after, completed, failed, finish, start, stateOf, suspended } from "./Decision/Steps.ts"

const property = (name: string, holds: (story: Stories.Story) => void): void =>
  it(name, () => FastCheck.assert(FastCheck.property(Stories.any, holds), { numRuns: 300 }))

const suspendedIn = (state: Execution.Execution) =>
  Stories.tasksOf(state).flatMap((task) => (task.status === "suspended" ? [{ ...task, waits: task.waits! }] : []))

/** Whether a queue with all facts of a state would wake a task that waits for this. */
const wakes = (state: Execution.Execution, waits: TaskQueue.Waits): boolean => {
  const { settled, signals } = QueueFacts.factsOf(state, { tenant: "t", now: 0 })
  return TaskQueue.areSatisfied(waits, {
    isSettled: (id) => settled.includes(id),
    hasArrived: (id) => signals.includes(id)
  })
}

describe("the facts about a wait", () => {
  property("contain the open parts of unsatisfied groups, and nothing else", ({ steps }) => {
    for (const { after: state } of steps) {
      for (const { waits } of suspendedIn(state)) {
        const told = QueueFacts.waitsOf(state, waits)
        const unmet = waits.groups.filter((group) => !Execution.isSatisfied(state, { groups: [group] }))
        const { settled, signals: came } = QueueFacts.factsOf(state, { tenant: "t", now: 0 })
        expect(told.tasks).toEqual(unmet.flatMap(({ tasks }) => tasks).filter((id) => !settled.includes(id)))
        expect(told.signals).toEqual(unmet.flatMap(({ signals }) => signals).filter((id) => !came.includes(id)))
      }
    }
  })

  property("wake the task whenever its wait is satisfied, however much later", ({ steps }) => {
    const told = new Map<string, { readonly waits: TaskQueue.Waits; readonly run: number }>()
    for (const { after: state } of steps) {
      for (const { plan, run, waits } of suspendedIn(state)) {
        const known = told.get(plan.id)
        const first = known?.run === run ? known : { waits: QueueFacts.waitsOf(state, waits), run }
        told.set(plan.id, first)
        const isSatisfied = Execution.isSatisfied(state, waits)
        if (isSatisfied) expect(wakes(state, first.waits)).toBe(true)
        // If all parts of all groups are required, the queue can decide alone.
        if (!isSatisfied && first.waits.mode === "all") expect(wakes(state, first.waits)).toBe(false)
      }
    }
  })

  property("wake at once if the wait is satisfied, and never because of earlier arrivals if it is not", ({ steps }) => {
    for (const { after: state } of steps) {
      for (const { waits } of suspendedIn(state)) {
        const told = QueueFacts.waitsOf(state, waits)
        const isSatisfied = Execution.isSatisfied(state, waits)
        expect(wakes(state, told)).toBe(isSatisfied)
        if (isSatisfied) expect(told).toEqual({ tasks: [], signals: [], mode: "all" })
        else expect(told.timeoutMillis).toBe(waits.timeoutMillis)
      }
    }
  })

  const ask = (id: string): Ask.Ask => ({
    id,
    kind: "question",
    title: "Well?",
    shown: null,
    hash: "",
    onSilence: "deny",
    answerableBy: []
  })
  const state = suspended(stateOf(Plans.chart({ p: "" })), "p", {
    ...Plans.suspended(
      Wait.of({ tasks: ["p/1", "p/2"] }),
      ["p/1", "p/2"].map((id) => Plans.task({ id, onFailure: "continue" }))
    ),
    asks: [ask("p/a"), ask("p/b")],
    timers: [{ id: "p/t", millis: 50 }]
  })
  const groups = (...each: ReadonlyArray<Partial<Wait.Group>>) => ({
    groups: each.map((group) => ({ tasks: [], signals: [], need: "all" as const, ...group }))
  })
  it.each<[string, Wait.Waits, TaskQueue.Waits["mode"]]>([
    ["all when each group needs all", groups({ tasks: ["p/1"] }, { signals: ["p/a", "p/b"] }), "all"],
    ["any when a group needs some", groups({ tasks: ["p/1"] }, { signals: ["p/a", "p/b"], need: 1 }), "any"],
    ["any when a group has a timer", groups({ tasks: ["p/1"], timer: "p/t" }), "any"],
    ["any when all that is open is a timer", groups({ timer: "p/t" }), "any"]
  ])("is %s", (_, waits, mode) => {
    expect(QueueFacts.waitsOf(state, waits).mode).toBe(mode)
  })

  it("drop a satisfied group with everything it needs", () => {
    const waits = groups({ tasks: ["p/1", "p/2"], need: 1 }, { signals: ["p/a", "p/b"] })
    const one = after(state, start("p/1"), finish("p/1", 1, completed))
    expect(QueueFacts.waitsOf(one, waits)).toEqual({ tasks: [], signals: ["p/a", "p/b"], mode: "all" })
    const none = after(state, start("p/1"), finish("p/1", 1, failed))
    expect(QueueFacts.waitsOf(none, waits)).toEqual({ tasks: ["p/2"], signals: ["p/a", "p/b"], mode: "any" })
  })
})

describe("a task that was spawned", () => {
  /**
   * a, which b and then c wait for, has spawned a/1 and then a/3 after a/2, and a/2 has spawned
   * a/2/x.
   */
  const plan = Plans.chart({ a: "", b: "a", c: "b", z: "" })
  const first = ["a/1", "a/2"].map((id) => Plans.task({ id }))
  const children = [...first, Plans.task({ id: "a/3", dependencies: ["a/2"] })]
  const grown = suspended(stateOf(plan), "a", Plans.suspended(Wait.of({ tasks: ["a/1", "a/3"] }), children))
  const grandchild = [Plans.task({ id: "a/2/x", dependencies: [] })]
  const state = suspended(grown, "a/2", Plans.suspended(Wait.of({ tasks: ["a/2/x"] }), grandchild))

  it("has the distance of its parent from the end, plus its own path, whether told at once or rebuilt", () => {
    const { nodes } = QueueFacts.factsOf(state, { tenant: "t", now: 0 })
    const depths = QueueFacts.depthsOf(nodes)
    expect(Object.fromEntries(nodes.map(({ id }, at) => [id, depths[at]]))).toEqual({
      a: 2,
      b: 1,
      c: 0,
      z: 0,
      "a/1": 3,
      "a/2": 4,
      "a/3": 3,
      "a/2/x": 5
    })
    const told = [
      ...QueueFacts.spawnedNodes(grown, "a", children),
      ...QueueFacts.spawnedNodes(state, "a/2", grandchild)
    ]
    for (const node of told) expect(nodes).toContainEqual(node)
    expect(told.map(({ following }) => following)).toEqual([3, 3, 3, 5])
    expect([...QueueFacts.depthsOf(told.slice(0, 3))]).toEqual([3, 4, 3])
  })

  it("is marked as spawned, and no task of the plan is", () => {
    const { nodes } = QueueFacts.factsOf(state, { tenant: "t", now: 0 })
    expect(
      nodes
        .filter((node) => "following" in node)
        .map(({ id }) => id)
        .toSorted()
    ).toEqual(["a/1", "a/2", "a/2/x", "a/3"])
  })
})

describe("the facts of a state", () => {
  property("contain, for each waiting task, the facts about its wait and its remaining time", ({ steps }) => {
    for (const { after: state } of steps) {
      const now = Date.parse(state.startedAt) + 100
      const told = QueueFacts.factsOf(state, { tenant: "t", now }).suspended
      const expected = suspendedIn(state).map(({ plan, run, suspendedAt, waits }) => {
        const timed = Execution.isSatisfied(state, waits) ? undefined : waits.timeoutMillis
        const left = timed === undefined ? undefined : Date.parse(suspendedAt!) + timed - now
        return {
          id: plan.id,
          run,
          waits: QueueFacts.waitsOf(state, waits),
          remainingMillis: left === undefined ? undefined : Math.min(Math.max(left, 0), timed!)
        }
      })
      const byId = <T extends { readonly id: string }>(all: ReadonlyArray<T>) =>
        all.toSorted((a, b) => (a.id < b.id ? -1 : 1))
      expect(byId(told)).toEqual(byId(expected))
    }
  })

  property("contain which signals, asks and timers have arrived or were closed", ({ steps }) => {
    for (const { after: state } of steps) {
      const { signals } = QueueFacts.factsOf(state, { tenant: "t", now: 0 })
      for (const { open } of Stories.tasksOf(state)) for (const id of open) expect(signals).not.toContain(id)
      expect(new Set(signals).size).toBe(signals.length)
    }
  })
})
