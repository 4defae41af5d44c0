/**
 * Estimates the time, tokens and cost of an execution of a crew, each as a range. A task is
 * estimated by its kind until there are earlier executions, then by these. Pure.
 *
 * The ranges of tasks are added up: `low` is a run in which everything is short, `high` one in
 * which everything is long. The time that people take to answer is not included.
 */
import * as Schema from "effect/Schema"
import type { Definition } from "../Crew.ts"
import * as CrewManager from "../Crew/Manager.ts"
import * as Policy from "../Policy.ts"
import * as Schedule from "./Schedule.ts"
import * as TaskGraph from "./TaskGraph.ts"

/** From the smallest to the largest expected value. */
export const Range = Schema.Struct({
  low: Schema.Finite,
  likely: Schema.Finite,
  high: Schema.Finite
}).annotate({ identifier: "EstimateRange", description: "A range and its most likely value" })
export interface Range extends Schema.Schema.Type<typeof Range> {}

/**
 * The kind of a task: `text` and `object` are answers without tools; the others are the kinds of
 * its tools.
 */
export const Kind = Schema.Literals(["text", "object", "read", "write", "execute", "network"])
export type Kind = typeof Kind.Type

/** The estimate of one task. */
export const TaskEstimate = Schema.Struct({
  kind: Kind,
  /** `history`: as in earlier executions. `default`: as tasks of its kind usually do. */
  from: Schema.Literals(["default", "history"]),
  seconds: Range,
  tokens: Range,
  /** US dollars; `null` if the price of the model is unknown. */
  costUsd: Schema.NullOr(Range)
}).annotate({ identifier: "TaskEstimate" })
export interface TaskEstimate extends Schema.Schema.Type<typeof TaskEstimate> {}

export const Estimate = Schema.Struct({
  /** The total duration, with `concurrency` concurrent tasks. */
  seconds: Range,
  tokens: Range,
  /** US dollars; `null` if the price of a model is unknown. */
  costUsd: Schema.NullOr(Range),
  /** The assumed number of concurrent tasks. */
  concurrency: Schema.Int,
  /** The tasks that the time depends on, in order. */
  criticalPath: Schema.Array(Schema.String),
  /** True: it may wait for people, for longer than is estimated here. */
  waitsForPeople: Schema.Boolean,
  tasks: Schema.Record(Schema.String, TaskEstimate)
}).annotate({ identifier: "Estimate", description: "The expected tokens, cost and duration of an execution of a crew" })
export interface Estimate extends Schema.Schema.Type<typeof Estimate> {}

