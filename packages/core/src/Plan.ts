/**
 * A crew plus its inputs: interpolated, validated, frozen. Exactly what will run, as plain JSON, so that any worker on any
 * machine can run it. Static and generated crews meet here.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Crew from "./Crew.ts"
import type { Limits } from "./Limits.ts"
import type * as CrewCheck from "./Crew/Check.ts"
import * as CrewInspection from "./Crew/Inspection.ts"
import * as CrewMentions from "./Plan/References.ts"
import * as CrewTemplate from "./Plan/Template.ts"
import * as CrewText from "./Crew/Wording.ts"
import * as Placeholder from "./Crew/Placeholder.ts"
import * as PlainJson from "./Crew/PlainJson.ts"
import * as TaskAttachments from "./Crew/Attachments.ts"
import { outsideWorkspace } from "./Crew/WorkspacePath.ts"

/** A condition on the output of one earlier task; the task runs only when it holds. */
export type Condition =
  | { readonly task: string; readonly contains: string }
  | { readonly task: string; readonly matches: string }
  | { readonly task: string; readonly equals: Schema.Json; readonly path?: string }
  | { readonly task: string; readonly code: true }

/** A guardrail of a task: a sentence that a model judges, or the n-th function of the crew's code for the task. */
export type Guardrail =
  | { readonly kind: "sentence"; readonly text: string }
  | { readonly kind: "code"; readonly index: number }

/** Attempts and the backoff between them: full jitter below `initialMillis * factor^(attempt-1)`, at most `maxMillis`. */
export interface Retry {
  /** How many times the task is tried in all, at least 1. */
  readonly attempts: number
  readonly initialMillis: number
  readonly factor: number
  readonly maxMillis: number
}

/** Parameters of the model call; absent ones are the provider's defaults. */
export interface ModelOptions {
  readonly temperature?: number
  readonly topP?: number
  readonly maxOutputTokens?: number
  readonly seed?: number
  readonly stop?: ReadonlyArray<string>
}

export interface PlannedAgent {
  readonly role: string
  readonly goal: string
  readonly backstory: string
  /** Model reference `provider/model`, or several in the order in which they are asked; absent: the application's default. */
  readonly model?: string | ReadonlyArray<string>
  readonly modelOptions?: ModelOptions
  /** What the agent may spend in one execution. */
  readonly limits?: Limits
}

/** A file that the agent is shown: of the workspace, or at an address. */
export type PlannedAttachment = (
  | { readonly file: string; readonly url?: never }
  | { readonly url: string; readonly file?: never }
) & { readonly mediaType: string; readonly name?: string }

export interface PlannedTask {
  readonly id: string
  readonly description: string
  readonly expectedOutput: string
  readonly agent: string
  /** Tasks whose outputs are given to this one, in this order. */
  readonly context: ReadonlyArray<string>
  /** All that must be settled first: `context`, `dependsOn`, the order of the process and the condition's task. */
  readonly dependencies: ReadonlyArray<string>
  /** Pictures and other files that the agent is shown. The log names them; their bytes go to the model alone. */
  readonly attachments?: ReadonlyArray<PlannedAttachment>
  /** Names of the tools the agent may use here. */
  readonly tools: ReadonlyArray<string>
  /** JSON Schema (2020-12) of the output; absent: text. */
  readonly output?: JsonSchema.JsonSchema
  /** True when the crew's code validates the output too (a Schema, Zod or Standard Schema was given). */
  readonly outputCode?: true
  readonly guardrails: ReadonlyArray<Guardrail>
  /** How often an output that its schema or a guardrail refuses is sent back with the complaint. */
  readonly maxRepairs: number
  /** Model turns of one attempt, tool turns included. */
  readonly maxTurns: number
  readonly retry: Retry
  /** Time limit of one attempt, in milliseconds. */
  readonly timeoutMillis?: number
  /** What a final failure does: end the execution, skip the descendants, or let them run and see that it failed. */
  readonly onFailure: "fail" | "skip" | "continue"
  readonly when?: Condition
  /** File that receives the output, relative to the workspace directory. */
  readonly outputFile?: string
  /** What the task may spend, all attempts together. */
  readonly limits?: Limits
  /** True: the same question may be answered from the cache of answers. */
  readonly cache?: true
}

