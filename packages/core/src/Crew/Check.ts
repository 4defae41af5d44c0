/**
 * Whether data is a crew: its parts by their Schemas, its names, and its graph, all at once. A
 * wrong type in one task does not hide a cycle among the others, because names and references are
 * read from whatever is there. Never throws.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as Agent from "../Agent.ts"
import { Definition } from "./Definition.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import * as Name from "../Name.ts"
import * as Pattern from "../Pattern.ts"
import * as Task from "../Task.ts"
import { type Entry, graphProblems } from "./Graph.ts"
import * as Wording from "./Wording.ts"
import { PathMap } from "./PathMap.ts"
import * as Placeholder from "./Placeholder.ts"
import * as PlainJson from "./PlainJson.ts"
import type { Problem } from "./Problem.ts"
import * as References from "./References.ts"
import * as SchemaProblems from "./SchemaProblems.ts"
import { supervisionProblems } from "./Supervision.ts"
import * as Suggestion from "../Suggestion.ts"
import * as Attachments from "./Attachments.ts"
import { alwaysOutside, sharedOutputFiles } from "./WorkspacePath.ts"

export interface Checked {
  readonly problems: ReadonlyArray<Problem>
  /** By name, in declared order. What it claims is true only when there are no problems. */
  readonly definition: Definition
  readonly agents: ReadonlyArray<Entry>
  readonly tasks: ReadonlyArray<Entry>
  readonly suggester: Suggestion.Suggester
}

export interface Options {
  /** Tasks whose condition is a function, which data does not show. */
  readonly conditions?: ReadonlySet<string>
}

const everything = { errors: "all", onExcessProperty: "error" } as const
const decodeAgent = SchemaParser.decodeUnknownResult(Agent.Agent, everything)
const decodeTask = SchemaParser.decodeUnknownResult(Task.Task, everything)
const decodeAttachment = SchemaParser.decodeUnknownResult(Task.Attachment, everything)
const decodeHeader = SchemaParser.decodeUnknownResult(
  // Agents and tasks are looked at one by one: here they may be anything.
  Schema.Struct({
    ...Definition.fields,
    agents: Schema.optionalKey(Schema.Unknown),
    tasks: Schema.optionalKey(Schema.Unknown)
  }),
  everything
)

const namePattern = new RegExp(`^${Placeholder.name.source}$`, "u")

/** Everything that is wrong with the data, and its normal form. */
export const check = (input: unknown, options: Options = {}): Checked => {
  const suggester = Suggestion.make()
  const { faults, json: given } = PlainJson.copy(input)
  const json = withoutExtensions(given)
  const problems: Array<Problem> = faults.map(({ message, path }) => ({
    code: message.startsWith("must be JSON")
      ? "wrong-type"
      : path.at(-1) === "__proto__"
        ? "invalid-name"
        : "invalid-value",
    path,
    message: `${Wording.place(path)} ${message}.`
  }))
  const faulty = new PathMap<true>()
  for (const { path } of faults) faulty.set(path, true)
  const report = (found: ReadonlyArray<Problem>) => {
    for (const problem of found) if (faulty.get(problem.path) === undefined) problems.push(problem)
  }
  if (!PlainJson.isObject(json)) {
    if (json !== undefined)
      problems.push({
        code: "wrong-type",
        path: [],
        message: `A crew must be an object, but is ${Wording.show(json)}.`
      })
    return { problems, definition: { name: "", agents: {}, tasks: {} }, agents: [], tasks: [], suggester }
  }

  const header = normaliseInputs(json, report)
  report(issues(decodeHeader(header), header, [], suggester))

  const agents = entries(json["agents"], "agents", report)
  const tasks = entries(json["tasks"], "tasks", report)
  report(limitProblems(json, []))
  for (const { declaration, path } of agents) {
    report(issues(decodeAgent(declaration), declaration, path, suggester))
    report(limitProblems(declaration, path))
  }
  for (const task of tasks) {
    const { declaration, name, path } = task
    report(issues(decodeTask(declaration), declaration, path, suggester))
    report(limitProblems(declaration, path))
    if (PlainJson.isObject(declaration)) report(taskProblems(declaration, path, options.conditions?.has(name) === true))
  }
  report(outputFileProblems(tasks))
  if (PlainJson.isObject(header["synthesis"])) report(outputProblems(header["synthesis"]["output"], ["synthesis"]))
  const sequential = json["process"] === "sequential"
  report(graphProblems({ agents, tasks, sequential, managed: json["manager"] !== undefined, suggester }))
  report(supervisionProblems({ crew: header, agents, tasks, suggester }))
  return {
    problems,
    // Exactly the declared shape once no problem was found; the Schemas above transform nothing.
    definition: Object.freeze({ ...header, agents: byName(agents), tasks: byName(tasks) }) as unknown as Definition,
    agents,
    tasks,
    suggester
  }
}

const issues = (
  decoded: Result.Result<unknown, SchemaIssue.Issue>,
  value: unknown,
  path: PlainJson.Path,
  suggester: Suggestion.Suggester
): ReadonlyArray<Problem> =>
  Result.isSuccess(decoded) ? [] : SchemaProblems.fromIssue({ issue: decoded.failure, value, path, suggester })

