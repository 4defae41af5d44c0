/** What a call waits for, from what the functions of its tool return. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSize from "../JsonSize.ts"
import * as Task from "../Task.ts"
import * as Call from "./Call.ts"
import type { Declared } from "./Declaration.ts"
import { type Need, type SpawnedTask, type ToolError, ToolFailed } from "./Definition.ts"

const wrong = (tool: string, what: string) =>
  Effect.fail(new ToolFailed({ message: `The tool "${tool}" cannot be called: ${what}.` }))

const isDuration = Schema.is(Task.Duration)

/** A valid time limit, in words. */
export const duration = 'a duration of at most 100 years, such as "10 minutes" or a number of milliseconds'

/** True for a valid time limit, and for none. */
export const isTimeLimit = (given: unknown): boolean => given === undefined || isDuration(given)

/**
 * Time limits that are not valid are no time limits: a wait would have no end that was meant to
 * have one.
 */
const timeoutOf = (tool: string, given: unknown): Effect.Effect<{ readonly timeoutMillis?: number }, ToolError> => {
  if (given === undefined) return Effect.succeed({})
  if (isDuration(given)) return Effect.succeed({ timeoutMillis: Task.millis(given) })
  return wrong(tool, `timeout must be ${duration}`)
}

/** Whatever does not say that nobody needs to approve says that a person must. */
export const approval =
  (tool: string) =>
  (said: unknown): Effect.Effect<boolean | { readonly timeoutMillis?: number }, ToolError> => {
    if (said === false) return Effect.succeed(false)
    return Predicate.isReadonlyObject(said) ? timeoutOf(tool, said["timeout"]) : Effect.succeed(true)
  }

/** A function in JavaScript may return anything. */
export const question = (tool: string, answer: Declared) =>
  Effect.fnUntraced(function* (returned: unknown): Effect.fn.Return<Need, ToolError> {
    const asked = typeof returned === "string" ? { question: returned } : returned
    if (!Predicate.isReadonlyObject(asked) || typeof asked["question"] !== "string" || asked["question"].trim() === "")
      return yield* wrong(tool, "ask must return a question, as text or in { question }")
    const { default: silent, question, timeout } = asked
    if (JsonSize.isTooLarge(question))
      return yield* wrong(tool, `its question is longer than ${JsonSize.maxSize} characters`)
    const limit = yield* timeoutOf(tool, timeout)
    if (silent === undefined) return { _tag: "Question", question, schema: answer.schema, ...limit }
    if (JsonDepth.isTooDeep(silent) || JsonSize.isTooLarge(silent))
      return yield* wrong(tool, "the default answer of its question is too large or nested too deeply")
    const reply = yield* Effect.mapError(
      Call.toJson(tool, silent),
      () =>
        new ToolFailed({
          message: `The tool "${tool}" cannot be called: the default answer of its question is not JSON.`
        })
    )
    return { _tag: "Question", question, schema: answer.schema, ...limit, default: reply }
  })

export const tasks = (tool: string) =>
  Effect.fnUntraced(function* (returned: unknown): Effect.fn.Return<Need, ToolError> {
    if (!Predicate.isReadonlyObject(returned) || !Predicate.isReadonlyObject(returned["tasks"]))
      return yield* wrong(tool, "spawn must return { tasks }, tasks by name")
    const { need = "all", rest = "cancel", tasks, timeout } = returned
    const names = Object.keys(tasks)
    if (names.length === 0) return yield* wrong(tool, "spawn returned no task")
    // They are recorded, and shown to models, as results are.
    if (JsonDepth.isTooDeep(tasks) || JsonSize.isTooLarge(tasks))
      return yield* wrong(tool, "its tasks are too large or nested too deeply")
    const count = need === "any" ? 1 : need
    if (count !== "all" && !(Number.isInteger(count) && (count as number) > 0 && (count as number) <= names.length))
      return yield* wrong(
        tool,
        `need must be "all", "any" or a whole number from 1 to ${names.length}, the number of tasks`
      )
    if (rest !== "cancel" && rest !== "keep") return yield* wrong(tool, 'rest must be "cancel" or "keep"')
    return {
      _tag: "Tasks",
      // Whether they are tasks is found out when they are planned.
      tasks: tasks as { readonly [name: string]: SpawnedTask },
      need: count as number | "all",
      ...(rest === "keep" ? { rest } : {}),
      ...(yield* timeoutOf(tool, timeout))
    }
  })

export const wait = (tool: string) =>
  Effect.fnUntraced(function* (returned: unknown): Effect.fn.Return<Need, ToolError> {
    if (!Predicate.isReadonlyObject(returned)) return yield* wrong(tool, "wait must return { signal } or { timeout }")
    const { signal, timeout } = returned
    const limit = yield* timeoutOf(tool, timeout)
    if (typeof signal === "string") return { _tag: "Signal", signal, ...limit }
    const { timeoutMillis } = limit
    if (signal !== undefined || timeoutMillis === undefined)
      return yield* wrong(tool, 'wait must return { signal }, or { timeout } such as "10 minutes"')
    return { _tag: "Time", millis: timeoutMillis }
  })

/** The answer as the tool's own schema decodes it. It was valid when it was given. */
export const decode = (answer: Declared, value: unknown): Effect.Effect<unknown> =>
  Effect.map(answer.validate(value as Schema.Json), (checked) => (checked._tag === "Valid" ? checked.value : value))
