/** What a call waits for, from what the functions of its tool return. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Task from "../Task.ts"
import type { Declared } from "./Declaration.ts"
import { type Need, type SpawnedTask, type ToolError, ToolFailed } from "./Definition.ts"

type Made = Effect.Effect<Need, ToolError>

const wrong = (tool: string, what: string): Made =>
  Effect.fail(new ToolFailed({ message: `The tool "${tool}" cannot be called: ${what}.` }))

const isDuration = Schema.is(Task.Duration)

/** A time in milliseconds; `undefined` when there is none. */
const millis = (value: unknown): number | undefined => (isDuration(value) ? Task.millis(value) : undefined)

const timeLimit = (value: unknown) => {
  const timeoutMillis = millis(value)
  return timeoutMillis === undefined ? {} : { timeoutMillis }
}

/** A function in JavaScript may return anything. */
export const question =
  (tool: string, answer: Declared) =>
  (returned: unknown): Made => {
    const asked = typeof returned === "string" ? { question: returned } : returned
    if (!Predicate.isReadonlyObject(asked) || typeof asked["question"] !== "string")
      return wrong(tool, "ask must return a question, as text or in { question }")
    const { default: silent, question, timeout } = asked
    return Effect.succeed({
      _tag: "Question",
      question,
      schema: answer.schema,
      ...timeLimit(timeout),
      ...(silent === undefined ? {} : { default: silent as Schema.Json })
    })
  }

export const tasks =
  (tool: string) =>
  (returned: unknown): Made => {
    if (!Predicate.isReadonlyObject(returned) || !Predicate.isReadonlyObject(returned["tasks"]))
      return wrong(tool, "spawn must return { tasks }, tasks by name")
    const { need = "all", rest, tasks, timeout } = returned
    const count = need === "any" ? 1 : need
    if (count !== "all" && !(Number.isInteger(count) && (count as number) > 0))
      return wrong(tool, 'need must be "all", "any" or a whole number, 1 or more')
    if (Object.keys(tasks).length === 0) return wrong(tool, "spawn returned no task")
    return Effect.succeed({
      _tag: "Tasks",
      // Whether they are tasks is found out when they are planned.
      tasks: tasks as { readonly [name: string]: SpawnedTask },
      need: count as number | "all",
      ...(rest === "keep" ? { rest } : {}),
      ...timeLimit(timeout)
    })
  }

export const wait =
  (tool: string) =>
  (returned: unknown): Made => {
    if (!Predicate.isReadonlyObject(returned)) return wrong(tool, "wait must return { signal } or { timeout }")
    const { signal, timeout } = returned
    if (typeof signal === "string") return Effect.succeed({ _tag: "Signal", signal, ...timeLimit(timeout) })
    const time = millis(timeout)
    return time === undefined
      ? wrong(tool, 'wait must return { signal }, or { timeout } such as "10 minutes"')
      : Effect.succeed({ _tag: "Time", millis: time })
  }

/** The answer as the tool's own schema decodes it. It was valid when it was given. */
export const decode = (answer: Declared, value: unknown): Effect.Effect<unknown> =>
  Effect.map(answer.validate(value as Schema.Json), (checked) => (checked._tag === "Valid" ? checked.value : value))
