/**
 * A crew plus its inputs: interpolated, validated, frozen. Exactly what will run, as plain JSON, so
 * that any worker on any machine can run it. Static and generated crews meet here.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { searchTool } from "./Agent.ts"
import * as Crew from "./Crew.ts"
import { problems as attachmentProblems } from "./Crew/Attachments.ts"
import type * as Check from "./Crew/Check.ts"
import * as Inspection from "./Crew/Inspection.ts"
import * as PlainJson from "./Crew/PlainJson.ts"
import * as Placeholder from "./Crew/Placeholder.ts"
import * as Wording from "./Crew/Wording.ts"
import { outsideWorkspace, sharedOutputFiles } from "./Crew/WorkspacePath.ts"
import * as Limits from "./Limits.ts"
import * as MemoryOptions from "./MemoryOptions.ts"
import * as Attachments from "./Plan/Attachments.ts"
import * as Expansion from "./Plan/Expansion.ts"
import type { Plan, PlannedAgent, PlannedAttachment, PlannedManager, PlannedTask } from "./Plan/Planned.ts"
import * as References from "./Plan/References.ts"
import * as Template from "./Plan/Template.ts"

export { defaultMaxStalls } from "./Crew/Manager.ts"
export type { ModelOptions } from "./Agent.ts"
export { inPlaceOf, lastInPlaceOf, make as managerOf, office, work } from "./Plan/Managing.ts"
export { make as spawn } from "./Plan/Spawning.ts"
export type {
  Condition,
  Frame,
  Guardrail,
  Plan,
  PlannedAgent,
  PlannedAttachment,
  PlannedManager,
  PlannedReview,
  PlannedTask,
  Retry
} from "./Plan/Planned.ts"

export interface MakeOptions {
  /** Values of the crew's placeholders. */
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** The tools that exist; absent: the crew's tool names are not checked. */
  readonly tools?: ReadonlyArray<string>
  /**
   * Model of agents for which neither they nor the crew name one; absent: the application's default
   * at run time.
   */
  readonly defaultModel?: string
  /** True: the crew was generated, so calls that do more than read require approval. */
  readonly generated?: boolean
  /** False: nothing keeps model calls within limits, so a crew that declares limits is refused. */
  readonly enforcesLimits?: boolean
}

/**
 * Validates the crew, fills its placeholders, and freezes the result. Reports everything that is
 * wrong at once. What does not depend on the inputs is done once for each crew object.
 */
export const make = (crew: Crew.Crew<unknown>, options: MakeOptions = {}): Result.Result<Plan, Crew.CrewInvalid> => {
  const prepared = prepare(crew)
  const { defaultModel } = options
  const inputs = normalised(options.inputs)
  const unenforced = options.enforcesLimits === false ? prepared.limits : []
  const isPlain =
    Object.keys(inputs).length === 0 &&
    defaultModel === undefined &&
    unenforced.length === 0 &&
    options.generated !== true
  if (isPlain && prepared.plan !== undefined && unknownTools(prepared, options.tools).length === 0)
    return Result.succeed(prepared.plan)
  const { problems, values } = valuesOf(prepared, inputs)
  // Functions may read what no text references.
  const hasFunctions = Object.keys(Object(Object(crew).code)).length > 0
  const unknown = hasFunctions ? [] : unknownInputs(prepared, inputs, problems)
  // Missing inputs come last: who will give them later leaves these out of a list that may be cut.
  const wrong = [
    ...prepared.problems,
    ...unknownTools(prepared, options.tools),
    ...unenforced.map(unenforcedLimits),
    ...unknown,
    ...problems
  ]
  if (wrong.length > 0 || prepared.template === undefined) return Result.fail(new Crew.CrewInvalid({ problems: wrong }))
  const plan = fill(crew.definition, prepared.template, values, defaultModel)
  if (isPlain && Result.isSuccess(plan)) prepared.plan = plan.success
  return options.generated === true ? Result.map(plan, (made) => ({ ...made, generated: true })) : plan
}

/** A crew that was checked, and what is wrong with it; `more`: how many problems are not listed. */
export interface Checked {
  readonly crew: Crew.Crew
  readonly problems: ReadonlyArray<Crew.Problem>
  readonly more: number
}