/** What is to happen when a limit is reached, and no limit. */
const limitProblems = (declaration: Schema.Json | undefined, path: Problem["path"]): ReadonlyArray<Problem> => {
  const limits = PlainJson.isObject(declaration) ? declaration["limits"] : undefined
  if (!PlainJson.isObject(limits) || limits["onExceeded"] === undefined) return []
  if (["tokens", "costUsd", "requests"].some((dimension) => limits[dimension] !== undefined)) return []
  const at = [...path, "limits", "onExceeded"]
  const message = `${Wording.place(at)} has no effect without a limit: set tokens, costUsd or requests.`
  return [{ code: "invalid-value", path: at, message }]
}

const byName = (all: ReadonlyArray<Entry>): { readonly [name: string]: Schema.Json } =>
  Object.freeze(Object.fromEntries(all.map(({ declaration, name }) => [name, declaration])))

/** Keys that begin with `x-` are for other programs, and for anchors of YAML. */
const withoutExtensions = <A extends Schema.Json | undefined>(crew: A): A | Schema.JsonObject =>
  PlainJson.isObject(crew) && Object.keys(crew).some((key) => key.startsWith("x-"))
    ? Object.fromEntries(Object.entries(crew).filter(([key]) => !key.startsWith("x-")))
    : crew

/**
 * `topic: otters` is short for `topic: { default: otters }`, and `topic:` for an input without a
 * default.
 */
const normaliseInputs = (
  given: Schema.JsonObject,
  report: (problems: ReadonlyArray<Problem>) => void
): Schema.JsonObject => {
  const crew = given["manager"] === undefined ? given : { ...given, manager: References.normalise(given["manager"]) }
  const inputs = crew["inputs"]
  if (!PlainJson.isObject(inputs)) return crew
  const declared = new Map<string, Schema.Json>()
  for (const [written, input] of Object.entries(inputs)) {
    const name = Placeholder.normalName(written)
    const path = ["inputs", written]
    report(invalidName("An input", name, path))
    if (declared.has(name)) report([duplicateName(name, path, ["inputs", name])])
    else
      declared.set(
        name,
        input === null ? Object.freeze({}) : PlainJson.isObject(input) ? input : Object.freeze({ default: input })
      )
  }
  return { ...crew, inputs: Object.freeze(Object.fromEntries(declared)) }
}

const duplicateName = (name: string, path: PlainJson.Path, first: PlainJson.Path): Problem => ({
  code: "duplicate-name",
  path,
  message: `${Wording.place(path)} is ${Wording.quote(name)}, the same name as ${Wording.place(first)}: give each a unique name.`
})

/**
 * Agents or tasks, from a record by name or a list of objects with a name. An entry without a
 * unique name is still checked, under a name that no reference can have.
 */
const entries = (
  value: Schema.Json | undefined,
  kind: "agents" | "tasks",
  report: (problems: ReadonlyArray<Problem>) => void
): ReadonlyArray<Entry> => {
  const none = kind === "agents" ? "no-agents" : "no-tasks"
  if (value === undefined || value === null) {
    report([
      {
        code: none,
        path: value === null ? [kind] : [],
        message: `The crew has no ${kind}: it needs at least one under "${kind}".`
      }
    ])
    return []
  }
  if (typeof value !== "object") {
    const message = `${kind} must be an object keyed by name or a list of objects with a name, but is ${Wording.show(value)}.`
    report([{ code: "wrong-type", path: [kind], message }])
    return []
  }
  const found: Array<Entry> = []
  const seen = new Map<string, PlainJson.Path>()
  const what = kind === "agents" ? "An agent" : "A task"
  const add = (written: string, declared: Schema.Json, path: PlainJson.Path, namePath: PlainJson.Path) => {
    const name = Placeholder.normalName(written)
    const declaration = References.normalise(declared)
    report(invalidName(what, name, namePath))
    const first = seen.get(name)
    if (first === undefined) {
      seen.set(name, path)
      found.push({ name, path, declaration })
    } else {
      report([duplicateName(name, namePath, first)])
      found.push({ name: `#${found.length}`, path, declaration })
    }
  }
  if (PlainJson.isObject(value)) {
    for (const [name, declaration] of Object.entries(value)) add(name, declaration, [kind, name], [kind, name])
  } else {
    const items = value as ReadonlyArray<Schema.Json>
    items.forEach((item, index) => {
      const path = [kind, index]
      if (!PlainJson.isObject(item)) {
        const message = `${Wording.place(path)} must be an object, but is ${Wording.show(item)}.`
        return report([{ code: "wrong-type", path, message }])
      }
      const { name, ...declaration } = item
      const namePath = [...path, "name"]
      if (name === undefined)
        report([{ code: "missing-key", path: namePath, message: `${Wording.place(namePath)} is missing.` }])
      else if (typeof name === "string") return add(name, Object.freeze(declaration), path, namePath)
      else {
        const message = `${Wording.place(namePath)} must be text, but is ${Wording.show(name)}.`
        report([{ code: "wrong-type", path: namePath, message }])
      }
      found.push({ name: `#${found.length}`, path, declaration: Object.freeze(declaration) })
    })
  }
  if (found.length === 0 && Object.keys(value).length === 0)
    report([{ code: none, path: [kind], message: `The crew has no ${kind}: it needs at least one under "${kind}".` }])
  return found
}

