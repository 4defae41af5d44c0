/**
 * Plans for properties: small graphs of every shape with every policy, and their tasks by hand.
 *
 * A counterexample prints in one line: `a b[a]skip×2 c[a,b]when:a` is a task a, a task b that
 * depends on a, skips its dependents when it fails and is tried twice, and a task c with a
 * condition on a. Anything omitted has its default: `fail`, one attempt.
 */
import * as FastCheck from "fast-check"
import type * as Decision from "../../src/Decision.ts"
import type * as ExecutionEvent from "../../src/ExecutionEvent.ts"
import type * as Plan from "../../src/Plan.ts"
import type * as Wait from "../../src/Wait.ts"
import * as Graphs from "./Graph.ts"

/** A task of which only the given fields matter. */
export const task = (fields: { readonly id: string } & Partial<Plan.PlannedTask>): Plan.PlannedTask => ({
  description: `Do ${fields.id}.`,
  expectedOutput: "Anything.",
  agent: "worker",
  context: [],
  dependencies: [],
  tools: [],
  guardrails: [],
  maxRepairs: 3,
  maxTurns: 10,
  retry: { attempts: 1, initialMillis: 1_000, factor: 2, maxMillis: 60_000 },
  onFailure: "fail",
  ...fields
})

/** A task releases its worker, for any reason. */
export const suspended = (
  waits: Wait.Waits,
  spawn: ReadonlyArray<Plan.PlannedTask> = []
): Extract<Decision.Outcome, { readonly _tag: "Suspended" }> => ({
  _tag: "Suspended",
  for: { kind: "calls", turn: 1 },
  waits,
  spawn
})

/** The same as an event. */
export const suspension = (taskId: string, run: number, waits: Wait.Waits): ExecutionEvent.TaskSuspended => ({
  type: "TaskSuspended",
  taskId,
  run,
  for: { kind: "calls", turn: 1 },
  waits,
  spawn: []
})

/** The signals of the plans of properties. */
export const signals: ReadonlyArray<string> = ["s", "s1", "s2", "s3"]

export const fromTasks = (tasks: ReadonlyArray<Plan.PlannedTask>): Plan.Plan =>
  printed({
    version: 1,
    name: "crew",
    process: "parallel",
    agents: { worker: { role: "Worker", goal: "Work.", backstory: "" } },
    // In a property any task may wait for them, regardless of which task declares them.
    tasks: tasks.map((task, index) => (index === 0 ? { ...task, signals: task.signals ?? signals } : task)),
    inputs: {}
  })

/** `{ c: "a b" }` is a task c that depends on a and b. */
export const chart = (
  declared: { readonly [id: string]: string },
  fields: { readonly [id: string]: Partial<Plan.PlannedTask> } = {}
): Plan.Plan =>
  fromTasks(
    Object.entries(declared).map(([id, dependencies]) =>
      task({ id, dependencies: dependencies.split(" ").filter(Boolean), ...fields[id] })
    )
  )

interface Policy {
  readonly onFailure: Plan.PlannedTask["onFailure"]
  readonly attempts: number
  readonly conditional: boolean
}

const policy = (onFailure: ReadonlyArray<Plan.PlannedTask["onFailure"]>): FastCheck.Arbitrary<Policy> =>
  FastCheck.record({
    onFailure: FastCheck.constantFrom(...onFailure),
    attempts: FastCheck.integer({ min: 1, max: 3 }),
    conditional: FastCheck.boolean()
  })

/** Graphs of at most nine tasks, with these failure policies, declared forwards or backwards. */
export const withPolicies = (onFailure: ReadonlyArray<Plan.PlannedTask["onFailure"]>): FastCheck.Arbitrary<Plan.Plan> =>
  FastCheck.tuple(
    Graphs.sorted.filter((nodes) => nodes.length > 0).map((nodes) => nodes.slice(0, 9)),
    FastCheck.array(policy(onFailure), { minLength: 9, maxLength: 9 }),
    FastCheck.boolean()
  ).map(([nodes, policies, backwards]) => {
    const tasks = nodes.map(({ dependencies, id }, index) => {
      const { attempts, conditional, onFailure } = policies[index]!
      const first = dependencies[0]
      return task({
        id,
        dependencies: [...new Set(dependencies)],
        onFailure,
        retry: { attempts, initialMillis: 100, factor: 2, maxMillis: 1_000 },
        ...(conditional && first !== undefined ? { when: { task: first, contains: "yes" } } : {})
      })
    })
    return fromTasks(backwards ? tasks.reverse() : tasks)
  })

/** Every policy. */
export const any: FastCheck.Arbitrary<Plan.Plan> = withPolicies(["fail", "skip", "continue"])

const printed = (plan: Plan.Plan): Plan.Plan =>
  Object.defineProperty(plan, FastCheck.toStringMethod, { value: () => print(plan), enumerable: false })

/** The plan in one line. */
export const print = (plan: Plan.Plan): string =>
  plan.tasks
    .map(
      ({ dependencies, id, onFailure, retry, when }) =>
        word(id) +
        (dependencies.length === 0 ? "" : `[${dependencies.map(word).join(",")}]`) +
        (onFailure === "fail" ? "" : onFailure) +
        (retry.attempts === 1 ? "" : `×${retry.attempts}`) +
        (when === undefined ? "" : `when:${word(when.task)}`)
    )
    .join(" ")

/** A name, in quotes when it needs them. */
export const word = (id: string): string => (/^[\w./#-]+$/.test(id) ? id : JSON.stringify(id))