/**
 * A crew from its data, and everything that is wrong with it: in itself, with the tools that exist,
 * where they are given, and with its inputs, where they are given. The same crew object can then be
 * started without being checked again.
 */
export const check = (data: unknown, { inputs, tools }: Pick<MakeOptions, "inputs" | "tools">): Checked => {
  const { crew } = Inspection.fromData(data)
  if (inputs !== undefined) {
    const plan = make(crew, { inputs, ...(tools !== undefined && { tools }) })
    if (Result.isSuccess(plan)) return { crew, problems: [], more: 0 }
    return { crew, problems: plan.failure.problems, more: plan.failure.more ?? 0 }
  }
  const prepared = prepare(crew)
  const found = [...prepared.problems, ...undeclaredInputs(prepared), ...unknownTools(prepared, tools)]
  return { crew, problems: found, more: 0 }
}

/** The names of all placeholders in the texts of a crew. */
export const placeholders = (crew: Crew.Crew<unknown>): ReadonlySet<string> =>
  new Set(prepare(crew).references.placeholders.keys())

type Inputs = NonNullable<MakeOptions["inputs"]>

/** The inputs by names in the form that those of the crew have. */
const normalised = (inputs: Inputs = {}): Inputs =>
  Object.keys(inputs).every((name) => Placeholder.normalName(name) === name)
    ? inputs
    : Object.fromEntries(Object.entries(inputs).map(([name, value]) => [Placeholder.normalName(name), value]))

interface Prepared {
  readonly checked: Check.Checked
  /** What is wrong with the crew, whatever its inputs. */
  readonly problems: ReadonlyArray<Crew.Problem>
  readonly references: References.References
  /** Where limits on spending are declared. */
  readonly limits: ReadonlyArray<Crew.Problem["path"]>
  /** Absent: the crew is not valid. */
  readonly template: Template.CrewTemplate | undefined
  /** Its plan without inputs, once it was made. */
  plan: Plan | undefined
}

const preparations = new WeakMap<object, Prepared>()

const prepare = (crew: Crew.Crew<unknown>): Prepared => {
  const known = preparations.get(crew)
  if (known !== undefined) return known
  const checked = Inspection.inspect(crew)
  const excess = checked.problems.length === 0 ? Expansion.problemOf(crew.definition) : undefined
  const references = References.make(checked)
  const problems = excess === undefined ? checked.problems : [excess]
  const prepared: Prepared = {
    checked,
    problems,
    references,
    limits: problems.length === 0 ? limitsOf(crew.definition) : [],
    template: problems.length === 0 ? Template.make(crew.definition, crew.code) : undefined,
    plan: undefined
  }
  // A program without types may pass anything, and not everything can be a key.
  if (Object(crew) === crew) preparations.set(crew, prepared)
  return prepared
}

const limitsOf = ({ agents, limits, tasks }: Crew.Definition): ReadonlyArray<Crew.Problem["path"]> => [
  ...(limits === undefined ? [] : [["limits"]]),
  ...Object.entries(agents).flatMap(([name, agent]) =>
    agent.limits === undefined ? [] : [["agents", name, "limits"]]
  ),
  ...Object.entries(tasks).flatMap(([name, task]) => (task.limits === undefined ? [] : [["tasks", name, "limits"]]))
]

const unenforcedLimits = (path: Crew.Problem["path"]): Crew.Problem => ({
  code: "unenforced-limits",
  path,
  message: `${Wording.place(path)} cannot be enforced: ${Limits.unenforced} Otherwise remove the limits.`
})