const invalidName = (what: string, name: string, path: PlainJson.Path): ReadonlyArray<Problem> => {
  if (name.length > Name.maxLength) {
    const message = `${what} cannot have the name ${Wording.quote(name)}: a name has at most ${Name.maxLength} characters.`
    return [{ code: "invalid-name", path, message }]
  }
  if (namePattern.test(name) && name !== "__proto__") return []
  const rule = "a name begins with a letter or _, followed by letters, digits, _ and -"
  const message = `${what} cannot have the name ${Wording.quote(name)}: ${rule}`
  const suggestion = name
    .slice(0, 100)
    .replaceAll(/[^\p{L}\p{M}\p{N}_-]+/gu, "_")
    .replace(/^(?=[^\p{L}_])/u, "_")
  return [
    namePattern.test(suggestion) && /[\p{L}\p{N}]/u.test(suggestion) && name !== "__proto__"
      ? { code: "invalid-name", path, message: `${message}; ${suggestion} would do.`, suggestion }
      : { code: "invalid-name", path, message: `${message}.` }
  ]
}

/** Output files that two tasks write, whatever the inputs. */
const outputFileProblems = (tasks: ReadonlyArray<Entry>): ReadonlyArray<Problem> => {
  const paths = new Map(tasks.map(({ name, path }) => [name, path]))
  const files = tasks.flatMap(({ declaration, name }) => {
    const file = PlainJson.isObject(declaration) ? declaration["outputFile"] : undefined
    return typeof file === "string" ? [{ task: name, file }] : []
  })
  return sharedOutputFiles(files).map(({ file, first, task }) => {
    const path = [...paths.get(task)!, "outputFile"]
    const other = Wording.place(paths.get(first)!)
    const message = `${Wording.place(path)} is ${Wording.quote(file)}, which ${other} also writes: one output would be lost. Give each task its own file.`
    return { code: "duplicate-output-file", path, message }
  })
}

/** Whether the schema of an output is one. */
const outputProblems = (output: Schema.Json | undefined, of: PlainJson.Path): ReadonlyArray<Problem> => {
  if (!PlainJson.isObject(output)) return []
  return JsonSchemaValidator.check(output).map((violation) => {
    const path = [...of, "output", ...steps(violation.path, output)]
    return { code: "invalid-output-schema", path, message: `${Wording.place(path)} ${violation.message}.` }
  })
}

/** What the Schema of a task cannot say. */
const taskProblems = (task: Schema.JsonObject, path: PlainJson.Path, hasCondition: boolean): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const add = (code: Problem["code"], key: ReadonlyArray<string | number>, wrong: string) =>
    problems.push({ code, path: [...path, ...key], message: `${Wording.place([...path, ...key])} ${wrong}.` })

  for (const problem of outputProblems(task["output"], path)) problems.push(problem)

  if (typeof task["outputFile"] === "string") {
    const wrong = alwaysOutside(task["outputFile"])
    if (wrong !== undefined) add("output-file-outside-workspace", ["outputFile"], wrong)
  }

  if (Array.isArray(task["attachments"])) {
    for (const [index, attachment] of task["attachments"].entries()) {
      const isOne = decodeAttachment(attachment)
      if (Result.isFailure(isOne)) continue
      for (const { code, key, wrong } of Attachments.problems(isOne.success))
        add(code, ["attachments", index, ...key], wrong)
    }
  }

  const when = task["when"]
  if (PlainJson.isObject(when)) {
    const tests = ["contains", "matches", "equals"].filter((test) => Object.hasOwn(when, test))
    if (hasCondition ? tests.length > 0 : tests.length !== 1)
      add("invalid-value", ["when"], "must have exactly one of contains, matches and equals")
    if (Object.hasOwn(when, "path") && !Object.hasOwn(when, "equals"))
      add("invalid-value", ["when", "path"], "is allowed only together with equals")
    if (typeof when["path"] === "string" && !(/^(\/|$)/.test(when["path"]) && !/~(?![01])/.test(when["path"])))
      add("invalid-value", ["when", "path"], "must be a JSON pointer such as /verdict/approved")
    if (typeof when["matches"] === "string") {
      const pattern = Pattern.make(when["matches"])
      if (Result.isFailure(pattern)) add("invalid-value", ["when", "matches"], pattern.failure)
    }
  }
  return problems
}

/** A JSON pointer as steps of a path. */
const steps = (pointer: string, root: Schema.Json): ReadonlyArray<string | number> => {
  let current: Schema.Json | undefined = root
  return pointer
    .split("/")
    .slice(1)
    .map((step) => {
      const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
      const inList = Array.isArray(current)
      current =
        typeof current === "object" && current !== null && Object.hasOwn(current, key)
          ? (current as Schema.JsonObject)[key]
          : undefined
      return inList ? Number(key) : key
    })
}
