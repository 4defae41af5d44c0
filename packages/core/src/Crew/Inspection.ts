/**
 * Crews as objects: built from what a TypeScript program declares or from data, and looked at once
 * each, however often they are started. Nothing here throws.
 */
import * as Predicate from "effect/Predicate"
import * as Check from "./Check.ts"
import type { Code, Crew, GuardrailFunction, TaskCode } from "./Definition.ts"
import * as Placeholder from "./Placeholder.ts"
import type { Problem } from "./Problem.ts"
import * as Wording from "./Wording.ts"
import * as OutputDeclaration from "./OutputDeclaration.ts"

const inspected = new WeakMap<object, Check.Checked>()

/**
 * What there is to know about a crew before its inputs. The crew must not change afterwards; those
 * of this module cannot.
 */
export const inspect = (crew: Crew<unknown>): Check.Checked => {
  const known = inspected.get(crew)
  if (known !== undefined) return known
  if (!isCrew(crew)) return noCrew
  const code = Object.entries(crew.code)
  const conditions = new Set(code.flatMap(([task, { when }]) => (when === undefined ? [] : [task])))
  const checked = Check.check(crew.definition, { conditions })
  const { tasks } = checked.definition
  const unschemed = code
    .filter(
      ([task, { output }]) => output !== undefined && tasks[task] !== undefined && tasks[task].output === undefined
    )
    .map(([task]) => schemaProblem(task, "is missing, although its schema is given as code"))
  const result = { ...checked, problems: [...checked.problems, ...unschemed] }
  inspected.set(crew, result)
  return result
}

const remember = (checked: Check.Checked, code: Code): Crew<never> => {
  const crew: Crew<never> = Object.freeze({ definition: checked.definition, code })
  inspected.set(crew, checked)
  return crew
}

/** A crew from data, with everything that is wrong with it. */
export const fromData = (input: unknown): { readonly crew: Crew; readonly problems: ReadonlyArray<Problem> } => {
  const checked = Check.check(input)
  return { crew: remember(checked, noCode), problems: checked.problems }
}

/**
 * A crew from the options of `Crew.make`: its functions and schemas on one side, data on the other.
 */
export const build = (options: unknown): Crew<never> => {
  if (!Predicate.isReadonlyObject(options) || !Predicate.isReadonlyObject(options["tasks"]))
    return remember(Check.check(options), noCode)
  const code: { [task: string]: TaskCode } = Object.create(null)
  const problems: Array<Problem> = []
  const tasks = Object.entries(options["tasks"]).map(([name, task]): [string, unknown] => {
    if (!Predicate.isReadonlyObject(task)) return [name, task]
    const split = splitTask(task)
    if (split.problem !== undefined) problems.push(schemaProblem(name, split.problem))
    if (Object.keys(split.code).length > 0) code[Placeholder.normalName(name)] = Object.freeze(split.code)
    return [name, split.data]
  })
  const conditions = new Set(Object.keys(code).filter((name) => code[name]!.when !== undefined))
  const checked = Check.check({ ...options, tasks: Object.fromEntries(tasks) }, { conditions })
  return remember({ ...checked, problems: [...checked.problems, ...problems] }, Object.freeze(code))
}

/** What a program without types, or with data that it parsed, may pass for a crew. */
const isCrew = (value: unknown) =>
  Predicate.isReadonlyObject(value) && Predicate.isReadonlyObject(value["code"]) && "definition" in value

const noCrew: Check.Checked = {
  ...Check.check({}),
  problems: [
    {
      code: "wrong-type",
      path: [],
      message:
        "This value is not a crew: create one with Crew.make, with Crew.fromJson from data, or with CrewFile.parse from YAML."
    }
  ]
}

const noCode: Code = Object.freeze(Object.create(null) as Code)

const schemaProblem = (task: string, wrong: string): Problem => {
  const path = ["tasks", task, "output"]
  return { code: "invalid-output-schema", path, message: `${Wording.place(path)}: ${wrong}.` }
}

/** A task as written in a program: any of its values may be a function. */
const splitTask = (task: { readonly [key: string]: unknown }) => {
  const data: { [key: string]: unknown } = { ...task }
  const code: { -readonly [Key in keyof TaskCode]: TaskCode[Key] } = {}
  let problem: string | undefined
  if (task["output"] !== undefined) {
    const parts = OutputDeclaration.parts(task["output"])
    problem = parts.problem
    if (parts.code !== undefined) code.output = parts.code
    data["output"] = parts.data
  }
  if (Array.isArray(task["guardrails"])) {
    const guardrails: ReadonlyArray<unknown> = task["guardrails"]
    const functions = guardrails.filter((one): one is GuardrailFunction => typeof one === "function")
    if (functions.length > 0) {
      code.guardrails = Object.freeze(functions)
      data["guardrails"] = guardrails.filter((one) => typeof one !== "function")
    }
  }
  const when = task["when"]
  if (Predicate.isReadonlyObject(when) && typeof when["test"] === "function") {
    const { test, ...rest } = when
    code.when = test as NonNullable<TaskCode["when"]>
    data["when"] = rest
  }
  return { data, code, problem }
}
