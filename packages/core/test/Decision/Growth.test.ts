/**
 * What a task may add and wait for, beyond the shape of the graph (`Decision.test.ts`): agents,
 * names of asks, and amounts.
 */
import { describe, expect, it } from "@effect/vitest"
import type * as Ask from "../../src/Ask.ts"
import type * as Decision from "../../src/Decision.ts"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Wait from "../../src/Wait.ts"
import * as Plans from "../arbitrary/Plan.ts"
import { after, completed, finish, refusal, start, stateOf, step } from "./Steps.ts"

const agent = { role: "Worker", goal: "Work.", backstory: "" }
const plan: Plan.Plan = { ...Plans.chart({ p: "", q: "" }), agents: { worker: agent, writer: agent } }
const running = after(stateOf(plan), start("p"), start("q"))

type Suspended = Extract<Decision.Outcome, { readonly _tag: "Suspended" }>

/** Why a suspension fails its task. */
const problemOf = (suspension: Suspended): string | undefined => {
  const failure = Execution.task(after(running, finish("p", 1, suspension)), "p")!.failure
  if (failure !== undefined) expect(failure).toMatchObject({ code: "invalid-growth", isRetryable: false })
  return failure?.message
}

const adding = (count: number, fields: Partial<Plan.PlannedTask> = {}, from = 0): Suspended => {
  const spawn = Array.from({ length: count }, (_, index) => Plans.task({ id: `p/${from + index}`, ...fields }))
  return Plans.suspended(Wait.of({ tasks: spawn.map(({ id }) => id) }), spawn)
}
const ask = (id: string): Ask.Ask => ({
  id,
  kind: "approval",
  title: "May it?",
  shown: null,
  hash: "",
  onSilence: "deny",
  answerableBy: []
})

describe("a task that adds others", () => {
  it("names agents of the crew", () => {
    expect(problemOf(adding(1, { agent: "writer" }))).toBeUndefined()
  })

  it("of an unknown agent gets a list of the agents", () => {
    expect(problemOf(adding(1, { agent: "nobody" }))).toBe(
      'Task "p" adds the task "p/0" for the agent "nobody", which is not in the crew: the agents are "worker", "writer"'
    )
  })

  it("of a misspelled agent gets a suggestion", () => {
    expect(problemOf(adding(1, { agent: "wroter" }))).toContain('did you mean "writer"?')
  })

  it.each(["__proto__", "constructor", "toString"])("does not accept %s as an agent", (name) => {
    expect(problemOf(adding(1, { agent: name }))).toMatch(/is not in the crew/)
  })

  it("waits only for tasks that it added", () => {
    const others = after(running, finish("q", 1, Plans.suspended(Wait.of({}), [Plans.task({ id: "q/1" })])))
    const waiting = finish("p", 1, Plans.suspended(Wait.of({ tasks: ["q/1"] })))
    expect(step(others, waiting).events[0]).toMatchObject({
      type: "TaskFailed",
      error: {
        message: 'Task "p" waits for "q/1", which it did not add: a task can wait only for tasks that it added.'
      }
    })
    // In any group.
    const groups = [
      { tasks: [], signals: ["s"], need: "all" as const },
      { tasks: ["q"], signals: [], need: 1 }
    ]
    expect(problemOf(Plans.suspended({ groups }))).toContain('waits for "q"')
  })

  it("may add and await the same again: existing tasks stay unchanged", () => {
    const once = after(running, finish("p", 1, adding(2)), start("p/0"), finish("p/0", 1, completed), start("p/1"))
    const again = after(
      once,
      finish("p/1", 1, completed),
      start("p"),
      finish("p", 2, adding(3, { description: "Anew." }))
    )
    expect(Execution.task(again, "p")!.status).toBe("suspended")
    expect(Execution.task(again, "p/0")).toBe(Execution.task(once, "p/0"))
    expect(Execution.task(again, "p/2")!.plan.description).toBe("Anew.")
    expect(again.grown).toBe(3)
  })
})

describe("a task that asks", () => {
  it.each([
    ["an ask", { asks: [ask("question")] }],
    ["a timer", { timers: [{ id: "question", millis: 1 }] }]
  ])("gives %s a name that no signal can have", (_, what) => {
    expect(problemOf({ ...Plans.suspended(Wait.of({ signals: ["question"] })), ...what })).toBe(
      'Task "p" has an ask or timer with the id "question": the id must contain "/" to distinguish it from a signal.'
    )
  })
})

describe("an execution", () => {
  const as = (kind: ExecutionEvent.SuspendedFor["kind"], suspension: Suspended): Suspended => ({
    ...suspension,
    for: { kind, turn: 1 }
  })
  /** p has added this many, all of them are done, and it runs again. */
  const grown = (suspension: Suspended) => {
    const state = after(running, finish("p", 1, suspension))
    const ids = suspension.spawn.map(({ id }) => id)
    return after(state, ...ids.flatMap((id) => [start(id), finish(id, 1, completed)]), start("p"))
  }

  it("grows by at most 200 tasks: beyond that nothing is recorded, and the leg continues", () => {
    expect(refusal(running, finish("p", 1, adding(200)))).toBeUndefined()
    expect(refusal(running, finish("p", 1, adding(201)))).toBe("growth")
    const full = grown(adding(200))
    expect(refusal(full, finish("p", 2, adding(1, {}, 200)))).toBe("growth")
    expect(refusal(full, finish("q", 1, Plans.suspended(Wait.of({}), [Plans.task({ id: "q/1" })])))).toBe("growth")
    expect(refusal(full, finish("p", 2, completed))).toBeUndefined()
  })

  it("does not count existing tasks again", () => {
    const nearly = grown(adding(199))
    expect(refusal(nearly, finish("p", 2, adding(200)))).toBeUndefined()
    expect(refusal(nearly, finish("p", 2, adding(201)))).toBe("growth")
    expect(refusal(grown(adding(200)), finish("p", 2, adding(200)))).toBeUndefined()
  })

  it.each(["review", "recovery", "assignment", "work"] as const)("grows without limit for %s", (kind) => {
    const full = grown(adding(200))
    expect(refusal(full, finish("p", 2, as(kind, adding(1, {}, 200))))).toBeUndefined()
    expect(grown(as(kind, adding(5))).grown).toBe(0)
  })

  it("counts tasks that replace another", () => {
    expect(grown(as("replacement", adding(5))).grown).toBe(5)
  })

  it("reports invalid tasks before an excess", () => {
    expect(problemOf(adding(201, { agent: "nobody" }))).toContain("is not in the crew")
  })
})
