/** The spending of tasks, agents and the execution under their limits, in the fold. */
import { describe, expect, it } from "@effect/vitest"
import * as HashMap from "effect/HashMap"
import * as FastCheck from "fast-check"
import * as Execution from "../../src/Execution.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import * as Usage from "../../src/Usage.ts"
import * as World from "../fake/World.ts"

const agentOf = (limited: boolean): Plan.PlannedAgent => ({
  role: "Agent",
  goal: "Test",
  backstory: "",
  ...(limited ? { limits: { requests: 1_000 } } : {})
})
const limits = { tokens: 1_000_000 }
const agents = { rich: agentOf(false), limited: agentOf(true) }

const stateOf = (plan: Plan.Plan, drafts: ReadonlyArray<ExecutionEvent.Draft>): Execution.Execution =>
  Execution.fromEvents(
    [{ type: "ExecutionStarted", plan } as const, ...drafts].map((draft, index) => ({
      ...draft,
      seq: index + 1,
      at: new Date(index).toISOString(),
      executionId: "e"
    }))
  )!

const started = (taskId: string, run = 1): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run,
  attempt: 1,
  worker: "w",
  crashes: 0
})
const turn = (taskId: string, usage: Usage.Usage, run = 1): ExecutionEvent.Draft => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn: 1,
  messages: [],
  parts: [],
  finishReason: "stop",
  model: "m",
  usage
})
const spawned = (taskId: string, ...tasks: ReadonlyArray<Plan.PlannedTask>): ReadonlyArray<ExecutionEvent.Draft> => [
  started(taskId),
  { type: "TaskSuspended", taskId, run: 1, for: { kind: "calls", turn: 1 }, waits: { groups: [] }, spawn: tasks }
]
const taskOf = (id: string, task: Partial<Plan.PlannedTask>): Plan.PlannedTask => World.plan({ [id]: task }).tasks[0]!
const used = (inputTokens: number, costUsd: number | null = 0): Usage.Usage => ({
  ...Usage.zero,
  requests: 1,
  inputTokens,
  costUsd
})
const tokens = (state: Execution.Execution, scope: string) => Execution.spentOf(state, scope).inputTokens

/**
 * A tree of tasks: each after its parent, with or without limits, of one of two agents, some of
 * them the manager's.
 */
const tree = FastCheck.array(
  FastCheck.record({
    parent: FastCheck.nat(),
    limited: FastCheck.boolean(),
    agent: FastCheck.constantFrom("rich", "limited"),
    office: FastCheck.integer({ min: 0, max: 5 }).map((n) => n === 0)
  }),
  { minLength: 1, maxLength: 12 }
)
const payments = FastCheck.array(
  FastCheck.record({ task: FastCheck.nat(), tokens: FastCheck.nat(1_000), stale: FastCheck.boolean() }),
  { maxLength: 40 }
)

describe("spending", () => {
  it("of a tree is the sum of its turns, including stale ones, except those of the manager's office", () => {
    FastCheck.assert(
      FastCheck.property(tree, payments, (nodes, paid) => {
        const parents = nodes.map(({ parent }, index) => (index === 0 ? undefined : parent % index))
        const tasks = nodes.map(({ agent, limited, office }, index) =>
          taskOf(`t${index}`, {
            agent,
            ...(limited ? { limits } : {}),
            ...(office && index > 0 ? { office: "review" as const } : {})
          })
        )
        const drafts: Array<ExecutionEvent.Draft> = []
        for (const [index, task] of tasks.entries()) {
          const parent = parents[index]
          if (parent !== undefined) drafts.push(...spawned(`t${parent}`, task))
        }
        const plan: Plan.Plan = { ...World.plan({}, { agents }), tasks: [tasks[0]!] }
        const sums = new Map<string, number>()
        const add = (scope: string, n: number) => sums.set(scope, (sums.get(scope) ?? 0) + n)
        for (const { stale, task, tokens: amount } of paid) {
          const at = task % tasks.length
          drafts.push(turn(`t${at}`, used(amount), stale ? 0 : 1))
          if (tasks[at]!.agent === "limited") add("agent/limited", amount)
          add("execution", amount)
          for (let each: number | undefined = at; each !== undefined; each = parents[each]) {
            if (tasks[each]!.limits !== undefined) add(`task/t${each}`, amount)
            if (tasks[each]!.office !== undefined) break
          }
        }
        const state = stateOf(plan, drafts)
        for (const scope of ["execution", "agent/limited", ...tasks.map(({ id }) => `task/${id}`)])
          expect(tokens(state, scope)).toBe(sums.get(scope) ?? 0)
        // Without limits nothing is stored.
        for (const scope of HashMap.keys(state.spent)) expect(Execution.limitsOf(state, scope)).toBeDefined()
      })
    )
  })

  it("is unknown in every scope that paid for a model without a price", () => {
    const plan = World.plan({ a: { limits } }, { agents: { agent: agentOf(false) } })
    const state = stateOf(plan, [
      ...spawned("a", taskOf("a/b", { limits }), taskOf("a/c", { limits })),
      turn("a/b", used(1, null)),
      turn("a/c", used(1, 0.5))
    ])
    expect(Execution.spentOf(state, "task/a").costUsd).toBeNull()
    expect(Execution.spentOf(state, "task/a/b").costUsd).toBeNull()
    expect(Execution.spentOf(state, "task/a/c").costUsd).toBe(0.5)
  })
})

describe("calls of a task", () => {
  const plan = World.plan(
    { a: { limits: { tokens: 10, onExceeded: "ask" }, agent: "limited" }, z: { agent: "rich" } },
    { agents, limits: { requests: 7 } }
  )
  const grown = [
    ...spawned("a", taskOf("a/b", { agent: "rich" })),
    ...spawned("a/b", taskOf("a/b/c", { agent: "limited", limits: { costUsd: 1 } })),
    turn("a/b/c", used(5, 0.25))
  ]
  const scopedOf = (state: Execution.Execution, id: string) =>
    Execution.scopedOf(state, Execution.task(state, id)!)?.map(({ name, spent }) => [name, spent!.tokens])

  it("count against the limits of the task and all its ancestors, of its agent, and of the execution", () => {
    const state = stateOf(plan, grown)
    expect(scopedOf(state, "a/b/c")).toEqual([
      ["task/a/b/c", 5],
      ["task/a", 5],
      ["agent/limited", 5],
      ["execution", 5]
    ])
    expect(scopedOf(state, "a/b")).toEqual([
      ["task/a", 5],
      ["execution", 5]
    ])
    expect(scopedOf(state, "z")).toEqual([["execution", 5]])
    expect(scopedOf(stateOf(World.plan({ x: {} }), []), "x")).toBeUndefined()
  })

  it("count against raised limits, with the number of raises", () => {
    const raised = (tokens: number): ExecutionEvent.Draft => ({
      type: "LimitRaised",
      scope: "task/a",
      limits: { tokens },
      ask: "x/y"
    })
    const state = stateOf(plan, [...grown, raised(20), raised(30)])
    const [, own] = Execution.scopedOf(state, Execution.task(state, "a/b/c")!)!
    expect(own).toEqual({
      scope: "task",
      key: "e/task/a",
      name: "task/a",
      tokens: 30,
      onExceeded: "ask",
      raises: 2,
      spent: { tokens: 5, requests: 1, costUsd: 0.25 }
    })
  })
})