export interface Plan {
  readonly version: 1
  /** The crew's name. */
  readonly name: string
  readonly process: "parallel" | "sequential"
  readonly agents: { readonly [name: string]: PlannedAgent }
  /** In declared order. */
  readonly tasks: ReadonlyArray<PlannedTask>
  readonly inputs: { readonly [name: string]: Schema.Json }
  /** True when agents are reminded of what the crew remembers, and what they come to is remembered. */
  readonly memory?: true
  /** Time limit of the whole execution, in milliseconds from its start. */
  readonly timeoutMillis?: number
  /** What the execution may spend. */
  readonly limits?: Limits
  /** True when functions of the crew (guardrails, conditions, output schemas) are needed to run it. */
  readonly needsCode?: true
}

export interface MakeOptions {
  /** Values of the crew's placeholders. */
  readonly inputs?: { readonly [name: string]: Schema.Json }
  /** The tools that exist; absent: the crew's tool names are not checked. */
  readonly tools?: ReadonlyArray<string>
  /** Model of agents for which neither they nor the crew name one; absent: the application's default at run time. */
  readonly defaultModel?: string
}

/**
 * Validates the crew, fills its placeholders, and freezes the result. Reports everything that is wrong at once. What does not
 * depend on the inputs is done once for each crew object.
 */
export const make = (crew: Crew.Crew<unknown>, options: MakeOptions = {}): Result.Result<Plan, Crew.CrewInvalid> => {
  const prepared = prepare(crew)
  const { problems, values } = valuesOf(prepared, options)
  // Functions may read what no text mentions.
  const hasFunctions = Object.keys(Object(Object(crew).code)).length > 0
  const unknown = hasFunctions ? [] : unknownInputs(prepared, options.inputs, problems)
  const wrong = [...prepared.checked.problems, ...problems, ...unknown, ...unknownTools(prepared, options.tools)]
  if (wrong.length > 0 || prepared.template === undefined) return Result.fail(new Crew.CrewInvalid({ problems: wrong }))
  return fill(crew.definition, prepared.template, values, options.defaultModel)
}

interface Prepared {
  readonly checked: CrewCheck.Checked
  readonly mentions: CrewMentions.Mentions
  /** Absent: the crew is not valid. */
  readonly template: CrewTemplate.CrewTemplate | undefined
}

const preparations = new WeakMap<object, Prepared>()

const prepare = (crew: Crew.Crew<unknown>): Prepared => {
  const known = preparations.get(crew)
  if (known !== undefined) return known
  const checked = CrewInspection.inspect(crew)
  const prepared = {
    checked,
    mentions: CrewMentions.make(checked),
    template: checked.problems.length === 0 ? CrewTemplate.make(crew.definition, crew.code) : undefined
  }
  // A program without types may pass anything, and not everything can be a key.
  if (Object(crew) === crew) preparations.set(crew, prepared)
  return prepared
}

