/** Which answers and signals are accepted, and which are refused with nothing recorded. */
import { describe, expect, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as HashSet from "effect/HashSet"
import type * as Ask from "../../src/Ask.ts"
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { after, completed, failed, finish, refusal, start, stateOf, step, stumbled, suspended } from "./Steps.ts"

const ask = (id: string, fields: Partial<Ask.Ask> = {}): Ask.Ask => ({
  id,
  kind: "approval",
  tool: "pay",
  title: "May it?",
  shown: id,
  hash: `hash of ${id}`,
  onSilence: "deny",
  answerableBy: [],
  ...fields
})

/** A suspension with a separate group for each ask. */
const asking = (...asks: ReadonlyArray<Ask.Ask>) => ({
  ...Plans.suspended({ groups: asks.map(({ id }) => ({ tasks: [], signals: [id], need: "all" as const })) }),
  asks
})

const answer = (id: string, given: Partial<Ask.Answer> = {}): Decision.Command => ({
  _tag: "Answer",
  ask: id,
  answer: { answer: "approve", ...given },
  by: { name: "ann", role: "operator" }
})

const retry = { attempts: 2, initialMillis: 0, factor: 1, maxMillis: 0 }
const fresh = stateOf(Plans.chart({ a: "", b: "a" }, { a: { retry, onFailure: "skip" } }))
/** a waits for two approvals. */
const asked = suspended(fresh, "a", asking(ask("a/1"), ask("a/2")))

describe("an answer", () => {
  it("is recorded with its author and the hash of what was shown, and closes its ask", () => {
    const { events, state } = step(asked, answer("a/1", { answer: "deny", reason: "Too much." }))
    expect(events).toEqual([
      {
        type: "AskAnswered",
        ask: "a/1",
        taskId: "a",
        answer: "deny",
        reason: "Too much.",
        hash: "hash of a/1",
        by: { name: "ann", role: "operator" }
      }
    ])
    expect(Execution.openOf(state, "a/1")).toBeUndefined()
    expect(HashMap.get(state.closed, "a/1")).toMatchObject({ value: "deny" })
    expect(Execution.task(state, "a")!.open).toEqual(["a/2"])
    expect(Execution.openOf(state, "a/2")).toBe(Execution.openOf(asked, "a/2"))
  })

  const timer = {
    ...Plans.suspended({ groups: [{ tasks: [], signals: [], need: "all" as const, timer: "a/t" }], timeoutMillis: 50 }),
    timers: [{ id: "a/t", millis: 50 }]
  }
  const of = (kind: Ask.Kind) => suspended(fresh, "a", asking(ask("a/1", { kind, scope: "execution" })))
  it.each<[string, Decision.Refusal, Execution.Execution, Decision.Command]>([
    ["to what was never asked", "unknown-ask", asked, answer("a/3")],
    ["before it is asked", "unknown-ask", fresh, answer("a/1")],
    ["to a timer", "unknown-ask", suspended(fresh, "a", timer), answer("a/t")],
    ["to a signal", "unknown-ask", suspended(fresh, "a", Plans.suspended(Wait.of({ signals: ["s"] }))), answer("s")],
    ["for the second time", "ask-closed", after(asked, answer("a/1")), answer("a/1", { answer: "deny" })],
    ["to something else than is shown", "hash-mismatch", asked, answer("a/1", { hash: "hash of a/2" })],
    ["after the end", "ended", after(asked, { _tag: "Cancel" }), answer("a/1")]
  ])("is refused %s", (_, expected, state, command) => {
    expect(refusal(state, command)).toBe(expected)
  })

  /** Each with its required fields. */
  const all: ReadonlyArray<Ask.Answer> = [
    { answer: "approve" },
    { answer: "edit", arguments: {} },
    { answer: "deny" },
    { answer: "reply", value: null },
    { answer: "accept" },
    { answer: "revise", feedback: "Shorter." },
    { answer: "raise", limits: { requests: 7 } }
  ]
  it.each([
    ["approval", ["approve", "edit", "deny"]],
    ["question", ["deny", "reply"]],
    ["review", ["accept", "revise"]],
    ["budget", ["deny", "raise"]]
  ] as const)("to an ask for %s must be one of its kind", (kind, possible: ReadonlyArray<Ask.Answer["answer"]>) => {
    for (const one of all)
      expect(refusal(of(kind), answer("a/1", one))).toBe(possible.includes(one.answer) ? undefined : "wrong-answer")
  })

  it.each([
    ["approval", { answer: "edit" }],
    ["question", { answer: "reply" }],
    ["review", { answer: "revise" }],
    ["review", { answer: "revise", feedback: " \n" }],
    ["budget", { answer: "raise" }]
  ] as const)("to an ask for %s without its required fields is refused: %j", (kind, given) => {
    expect(refusal(of(kind), answer("a/1", given))).toBe("wrong-answer")
  })

  it("that raises a limit raises it in the same append, from its current value; unnamed limits stay", () => {
    const plan = { ...Plans.chart({ a: "" }), limits: { tokens: 5, requests: 2, onExceeded: "ask" as const } }
    const budget = (id: string) => ask(id, { kind: "budget", scope: "execution" })
    const state = suspended(stateOf(plan), "a", asking(budget("a/1"), budget("a/2")))
    const first = step(state, answer("a/1", { answer: "raise", limits: { requests: 9 } }))
    expect(first.events.map(({ type }) => type)).toEqual(["AskAnswered", "LimitRaised"])
    expect(first.events[1]).toEqual({
      type: "LimitRaised",
      scope: "execution",
      limits: { tokens: 5, requests: 9 },
      ask: "a/1"
    })
    const second = step(first.state, answer("a/2", { answer: "raise", limits: { tokens: 7 } }))
    expect(second.events[1]).toMatchObject({ limits: { tokens: 7, requests: 9 } })
    expect(Execution.limitsOf(second.state, "execution")).toEqual({ tokens: 7, requests: 9, onExceeded: "ask" })
    expect(step(state, answer("a/1", { answer: "deny" })).events.map(({ type }) => type)).toEqual(["AskAnswered"])
  })

  it("with the hash of what is shown is accepted", () => {
    expect(refusal(asked, answer("a/1", { hash: "hash of a/1" }))).toBeUndefined()
  })

  it("to one ask does not apply to another of the same tool", () => {
    const state = after(asked, answer("a/1"))
    expect(Execution.task(state, "a")!.status).toBe("suspended")
    expect(refusal(state, start("a"))).toBe("suspended")
    expect(refusal(after(state, answer("a/2")), start("a"))).toBeUndefined()
  })

  it("with the scope of the run approves every further call of the tool, unless it is a denial", () => {
    const approvedBy = (given: Partial<Ask.Answer>) => [...after(asked, answer("a/1", given)).approved]
    expect(approvedBy({ scope: "run" })).toEqual(["pay"])
    expect(approvedBy({ scope: "once" })).toEqual([])
    expect(approvedBy({})).toEqual([])
    expect(approvedBy({ answer: "deny", scope: "run" })).toEqual([])
    const question = suspended(fresh, "a", asking(ask("a/1", { kind: "question" })))
    expect([...after(question, answer("a/1", { answer: "reply", value: 1, scope: "run" })).approved]).toEqual([])
  })
})

describe("an ask is open", () => {
  const timed = suspended(fresh, "a", {
    ...asking(ask("a/1", { deadlineMillis: 5 }), ask("a/2")),
    waits: {
      groups: [
        { tasks: [], signals: ["a/1"], need: "all" },
        { tasks: [], signals: ["a/2"], need: "all" }
      ],
      timeoutMillis: 5
    }
  })
  const timeout = { ...start("a"), timedOut: 1 }

  it("while its task runs between two waits", () => {
    const running = after(timed, timeout)
    expect(Execution.task(running, "a")!.status).toBe("running")
    expect(refusal(running, answer("a/2"))).toBeUndefined()
  })

  it("when its task asks again, with its deadline: the ask stays unchanged", () => {
    const again = after(timed, timeout, finish("a", 2, asking(ask("a/2", { hash: "other", deadlineMillis: 1 }))))
    expect(Execution.openOf(again, "a/2")).toBe(Execution.openOf(timed, "a/2"))
    expect(Execution.task(again, "a")!.open).toEqual(["a/2"])
    expect(refusal(again, answer("a/2"))).toBeUndefined()
  })

  it("only once: a closed ask does not open again", () => {
    const again = after(timed, timeout, finish("a", 2, asking(ask("a/1"), ask("a/2"))))
    expect(refusal(again, answer("a/1"))).toBe("ask-closed")
  })

  it("after its deadline, until the task is woken", () => {
    // Events are ten milliseconds apart: five have passed long ago.
    const later = after(timed, { _tag: "Signal", signal: "s", value: 1 }, { _tag: "Signal", signal: "s1", value: 1 })
    expect(refusal(later, answer("a/1"))).toBeUndefined()
    expect(refusal(after(later, timeout), answer("a/1"))).toBe("ask-closed")
  })

  it("during a pause, in which nothing starts", () => {
    const paused = after(timed, { _tag: "Pause" }, answer("a/1"), answer("a/2"))
    expect(refusal(paused, start("a"))).toBe("paused")
    expect(refusal(after(paused, { _tag: "Resume" }), start("a"))).toBeUndefined()
  })

  it("when the woken run has crashed, or was handed back", () => {
    const running = after(timed, timeout)
    expect(refusal(after(running, start("a")), answer("a/2"))).toBeUndefined()
    expect(refusal(after(running, finish("a", 2, { _tag: "Released" })), answer("a/2"))).toBeUndefined()
  })

  it("in the next attempt if that continues after the last turn, but not if it starts over", () => {
    const running = after(timed, timeout)
    const { events } = step(running, finish("a", 2, stumbled(true)))
    expect(events).toMatchObject([{ type: "TaskRetried", keepsTurns: true }])
    expect(events[0]).not.toHaveProperty("closes")
    expect(refusal(after(running, finish("a", 2, stumbled(true))), answer("a/2"))).toBeUndefined()
    const anew = step(running, finish("a", 2, stumbled(false)))
    expect(anew.events).toMatchObject([{ type: "TaskRetried", closes: ["a/2"] }])
    expect(refusal(anew.state, answer("a/2"))).toBe("ask-closed")
  })
})

describe("every end of a task closes its asks:", () => {
  const child = Plans.task({ id: "a/x", onFailure: "continue" })
  /** a has spawned a/x, which asks; a runs again, and asks, too. */
  const family = after(
    suspended(fresh, "a", {
      ...asking(ask("a/1")),
      spawn: [child],
      waits: { groups: [{ tasks: [], signals: ["s"], need: "all" }] }
    }),
    start("a/x"),
    finish("a/x", 1, asking(ask("a/x/1"))),
    { _tag: "Signal", signal: "s", value: 1 },
    start("a")
  )
  const closed = ["a/1", "a/x/1"]

  it("completed, with the tasks that it spawned", () => {
    const { events, state } = step(family, finish("a", 2, completed))
    expect(events).toMatchObject([
      { type: "TaskCompleted", closes: ["a/1"] },
      { type: "TaskCancelled", taskId: "a/x", reason: "parent-ended", closes: ["a/x/1"] }
    ])
    expect(HashMap.size(state.open)).toBe(0)
    for (const id of closed) expect(refusal(state, answer(id))).toBe("ask-closed")
  })

  it.each<[string, Decision.Command]>([
    ["failed", finish("a", 2, failed)],
    ["skipped by its condition", finish("a", 2, { _tag: "Skipped" })],
    ["cancelled with its execution", { _tag: "Cancel" }],
    ["cancelled by the time limit of its execution", { _tag: "Timeout", millis: 1 }]
  ])("%s", (_, command) => {
    const { events, state } = step(family, command)
    const closes = events.flatMap((event) => ("closes" in event ? (event.closes ?? []) : []))
    expect(closes.toSorted()).toEqual(closed)
    expect(HashMap.size(state.open)).toBe(0)
    expect(Execution.task(state, "a")!.open).toEqual([])
  })

  it("given up", () => {
    const crashed = after(family, start("a"), start("a"))
    const { events } = step(crashed, start("a"))
    expect(events[0]).toMatchObject({ type: "TaskFailed", error: { code: "crashed" }, closes: ["a/1"] })
  })

  it("skipped because of another, without having started: it has none", () => {
    const { events } = step(family, finish("a", 2, failed))
    const skipped = events.find(({ type }) => type === "TaskSkipped")
    expect(skipped).toMatchObject({ taskId: "b", reason: "dependency-failed" })
    expect(skipped).not.toHaveProperty("closes")
  })
})

describe("an ask about a limit", () => {
  const budget = { ...ask("a/limit", { kind: "budget", scope: "execution" }), tool: undefined as never }
  const { tool: _, ...limit } = budget
  const waiting = suspended(stateOf(Plans.chart({ a: "", b: "" })), "a", asking(limit))

  it("belongs to no task: it stays open when a waiting task ends, and ends with the execution", () => {
    expect(Execution.task(waiting, "a")!.open).toEqual([])
    const shared = after(waiting, start("b"), finish("b", 1, asking(limit)))
    expect(HashMap.size(shared.open)).toBe(1)
    const { events, state } = step(shared, { _tag: "Cancel" })
    expect(events.filter((event) => "closes" in event)).toEqual([
      expect.objectContaining({ type: "ExecutionEnded", closes: ["a/limit"] })
    ])
    expect(HashMap.size(state.open)).toBe(0)
  })

  it("is closed by a derived end, too", () => {
    const running = after(waiting, start("b"), answer("a/limit", { answer: "deny" }), start("a"))
    const another = after(running, finish("b", 1, asking({ ...limit, id: "b/limit" })))
    expect(refusal(another, finish("a", 2, completed))).toBeUndefined()
    const failing = stateOf(Plans.chart({ a: "", b: "" }))
    const alone = after(suspended(failing, "a", asking(limit)), start("b"))
    expect(step(alone, finish("b", 1, failed)).events.at(-1)).toMatchObject({
      type: "ExecutionEnded",
      status: "failed",
      closes: ["a/limit"]
    })
  })
})

describe("a signal", () => {
  const signal = (name: string): Decision.Command => ({ _tag: "Signal", signal: name, value: 1 })
  const plan = Plans.chart({ a: "", b: "" }, { a: { signals: [] }, b: { signals: ["paid"] } })
  const state = stateOf(plan)

  it("is accepted if a task declares it, early or not, the first time", () => {
    expect(step(state, signal("paid")).events).toEqual([{ type: "SignalReceived", signal: "paid", value: 1 }])
    expect(refusal(after(state, signal("paid")), signal("paid"))).toBe("already")
    expect(HashSet.has(after(state, signal("paid")).signals, "paid")).toBe(true)
  })

  it("is refused under any other name, and cannot answer an ask", () => {
    for (const name of ["pay", "PAID", "", "b", "__proto__", "constructor"])
      expect(refusal(state, signal(name))).toBe("unknown-signal")
    expect(refusal(asked, signal("a/1"))).toBe("unknown-signal")
  })

  it("may be declared by an added task", () => {
    const spawn = [Plans.task({ id: "a/x", signals: ["shipped"] })]
    expect(refusal(state, signal("shipped"))).toBe("unknown-signal")
    const grown = suspended(state, "a", Plans.suspended(Wait.of({ tasks: ["a/x"] }), spawn))
    expect(refusal(grown, signal("shipped"))).toBeUndefined()
  })
})