const fill = (
  definition: Crew.Definition,
  template: Template.CrewTemplate,
  values: ReadonlyMap<string, Schema.Json>,
  defaultModel: string | undefined
): Result.Result<Plan, Crew.CrewInvalid> => {
  const problems: Array<Crew.Problem> = []
  const filler = new Placeholder.Filler(values, Expansion.maxCharacters)
  const text = (parts: Placeholder.Text) => filler.fill(parts)
  const agent = (one: Template.AgentTemplate): PlannedAgent => {
    const { backstory, fixed, goal, planned, role } = one
    const filled = planned ?? { role: text(role), goal: text(goal), backstory: text(backstory), ...fixed }
    return filled.model === undefined && defaultModel !== undefined ? { ...filled, model: defaultModel } : filled
  }
  const task = (one: Template.TaskTemplate): PlannedTask => {
    if (one.planned !== undefined) return one.planned
    const outputFile = one.outputFile === undefined ? undefined : text(one.outputFile)
    const outside = outputFile === undefined ? undefined : outsideWorkspace(outputFile)
    if (outside !== undefined) {
      const message = `The output file of the task ${one.fixed.id} ${outside}: with these inputs it is ${JSON.stringify(outputFile)}.`
      problems.push({ code: "output-file-outside-workspace", path: ["tasks", one.fixed.id, "outputFile"], message })
    }
    const attachments = one.attachments.flatMap((template, index): ReadonlyArray<PlannedAttachment> => {
      const filled = Attachments.fill(template, filler)
      const wrong = attachmentProblems(filled, true)
      for (const { code, key, wrong: what } of wrong) {
        const path = ["tasks", one.fixed.id, "attachments", index, ...key]
        const source = JSON.stringify(filled.file ?? filled.url)
        const message = `${Wording.place(path)} ${what}: with these inputs it is ${source.length > 200 ? `${source.slice(0, 200)}…` : source}.`
        problems.push({ code, path, message })
      }
      return wrong.length === 0 ? [Attachments.planned(filled)] : []
    })
    return {
      ...one.fixed,
      description: text(one.description),
      expectedOutput: text(one.expectedOutput),
      ...(outputFile === undefined ? {} : { outputFile }),
      ...(attachments.length === 0 ? {} : { attachments }),
      guardrails: one.guardrails.map((guardrail) =>
        "kind" in guardrail ? guardrail : { kind: "sentence", text: text(guardrail) }
      ),
      ...(one.acceptance.length === 0 ? {} : { acceptance: one.acceptance.map(text) })
    }
  }
  const plan: Plan = {
    version: 1,
    name: definition.name,
    process: definition.process ?? "parallel",
    agents: Object.fromEntries(template.agents.map((one) => [one.name, agent(one)])),
    tasks: template.tasks.map(task),
    inputs: Object.fromEntries(values),
    ...(definition.limits === undefined ? {} : { limits: definition.limits }),
    ...(definition.memory === undefined || definition.memory === false ? {} : { memory: definition.memory }),
    ...(template.manager === undefined ? {} : { manager: managed(template, template.manager, text) }),
    ...checksOff(definition.checks),
    ...(definition.onToolDefect === "fail" ? { onToolDefect: "fail" as const } : {}),
    ...(definition.policy === undefined ? {} : { policy: definition.policy }),
    ...(template.timeoutMillis === undefined ? {} : { timeoutMillis: template.timeoutMillis }),
    ...(template.needsCode ? { needsCode: true } : {})
  }
  if (filler.isOverfull) return Result.fail(new Crew.CrewInvalid({ problems: [Expansion.overfull] }))
  const files = plan.tasks.flatMap(({ id, outputFile }) =>
    outputFile === undefined ? [] : [{ task: id, file: outputFile }]
  )
  for (const { file, first, task: id } of sharedOutputFiles(files)) {
    const message = `The tasks ${first} and ${id} have the same output file: with these inputs it is ${Wording.quote(file)}. One output would be lost: give each task its own file.`
    problems.push({ code: "duplicate-output-file", path: ["tasks", id, "outputFile"], message })
  }
  return problems.length === 0 ? Result.succeed(plan) : Result.fail(new Crew.CrewInvalid({ problems }))
}

const managed = (
  { prompts }: Template.CrewTemplate,
  manager: PlannedManager,
  text: (words: Placeholder.Text) => string
): PlannedManager =>
  prompts.length === 0
    ? manager
    : { ...manager, prompts: Object.fromEntries(prompts.map(([power, words]) => [power, text(words)])) }

const checksOff = (checks: Crew.Definition["checks"] = {}): Pick<Plan, "checksOff"> => {
  const off = Object.entries(checks).flatMap(([name, isOn]) => (isOn === false ? [name] : []))
  return off.length === 0 ? {} : { checksOff: off }
}

