/**
 * The tool by which the manager makes a new plan, once, when the work that it delegates does not
 * get on. The tasks of one call are checked as a whole: where one cannot be done, none is added.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Plan from "../Plan.ts"
import { type Need, type SpawnedTask, type Tool, type ToolContext, ToolFailed, ToolRetry } from "../Tool/Definition.ts"
import * as Coworkers from "./Coworkers.ts"
import { defaultExpectedOutput } from "./DelegatePrompt.ts"
import * as Delegation from "./Delegation.ts"
import * as Instructing from "./Instructing.ts"
import * as Prompt from "./ReplanPrompt.ts"

export { end, stalled } from "./ReplanPrompt.ts"

export interface Options extends Delegation.Options {
  /** The manager was told to replan. */
  readonly isAskedFor: () => boolean
}

/** The manager is told to replan. */
export const tell = (plan: Plan.Plan, stalls: number): Instructing.Told =>
  Instructing.tell(plan, "replan", Prompt, Prompt.facts(stalls))

export const tool = (options: Options): Tool => {
  const coworkers = Coworkers.of(options.plan, options.chain)
  const names = coworkers.map(({ name }) => name)
  const { coworker, expectedOutput, name, reason, task, tasks } = Prompt.parameters
  return {
    name: Delegation.replanName,
    description: Prompt.description(coworkers),
    parameters: {
      type: "object",
      properties: {
        reason: { type: "string", description: reason },
        tasks: {
          type: "array",
          minItems: 1,
          maxItems: 20,
          description: tasks,
          items: {
            type: "object",
            properties: {
              name: { type: "string", description: name },
              task: { type: "string", description: task },
              coworker: { type: "string", description: coworker, ...(names.length > 0 && { enum: names }) },
              expected_output: { type: "string", description: expectedOutput },
              context: { type: "array", items: { type: "string" }, description: Prompt.parameters.context }
            },
            required: ["name", "task", "coworker"]
          }
        }
      },
      required: ["reason", "tasks"]
    },
    idempotent: true,
    need: (args) => (options.isAskedFor() ? patch(options, args) : retry(Prompt.notNow)),
    execute: (_, context) => resultOf(context)
  }
}

const retry = (message: string) => Effect.fail(new ToolRetry({ message }))

/** Cycles, and names that are not there, are found where the tasks are planned. */
const patch = Effect.fnUntraced(function* (
  options: Options,
  { tasks: given }: Schema.JsonObject
): Effect.fn.Return<Need, ToolRetry> {
  if (!Array.isArray(given) || given.length === 0) return yield* retry(Prompt.noTasks)
  const tasks = new Map<string, SpawnedTask>()
  for (const each of given as ReadonlyArray<Schema.Json>) {
    if (!Predicate.isReadonlyObject(each)) return yield* retry(Prompt.noTasks)
    const { context = [], expected_output: expected, name, task } = each as Schema.JsonObject
    if (typeof name !== "string" || typeof task !== "string") return yield* retry(Prompt.noTasks)
    if (tasks.has(name)) return yield* retry(Prompt.wrong(name, Prompt.twice))
    const agent = yield* Effect.mapError(
      Delegation.coworkerOf(options, each as Schema.JsonObject),
      ({ message }) => new ToolRetry({ message: Prompt.wrong(name, message) })
    )
    tasks.set(name, {
      title: name,
      agent,
      description: task,
      expectedOutput: typeof expected === "string" && expected.trim() !== "" ? expected : defaultExpectedOutput,
      // From a model: looked at where the task is planned.
      context: context as ReadonlyArray<string>,
      onFailure: "skip"
    })
  }
  return { _tag: "Tasks", tasks: Object.fromEntries(tasks), need: "all", checked: true }
})

/** By task its output, or why there is none; a failure when none has one. */
const resultOf = ({ met }: ToolContext) =>
  Effect.gen(function* () {
    const tasks = met?._tag === "Tasks" ? Object.entries(met.tasks) : []
    let completed = 0
    const told: Array<readonly [name: string, Schema.Json]> = []
    for (const [name, result] of tasks) {
      const came = yield* Effect.result(Delegation.outcomeOf(name, result))
      if (came._tag === "Success") completed++
      told.push([name, came._tag === "Success" ? came.success : { failed: came.failure.message }])
    }
    const byName = Object.fromEntries(told)
    return completed > 0 ? byName : yield* new ToolFailed({ message: JSON.stringify(byName) })
  })