const fill = (
  definition: Crew.Definition,
  template: CrewTemplate.CrewTemplate,
  values: ReadonlyMap<string, Schema.Json>,
  defaultModel: string | undefined
): Result.Result<Plan, Crew.CrewInvalid> => {
  const problems: Array<Crew.Problem> = []
  const text = (parts: Placeholder.Text) => Placeholder.fill(parts, values)
  const agent = (one: CrewTemplate.AgentTemplate): PlannedAgent => {
    const { backstory, fixed, goal, planned, role } = one
    const filled = planned ?? { role: text(role), goal: text(goal), backstory: text(backstory), ...fixed }
    return filled.model === undefined && defaultModel !== undefined ? { ...filled, model: defaultModel } : filled
  }
  const task = (one: CrewTemplate.TaskTemplate): PlannedTask => {
    if (one.planned !== undefined) return one.planned
    const outputFile = one.outputFile === undefined ? undefined : text(one.outputFile)
    const outside = outputFile === undefined ? undefined : outsideWorkspace(outputFile)
    if (outside !== undefined) {
      const message = `The output file of the task ${one.fixed.id} ${outside}: with these inputs it is ${JSON.stringify(outputFile)}.`
      problems.push({ code: "output-file-outside-workspace", path: ["tasks", one.fixed.id, "outputFile"], message })
    }
    const attachments = one.attachments.flatMap((template, index): ReadonlyArray<PlannedAttachment> => {
      const filled = TaskAttachments.fill(template, values)
      const wrong = TaskAttachments.problems(filled, true)
      for (const { code, key, wrong: what } of wrong) {
        const path = ["tasks", one.fixed.id, "attachments", index, ...key]
        const source = JSON.stringify(filled.file ?? filled.url)
        const message = `${CrewText.place(path)} ${what}: with these inputs it is ${source.length > 200 ? `${source.slice(0, 200)}…` : source}.`
        problems.push({ code, path, message })
      }
      return wrong.length === 0 ? [TaskAttachments.planned(filled)] : []
    })
    return {
      ...one.fixed,
      description: text(one.description),
      expectedOutput: text(one.expectedOutput),
      ...(outputFile === undefined ? {} : { outputFile }),
      ...(attachments.length === 0 ? {} : { attachments }),
      guardrails: one.guardrails.map((guardrail) =>
        "kind" in guardrail ? guardrail : { kind: "sentence", text: text(guardrail) }
      )
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
    ...(definition.memory === true ? { memory: true } : {}),
    ...(template.timeoutMillis === undefined ? {} : { timeoutMillis: template.timeoutMillis }),
    ...(template.needsCode ? { needsCode: true } : {})
  }
  return problems.length === 0 ? Result.succeed(plan) : Result.fail(new Crew.CrewInvalid({ problems }))
}

/** The inputs over the defaults, and the placeholders that have no value. */
const valuesOf = ({ checked, mentions }: Prepared, { inputs = {} }: MakeOptions) => {
  const values = new Map(mentions.defaults)
  const problems: Array<Crew.Problem> = []
  for (const [name, value] of Object.entries(inputs)) {
    // From JavaScript `undefined` is what a forgotten variable is: the default stands.
    if (value === undefined) continue
    const copied = typeof value === "string" ? { json: value, faults: [] } : PlainJson.copy(value)
    for (const { message, path } of copied.faults) {
      const at = ["inputs", name, ...path]
      problems.push({ code: "wrong-type", path: at, message: `${CrewText.place(at)} ${message}.` })
    }
    // Nothing of it is JSON: that is said above, and it is not missing as well.
    values.set(name, copied.json ?? null)
  }
  for (const [name, places] of mentions.placeholders) {
    if (values.has(name)) continue
    const spare = Object.keys(inputs).filter(
      (given) => !mentions.placeholders.has(given) && !mentions.declared.has(given)
    )
    const suggestion = checked.suggester.closest(name, spare)
    const used = places.slice(0, 5).map(CrewText.place).join(", ")
    const more = places.length > 5 ? ` and ${places.length - 5} more places` : ""
    const hint = suggestion === undefined ? "" : ` Given is ${JSON.stringify(suggestion)}: did you mean that?`
    problems.push({
      code: "missing-input",
      path: ["inputs", name],
      message: `The input ${JSON.stringify(name)} is missing; it is used in ${used}${more}.${hint}`,
      ...(suggestion === undefined ? {} : { suggestion })
    })
  }
  return { problems, values }
}

/** Inputs that nothing reads, but for those that were named already as what was probably meant. */
const unknownInputs = (
  { checked, mentions }: Prepared,
  inputs: MakeOptions["inputs"] = {},
  told: ReadonlyArray<Crew.Problem>
): ReadonlyArray<Crew.Problem> => {
  const known = [...new Set([...mentions.placeholders.keys(), ...mentions.declared])]
  const isTold = (name: string) => told.some(({ path, suggestion }) => suggestion === name || path[1] === name)
  return Object.entries(inputs).flatMap(([name, value]): ReadonlyArray<Crew.Problem> => {
    if (value === undefined || known.includes(name) || isTold(name)) return []
    const suggestion = checked.suggester.closest(name, known)
    const hint =
      suggestion !== undefined
        ? `did you mean ${JSON.stringify(suggestion)}?`
        : known.length === 0
          ? "it has no inputs."
          : `its inputs are ${CrewText.list(known)}.`
    const message = `The input ${JSON.stringify(name)} is used nowhere in the crew: ${hint}`
    return [
      { code: "unknown-input", path: ["inputs", name], message, ...(suggestion === undefined ? {} : { suggestion }) }
    ]
  })
}

const unknownTools = (
  { checked, mentions }: Prepared,
  tools: ReadonlyArray<string> | undefined
): ReadonlyArray<Crew.Problem> => {
  if (tools === undefined || mentions.tools.length === 0) return []
  const known = new Set(tools)
  return mentions.tools.flatMap(({ name, path }): ReadonlyArray<Crew.Problem> => {
    if (known.has(name)) return []
    const suggestion = checked.suggester.closest(name, tools)
    const hint =
      suggestion !== undefined
        ? `did you mean ${JSON.stringify(suggestion)}?`
        : tools.length === 0
          ? "there are no tools."
          : `the tools are ${CrewText.list(tools)}.`
    const message = `${CrewText.place(path)} names the tool ${JSON.stringify(name)}, which does not exist: ${hint}`
    return [{ code: "unknown-tool", path, message, ...(suggestion === undefined ? {} : { suggestion }) }]
  })
}