/** The figures of one earlier run of a task. */
export interface Sample {
  readonly seconds: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/**
 * The figures of earlier executions, by task, agent and tools; those of the task take precedence.
 */
export interface History {
  readonly tasks?: { readonly [task: string]: ReadonlyArray<Sample> }
  /** By role. */
  readonly agents?: { readonly [role: string]: ReadonlyArray<Sample> }
  readonly tools?: { readonly [tool: string]: ReadonlyArray<Sample> }
}

/** US dollars per million tokens. */
export interface Rates {
  readonly input: number
  readonly output: number
}

/** The properties of a tool. */
export interface ToolFacts {
  readonly kind?: Policy.Kind
  /** True if a call may wait for a person. */
  readonly asks?: boolean
}

export interface Options {
  readonly tools?: { readonly [name: string]: ToolFacts }
  readonly history?: History
  /** The price of a model; absent: that of the application's default. */
  readonly price?: (model: string | undefined) => Rates | undefined
  /** The number of concurrent tasks. Default: 4. */
  readonly concurrency?: number
}

export const defaultConcurrency = 4

interface Work {
  readonly seconds: Range
  readonly inputTokens: Range
  readonly outputTokens: Range
}

const range = (low: number, likely: number, high: number): Range => ({ low, likely, high })

/**
 * Assumptions, not measurements: a few turns of a current model, each of some seconds. They apply
 * until there is a history. The prompt of the task and the outputs that it reads are added.
 */
export const defaults: { readonly [kind in Kind]: Work } = {
  text: { seconds: range(5, 20, 60), inputTokens: range(200, 400, 1_000), outputTokens: range(150, 600, 1_500) },
  object: { seconds: range(3, 10, 40), inputTokens: range(200, 500, 1_500), outputTokens: range(60, 300, 1_000) },
  read: { seconds: range(8, 30, 120), inputTokens: range(1_000, 4_000, 15_000), outputTokens: range(200, 900, 2_500) },
  write: {
    seconds: range(8, 30, 120),
    inputTokens: range(1_000, 4_000, 15_000),
    outputTokens: range(300, 1_200, 4_000)
  },
  execute: {
    seconds: range(15, 60, 300),
    inputTokens: range(1_500, 6_000, 25_000),
    outputTokens: range(400, 1_500, 5_000)
  },
  network: {
    seconds: range(15, 60, 240),
    inputTokens: range(2_000, 10_000, 40_000),
    outputTokens: range(300, 1_200, 4_000)
  }
}

/** As `Policy.Kind` ranks them: a task has the last kind of its tools. */
const toolKinds: ReadonlyArray<Policy.Kind> = ["read", "write", "execute", "network"]

/** A model reads about four characters as one token. */
const charactersPerToken = 4

/** Estimates a valid crew. */
export const make = (definition: Definition, options: Options = {}): Estimate => {
  const { concurrency = defaultConcurrency } = options
  const dag = TaskGraph.make(definition)
  const works = new Map<string, Work>()
  const tasks: { [task: string]: TaskEstimate } = {}
  for (const index of dag.order) {
    const name = dag.ids[index]!
    const { estimate, work } = ofTask(definition, name, { ...options, outputs: works })
    works.set(name, work)
    tasks[name] = estimate
  }
  const inOrder = dag.ids.map((id) => tasks[id]!)
  const office = concluding(
    definition,
    dag.ids.filter((_, index) => dag.dependents(index).length === 0),
    {
      ...options,
      outputs: works
    }
  )
  const all = [...inOrder, ...office]
  const seconds = (key: keyof Range) =>
    Schedule.makespan(dag, { durations: inOrder.map((task) => task.seconds[key]), concurrency }) +
    office.reduce((sum, task) => sum + task.seconds[key], 0)
  return {
    seconds: range(seconds("low"), seconds("likely"), seconds("high")),
    tokens: sum(all.map(({ tokens }) => tokens)),
    costUsd: total(all.map(({ costUsd }) => costUsd)),
    concurrency,
    criticalPath: criticalPath(definition, tasks),
    waitsForPeople: waitsForPeople(definition, options.tools ?? {}),
    tasks: Object.fromEntries(dag.ids.map((id) => [id, tasks[id]!]))
  }
}

/** The tasks of a longest path, from a first to a final one. */
const criticalPath = (definition: Definition, tasks: Estimate["tasks"]): ReadonlyArray<string> => {
  const dag = TaskGraph.make(definition)
  const ends = new Float64Array(dag.size)
  const from = new Int32Array(dag.size).fill(-1)
  for (const index of dag.order) {
    for (const needed of dag.dependencies(index)) {
      if (ends[needed]! > ends[index]!) {
        ends[index] = ends[needed]!
        from[index] = needed
      }
    }
    ends[index]! += tasks[dag.ids[index]!]!.seconds.likely
  }
  const path: Array<string> = []
  for (let at = ends.indexOf(ends.reduce((most, end) => Math.max(most, end), 0)); at >= 0; at = from[at]!)
    path.unshift(dag.ids[at]!)
  return path
}

interface Context extends Options {
  /** Of the tasks before. */
  readonly outputs: ReadonlyMap<string, Work>
}

const ofTask = (definition: Definition, name: string, context: Context) => {
  const task = definition.tasks[name]!
  const agent = agentOf(definition, task.agent)
  const tools = task.tools ?? agent?.tools ?? []
  const kind = kindOf(tools, task.output !== undefined, context.tools ?? {})
  const model = firstModel(agent?.model ?? definition.model)
  const samples = samplesOf(context.history, { task: name, role: agent?.role, tools })
  if (samples.length > 0) {
    const work: Work = {
      seconds: spread(samples.map(({ seconds }) => seconds)),
      inputTokens: spread(samples.map(({ inputTokens }) => inputTokens)),
      outputTokens: spread(samples.map(({ outputTokens }) => outputTokens))
    }
    return { work, estimate: estimateOf(work, { kind, model, price: context.price, from: "history" }) }
  }
  const usual = defaults[kind]
  const prompt = textsOf(task.description, task.expectedOutput, agent?.role, agent?.goal, agent?.backstory)
  const judges = (task.guardrails ?? []).length
  const reads = TaskGraph.contextOf(definition, name).flatMap((one) => context.outputs.get(one)?.outputTokens ?? [])
  const judging = Array.from({ length: judges }, () => defaults.object)
  const work: Work = {
    seconds: sum([usual.seconds, ...judging.map(({ seconds }) => seconds)]),
    inputTokens: sum([
      usual.inputTokens,
      ...reads,
      range(prompt, prompt, prompt),
      ...judging.map((one) => one.inputTokens)
    ]),
    outputTokens: sum([usual.outputTokens, ...judging.map((one) => one.outputTokens)])
  }
  return { work, estimate: estimateOf(work, { kind, model, price: context.price, from: "default" }) }
}

/**
 * The effort of the manager if nothing fails: none, unless it reviews outputs, or writes or judges
 * the result.
 */
const concluding = (definition: Definition, finals: ReadonlyArray<string>, context: Context) => {
  const { acceptance = [], agents, manager, model, synthesis, tasks } = definition
  const reviewed = manager?.review === "all" ? Object.keys(tasks) : manager?.review === "final" ? finals : []
  const isWritten = synthesis !== undefined || (acceptance.length > 0 && finals.length > 1)
  const reference = firstModel(manager?.model ?? agents[manager?.agent ?? ""]?.model ?? model)
  const reading = (kind: "text" | "object", names: ReadonlyArray<string>): TaskEstimate => {
    const usual = defaults[kind]
    const outputs = names.flatMap((name) => context.outputs.get(name)?.outputTokens ?? [])
    const work = { ...usual, inputTokens: sum([usual.inputTokens, ...outputs]) }
    return estimateOf(work, { kind, model: reference, price: context.price, from: "default" })
  }
  return [
    ...reviewed.map((name) => reading("object", [name])),
    ...(isWritten ? [reading("text", finals)] : []),
    ...(acceptance.length > 0 ? [reading("object", finals)] : [])
  ]
}

const kindOf = (tools: ReadonlyArray<string>, hasSchema: boolean, known: NonNullable<Options["tools"]>): Kind => {
  if (tools.length === 0) return hasSchema ? "object" : "text"
  const kinds = tools.map((name) => (Object.hasOwn(known, name) ? known[name]!.kind : undefined) ?? Policy.defaultKind)
  return toolKinds.findLast((kind) => kinds.includes(kind))!
}

const waitsForPeople = ({ agents, limits, tasks }: Definition, tools: NonNullable<Options["tools"]>): boolean =>
  limits?.onExceeded === "ask" ||
  Object.values(tasks).some((task) => {
    const agent = agentOf({ agents }, task.agent)
    const used = task.tools ?? agent?.tools ?? []
    const isReviewed = task.humanInput !== undefined && task.humanInput !== false
    const approvals = [...(task.approvals ?? []), ...(agent?.approvals ?? [])]
    return (
      isReviewed ||
      approvals.length > 0 ||
      used.some((name) => Object.hasOwn(tools, name) && tools[name]!.asks === true)
    )
  })

/** The assumed agent: the named one, otherwise the first. */
const agentOf = ({ agents, manager }: Pick<Definition, "agents" | "manager">, name: string | undefined) => {
  if (name !== undefined) return agents[name]
  const [candidate] = CrewManager.candidates(manager ?? {}, Object.keys(agents))
  return candidate === undefined ? undefined : agents[candidate]
}

const firstModel = (model: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof model === "string" ? model : model?.[0]

const samplesOf = (
  { agents = {}, tasks = {}, tools = {} }: History = {},
  of: { readonly task: string; readonly role: string | undefined; readonly tools: ReadonlyArray<string> }
): ReadonlyArray<Sample> => {
  const own = Object.hasOwn(tasks, of.task) ? tasks[of.task]! : []
  if (own.length > 0) return own
  const ofAgent = of.role !== undefined && Object.hasOwn(agents, of.role) ? agents[of.role]! : []
  if (ofAgent.length > 0) return ofAgent
  return of.tools.flatMap((tool) => (Object.hasOwn(tools, tool) ? tools[tool]! : []))
}

/** The minimum, the median and the maximum. */
const spread = (values: ReadonlyArray<number>): Range => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return range(sorted[0]!, median, sorted.at(-1)!)
}

const estimateOf = (
  { inputTokens, outputTokens, seconds }: Work,
  of: Pick<TaskEstimate, "kind" | "from"> & {
    readonly model: string | undefined
    readonly price: Options["price"] | undefined
  }
): TaskEstimate => {
  const rates = of.price?.(of.model)
  const cost = (key: keyof Range) => (inputTokens[key] * rates!.input + outputTokens[key] * rates!.output) / 1_000_000
  return {
    kind: of.kind,
    from: of.from,
    seconds,
    tokens: sum([inputTokens, outputTokens]),
    costUsd: rates === undefined ? null : range(cost("low"), cost("likely"), cost("high"))
  }
}

const sum = (ranges: ReadonlyArray<Range>): Range =>
  ranges.reduce((a, b) => range(a.low + b.low, a.likely + b.likely, a.high + b.high), range(0, 0, 0))

/** Unknown plus anything is unknown. */
const total = (costs: ReadonlyArray<Range | null>): Range | null => {
  const known = costs.filter((cost) => cost !== null)
  return known.length === costs.length ? sum(known) : null
}

const textsOf = (...texts: ReadonlyArray<string | undefined>): number =>
  Math.ceil(texts.reduce((length, text) => length + (text?.length ?? 0), 0) / charactersPerToken)
