/** What the end of a wait does to pending tasks, asks and timers. */
import { describe, expect, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import type * as Ask from "../../src/Ask.ts"
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { after, completed, failed, finish, refusal, start, stateOf, step, stumbled, suspended } from "./Steps.ts"

const retry = { attempts: 2, initialMillis: 0, factor: 1, maxMillis: 0 }
const fresh = stateOf(Plans.chart({ p: "" }, { p: { retry } }))

const ask = (id: string, deadlineMillis?: number): Ask.Ask => ({
  id,
  kind: "question",
  title: "Well?",
  shown: id,
  hash: id,
  onSilence: "deny",
  answerableBy: [],
  ...(deadlineMillis === undefined ? {} : { deadlineMillis })
})
const reply = (id: string): Decision.Command => ({
  _tag: "Answer",
  ask: id,
  answer: { answer: "reply", value: 1 },
  by: { name: "ann" }
})
const group = (fields: Partial<Wait.Group>): Wait.Group => ({ tasks: [], signals: [], need: "all", ...fields })

interface Asked {
  readonly asks?: ReadonlyArray<Ask.Ask>
  readonly timers?: ReadonlyArray<ExecutionEvent.Timer>
  /** Tasks that p adds. */
  readonly adds?: ReadonlyArray<string>
  readonly timeoutMillis?: number
}

/** p waits for these groups. */
const waiting = (groups: ReadonlyArray<Wait.Group>, { adds = [], asks = [], timeoutMillis, timers = [] }: Asked = {}) =>
  suspended(fresh, "p", {
    ...Plans.suspended(
      { groups, ...(timeoutMillis === undefined ? {} : { timeoutMillis }) },
      adds.map((id) => Plans.task({ id, onFailure: "continue" }))
    ),
    asks,
    timers
  })
const does = (id: string, outcome: Decision.Outcome) => [start(id), finish(id, 1, outcome)] as const
const timeout = { ...start("p"), timedOut: 1 }

/** What a start closes, and which tasks it cancels. */
const woken = (state: Execution.Execution, command: Decision.Command = start("p")) => {
  const { events } = step(state, command)
  const [started, ...rest] = events
  if (started?.type !== "TaskStarted") throw new Error(`It did not start: ${started?.type}`)
  return {
    woke: started.woke,
    closes: started.closes ?? [],
    cancelled: rest.map((event) => {
      if (event.type !== "TaskCancelled" || event.reason !== "not-needed") throw new Error(event.type)
      return event.taskId
    })
  }
}

const race = group({ tasks: ["p/1", "p/2", "p/3"], need: 1 })
const racing = waiting([race], { adds: race.tasks })

describe("a wait for one of several tasks", () => {
  it("ends when one has completed: the others are cancelled, with the tasks and asks they added", () => {
    const state = after(
      racing,
      start("p/2"),
      finish("p/2", 1, { ...Plans.suspended({ groups: [] }, [Plans.task({ id: "p/2/x" })]), asks: [ask("p/2/q")] }),
      ...does("p/1", completed)
    )
    const { events } = step(state, start("p"))
    expect(events.slice(1)).toEqual([
      { type: "TaskCancelled", taskId: "p/2", reason: "not-needed", closes: ["p/2/q"] },
      { type: "TaskCancelled", taskId: "p/2/x", reason: "not-needed" },
      { type: "TaskCancelled", taskId: "p/3", reason: "not-needed" }
    ])
    expect(events[0]).toMatchObject({ type: "TaskStarted", woke: "satisfied" })
    const next = after(state, start("p"))
    // A result of a cancelled one is too late.
    expect(refusal(next, finish("p/2", 1, completed))).toBe("settled")
    expect(HashMap.size(next.open)).toBe(0)
  })

  it("continues when one has failed, and ends when none can complete any more", () => {
    const one = after(racing, ...does("p/1", failed))
    expect(refusal(one, start("p"))).toBe("suspended")
    const two = after(one, ...does("p/2", { _tag: "Skipped" }))
    expect(refusal(two, start("p"))).toBe("suspended")
    expect(woken(after(two, ...does("p/3", failed)))).toEqual({ woke: "satisfied", closes: [], cancelled: [] })
  })

  it("that needs two ends as soon as two are impossible", () => {
    const state = waiting([{ ...race, need: 2 }], { adds: race.tasks })
    const one = after(state, ...does("p/1", failed))
    expect(refusal(one, start("p"))).toBe("suspended")
    expect(woken(after(one, ...does("p/2", failed)))).toMatchObject({ woke: "satisfied", cancelled: ["p/3"] })
  })

  it("leaves the others running if they are kept, and they may be awaited again", () => {
    const state = waiting([{ ...race, rest: "keep" }], { adds: race.tasks })
    const done = after(state, ...does("p/1", completed))
    expect(woken(done)).toEqual({ woke: "satisfied", closes: [], cancelled: [] })
    const again = after(done, start("p"), finish("p", 2, Plans.suspended({ groups: [group({ tasks: ["p/2"] })] })))
    expect(refusal(again, start("p"))).toBe("suspended")
    expect(woken(after(again, ...does("p/2", completed))).cancelled).toEqual([])
  })

  it("cancels none of another group, nor added tasks that are not awaited", () => {
    const state = waiting([group({ tasks: ["p/1"] }), group({ tasks: ["p/2", "p/3"], need: 1 })], {
      adds: ["p/1", "p/2", "p/3", "p/4"]
    })
    const over = after(state, ...does("p/1", completed), ...does("p/2", completed))
    expect(woken(over).cancelled).toEqual(["p/3"])
  })
})

describe("a wait for one of several answers", () => {
  const state = waiting([group({ signals: ["p/a", "p/b"], need: 1 }), group({ signals: ["p/c"] })], {
    asks: [ask("p/a"), ask("p/b"), ask("p/c")]
  })

  it("closes the other asks of its group when all groups are met, and not before", () => {
    const one = after(state, reply("p/a"))
    expect(refusal(one, start("p"))).toBe("suspended")
    expect(refusal(one, reply("p/b"))).toBeUndefined()
    const both = after(one, reply("p/c"))
    expect(woken(both)).toEqual({ woke: "satisfied", closes: ["p/b"], cancelled: [] })
    expect(refusal(after(both, start("p")), reply("p/b"))).toBe("ask-closed")
  })
})

describe("a time limit", () => {
  const two = waiting([group({ signals: ["p/a"] }), group({ signals: ["p/b"] })], {
    asks: [ask("p/a", 50), ask("p/b", 500)],
    timeoutMillis: 50
  })

  it("closes the due asks, and no others", () => {
    expect(woken(two, timeout)).toEqual({ woke: "timeout", closes: ["p/a"], cancelled: [] })
    const next = after(two, timeout)
    expect(HashMap.get(next.closed, "p/a")).toMatchObject({ value: "closed" })
    expect(Execution.openOf(next, "p/b")).toBe(Execution.openOf(two, "p/b"))
  })

  it("keeps the deadline of repeated asks", () => {
    const asked = Execution.task(two, "p")!.suspendedAt!
    const again = after(
      two,
      timeout,
      finish("p", 2, {
        ...Plans.suspended({ groups: [group({ signals: ["p/b"] })], timeoutMillis: 480 }),
        asks: [ask("p/b", 500)]
      })
    )
    expect(Execution.openOf(again, "p/b")!.dueAt).toBe(Date.parse(asked) + 500)
    expect(woken(again, { ...start("p"), timedOut: 2 })).toMatchObject({ closes: ["p/b"] })
  })

  it("belongs to one wait, and a wait may have none", () => {
    const again = after(two, timeout, finish("p", 2, Plans.suspended({ groups: [group({ signals: ["p/b"] })] })))
    expect(refusal(again, timeout)).toBe("suspended")
    expect(refusal(again, { ...start("p"), timedOut: 2 })).toBe("suspended")
  })

  it("that elapses after everything has come reports that the wait was satisfied", () => {
    const both = after(two, reply("p/a"), reply("p/b"))
    expect(woken(both, timeout)).toEqual({ woke: "satisfied", closes: [], cancelled: [] })
  })

  it("loses against a group that becomes impossible, and then cancels the rest of the group", () => {
    const either = waiting([group({ tasks: ["p/1"], signals: ["p/a", "p/b"], need: 2 })], {
      adds: ["p/1"],
      asks: [ask("p/a", 50), ask("p/b", 50)],
      timeoutMillis: 50
    })
    expect(woken(either, timeout)).toEqual({ woke: "timeout", closes: ["p/a", "p/b"], cancelled: ["p/1"] })
  })
})

describe("a timer", () => {
  const timer = { id: "p/t", millis: 50 }

  it("that has elapsed satisfies its group, and cancels the rest of it", () => {
    const state = waiting([group({ tasks: ["p/1", "p/2"], timer: "p/t" }), group({ signals: ["p/a"] })], {
      adds: ["p/1", "p/2"],
      asks: [ask("p/a")],
      timers: [timer],
      timeoutMillis: 50
    })
    expect(woken(state, timeout)).toEqual({ woke: "timeout", closes: ["p/t"], cancelled: ["p/1", "p/2"] })
    const next = after(state, timeout)
    expect(HashMap.get(next.closed, "p/t")).toMatchObject({ value: "elapsed" })
    expect(refusal(next, reply("p/a"))).toBeUndefined()
    const again = after(next, finish("p", 2, Plans.suspended(Execution.task(state, "p")!.waits!)), reply("p/a"))
    expect(woken(again)).toMatchObject({ woke: "satisfied" })
  })

  it("of a satisfied group is closed without having elapsed", () => {
    const state = waiting([group({ tasks: ["p/1"], timer: "p/t" })], {
      adds: ["p/1"],
      timers: [timer],
      timeoutMillis: 50
    })
    const done = after(state, ...does("p/1", completed))
    expect(woken(done)).toEqual({ woke: "satisfied", closes: ["p/t"], cancelled: [] })
    expect(HashMap.get(after(done, start("p")).closed, "p/t")).toMatchObject({ value: "closed" })
  })

  it("alone makes a task sleep", () => {
    const state = waiting([group({ timer: "p/t" })], { timers: [timer], timeoutMillis: 50 })
    expect(refusal(state, start("p"))).toBe("suspended")
    expect(woken(state, timeout)).toEqual({ woke: "timeout", closes: ["p/t"], cancelled: [] })
  })

  it("starts when it is first recorded", () => {
    const state = waiting([group({ tasks: ["p/1"] }), group({ timer: "p/t" })], {
      adds: ["p/1"],
      timers: [timer],
      timeoutMillis: 50
    })
    const crashed = after(state, timeout)
    const again = after(
      waiting([group({ tasks: ["p/1"], need: 1 }), group({ timer: "p/t" })], { adds: ["p/1"], timers: [timer] }),
      ...does("p/1", completed)
    )
    expect(Execution.openOf(crashed, "p/t")).toBeUndefined()
    expect(Execution.openOf(again, "p/t")!.dueAt).toBe(Date.parse(Execution.task(again, "p")!.suspendedAt!) + 50)
  })
})

describe("an attempt that failed", () => {
  const state = after(
    waiting([group({ signals: ["s"] })], {
      adds: ["p/1", "p/2"],
      asks: [ask("p/a")],
      timers: [{ id: "p/t", millis: 50 }]
    }),
    start("p/1"),
    finish("p/1", 1, { ...Plans.suspended({ groups: [] }, [Plans.task({ id: "p/1/x" })]), asks: [ask("p/1/q")] }),
    ...does("p/2", completed),
    { _tag: "Signal", signal: "s", value: 1 },
    start("p")
  )

  it("and starts over needs nothing that it left: its tasks are cancelled, its asks and timers closed", () => {
    const { events, state: next } = step(state, finish("p", 2, stumbled(false)))
    expect(events).toMatchObject([
      { type: "TaskRetried", keepsTurns: false, closes: ["p/a", "p/t"] },
      { type: "TaskCancelled", taskId: "p/1", reason: "not-needed", closes: ["p/1/q"] },
      { type: "TaskCancelled", taskId: "p/1/x", reason: "not-needed" }
    ])
    expect(events).toHaveLength(3)
    expect(HashMap.size(next.open)).toBe(0)
    expect(Execution.task(next, "p/2")).toBe(Execution.task(state, "p/2"))
  })

  it("and continues after its last turn keeps all of it", () => {
    const { events, state: next } = step(state, finish("p", 2, stumbled(true)))
    expect(events.map(({ type }) => type)).toEqual(["TaskRetried"])
    expect(events[0]).not.toHaveProperty("closes")
    expect(Execution.task(next, "p")!.open).toEqual(["p/a", "p/t"])
    expect(Execution.task(next, "p/1")!.status).toBe("suspended")
  })
})