/** The inputs over the defaults, and the placeholders that have no value. */
const valuesOf = ({ checked, references }: Prepared, inputs: Inputs) => {
  const values = new Map(references.defaults)
  const problems: Array<Crew.Problem> = []
  for (const [name, value] of Object.entries(inputs)) {
    // From JavaScript `undefined` is what a forgotten variable is: the default stands.
    if (value === undefined) continue
    const copied = typeof value === "string" ? { json: value, faults: [] } : PlainJson.copy(value)
    for (const { message, path } of copied.faults) {
      const at = ["inputs", name, ...path]
      problems.push({ code: "wrong-type", path: at, message: `${Wording.place(at)} ${message}.` })
    }
    // Nothing of it is JSON: that is said above, and it is not missing as well.
    values.set(name, copied.json ?? null)
  }
  const spare = Object.keys(inputs).filter(
    (given) => !references.placeholders.has(given) && !references.declared.has(given)
  )
  const declaredNames = [...references.declared]
  for (const [name, places] of references.placeholders) {
    if (values.has(name)) continue
    const suggestion = checked.suggester.closest(name, spare)
    const used = places.slice(0, 5).map(Wording.place).join(", ")
    const more = places.length > 5 ? ` and ${places.length - 5} other places` : ""
    const declared = references.declared.has(name) ? undefined : checked.suggester.closest(name, declaredNames)
    const hint =
      suggestion !== undefined
        ? ` The given input ${Wording.quote(suggestion)} has a similar name: is it misspelled?`
        : declared !== undefined
          ? ` The crew declares the input ${Wording.quote(declared)}: is the placeholder misspelled?`
          : ""
    problems.push({
      code: "missing-input",
      path: ["inputs", name],
      message: `The input ${Wording.quote(name)} is missing. It is used in ${used}${more}.${hint} ${literally(name)}`,
      ...(suggestion === undefined ? {} : { suggestion })
    })
  }
  return { problems, values }
}

/** Placeholders that no input is declared for. A crew that declares none may use any. */
const undeclaredInputs = ({
  checked: { suggester },
  references: { declared, placeholders }
}: Prepared): ReadonlyArray<Crew.Problem> => {
  if (declared.size === 0) return []
  const names = [...declared]
  return [...placeholders].flatMap(([name, [path = []]]): ReadonlyArray<Crew.Problem> => {
    if (declared.has(name)) return []
    const suggestion = suggester.closest(name, names)
    const hint = Wording.alternatives("input", names, suggestion)
    const message = `${Wording.place(path)} has the placeholder {${name}}, but the crew does not declare this input: ${hint} ${literally(name)}`
    return [{ code: "undeclared-input", path, message, ...(suggestion === undefined ? {} : { suggestion }) }]
  })
}

const literally = (name: string): string => `For literal braces, write {{${name}}}.`

/** Inputs that nothing reads, but for those that were named already as what was probably meant. */
const unknownInputs = (
  { checked, references }: Prepared,
  inputs: Inputs,
  told: ReadonlyArray<Crew.Problem>
): ReadonlyArray<Crew.Problem> => {
  const known = new Set([...references.placeholders.keys(), ...references.declared])
  const names = [...known]
  const isTold = new Set(told.flatMap(({ path, suggestion }) => [suggestion, path[1]]))
  return Object.entries(inputs).flatMap(([name, value]): ReadonlyArray<Crew.Problem> => {
    if (value === undefined || known.has(name) || isTold.has(name)) return []
    const suggestion = checked.suggester.closest(name, names)
    const hint = Wording.alternatives("input", names, suggestion)
    const message = `The input ${Wording.quote(name)} is not used in the crew: ${hint}`
    return [
      { code: "unknown-input", path: ["inputs", name], message, ...(suggestion === undefined ? {} : { suggestion }) }
    ]
  })
}

const unknownTools = (
  { checked, references }: Prepared,
  tools: ReadonlyArray<string> | undefined
): ReadonlyArray<Crew.Problem> => {
  if (tools === undefined || references.tools.length === 0) return []
  // Whether the crew has a memory is told when its tasks begin.
  const known = new Set([...tools, searchTool, ...MemoryOptions.tools])
  return references.tools.flatMap(({ name, path }): ReadonlyArray<Crew.Problem> => {
    if (known.has(name)) return []
    const suggestion = checked.suggester.closest(name, tools)
    const hint = Wording.alternatives("tool", tools, suggestion)
    const message = `${Wording.place(path)} names the tool ${Wording.quote(name)}, which does not exist: ${hint}`
    return [{ code: "unknown-tool", path, message, ...(suggestion === undefined ? {} : { suggestion }) }]
  })
}
