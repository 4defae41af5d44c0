/**
 * A valid crew made ready for planning: defaults filled in, durations in milliseconds, dependencies
 * resolved, texts cut at their placeholders. Made once per crew, so that a start costs only what
 * depends on the inputs.
 */
import * as Struct from "effect/Struct"
import * as Agent from "../Agent.ts"
import type { Code, Definition, TaskCode } from "../Crew/Definition.ts"
import * as Placeholder from "../Crew/Placeholder.ts"
import * as Task from "../Task.ts"
import * as Attachments from "./Attachments.ts"
import * as Defaults from "./Defaults.ts"
import * as Managing from "./Managing.ts"
import type { Frame, Guardrail, PlannedAgent, PlannedManager, PlannedTask } from "./Planned.ts"

export interface AgentTemplate {
  readonly name: string
  readonly role: Placeholder.Text
  readonly goal: Placeholder.Text
  readonly backstory: Placeholder.Text
  /** The rest, which no input touches. */
  readonly fixed: Omit<PlannedAgent, "role" | "goal" | "backstory">
  /** The agent, when no input touches it at all. */
  readonly planned: PlannedAgent | undefined
}

export interface TaskTemplate {
  readonly description: Placeholder.Text
  readonly expectedOutput: Placeholder.Text
  readonly outputFile: Placeholder.Text | undefined
  readonly attachments: ReadonlyArray<Attachments.Template>
  /** Functions first, because they cost no call of a model. */
  readonly guardrails: ReadonlyArray<Guardrail | Placeholder.Text>
  /** What the result must fulfil, where this task gives it. */
  readonly acceptance: ReadonlyArray<Placeholder.Text>
  readonly fixed: Omit<PlannedTask, "description" | "expectedOutput" | "outputFile" | "attachments" | "guardrails">
  readonly planned: PlannedTask | undefined
}

export interface CrewTemplate {
  readonly agents: ReadonlyArray<AgentTemplate>
  readonly tasks: ReadonlyArray<TaskTemplate>
  readonly manager: PlannedManager | undefined
  /** Instructions of the crew's own, by power. */
  readonly prompts: ReadonlyArray<readonly [power: string, words: Placeholder.Text]>
  readonly timeoutMillis: number | undefined
  readonly needsCode: boolean
}

export const make = (definition: Definition, code: Code): CrewTemplate => {
  const names = Object.keys(definition.tasks)
  const sequential = definition.process === "sequential"
  const onlyAgent = Object.keys(definition.agents)[0]!
  const managed = Managing.make(definition)
  const agents = Object.entries(definition.agents).map(([name, agent]) =>
    // Whoever manages holds no tools for the work.
    agentTemplate(
      name,
      name === managed?.manager.agent ? Struct.omit(agent, ["approvals", "tools"]) : agent,
      definition.model
    )
  )
  if (managed?.agent !== undefined) agents.push(constantAgent(managed.manager.agent, managed.agent))
  const tasks = names.map((name, index) => {
    const task = definition.tasks[name]!
    const before = sequential && index > 0 ? [names[index - 1]!] : []
    // Waiting for the task before is waiting for all before it: naming them would make a long
    // crew's plan quadratic twice.
    const context =
      task.context === undefined ? names.slice(0, sequential ? index : 0) : Defaults.distinct(task.context)
    const condition = task.when === undefined ? [] : [task.when.task]
    const candidates =
      task.agent !== undefined
        ? [task.agent]
        : managed === undefined
          ? [onlyAgent]
          : Managing.candidatesOf(managed.manager, definition.agents, task)
    // Where one can do it, nobody is asked.
    const isFrame = candidates.length > 1
    const agentName = isFrame ? managed!.manager.agent : candidates[0]!
    const waitsFor = [...(task.context ?? []), ...(task.dependsOn ?? []), ...condition, ...before]
    return taskTemplate({
      name,
      task,
      agent: isFrame ? {} : definition.agents[agentName]!,
      agentName,
      frame: isFrame ? Managing.frame(candidates, task) : undefined,
      context: Object.freeze(context),
      dependencies: Defaults.distinct(waitsFor),
      code: code[name] ?? {}
    })
  })
  return {
    agents,
    manager: managed?.manager,
    prompts: Object.entries(definition.manager?.prompts ?? {}).map(([power, words]) => [
      power,
      Placeholder.parse(words)
    ]),
    tasks: managed === undefined ? tasks : concluded(definition, managed.manager, tasks),
    timeoutMillis: definition.timeout === undefined ? undefined : Task.millis(definition.timeout),
    needsCode: names.some((name) => Object.keys(code[name] ?? {}).length > 0)
  }
}

/**
 * The tasks with what the manager does before the crew is done: it reviews outputs, writes the
 * result, and judges it.
 */
const concluded = (
  definition: Definition,
  manager: PlannedManager,
  tasks: ReadonlyArray<TaskTemplate>
): ReadonlyArray<TaskTemplate> => {
  const { acceptance = [], manager: { review = "none" } = {}, synthesis } = definition
  if (review === "none" && acceptance.length === 0 && synthesis === undefined) return tasks
  const finals = Managing.finalsOf(new Map(tasks.map(({ fixed }) => [fixed.id, fixed.dependencies])))
  const reviewed = tasks.map((task) =>
    review === "all" || (review === "final" && finals.has(task.fixed.id)) ? withReview(task) : task
  )
  const isWritten = synthesis !== undefined || (acceptance.length > 0 && finals.size > 1)
  const all = isWritten ? [...reviewed, synthesisTemplate(definition, manager, [...finals])] : reviewed
  if (acceptance.length === 0) return all
  const results = isWritten ? new Set([all.at(-1)!.fixed.id]) : finals
  return all.map((task) => (results.has(task.fixed.id) ? withAcceptance(task, acceptance) : task))
}

/**
 * The task by which the manager writes the result, under a name that no other has. What the crew
 * does not say of it is told when it is asked.
 */
const synthesisTemplate = (
  { synthesis, tasks }: Definition,
  manager: PlannedManager,
  finals: ReadonlyArray<string>
): TaskTemplate => {
  let id = "synthesise"
  while (Object.hasOwn(tasks, id)) id = `crew_${id}`
  const { description = "", expectedOutput = "", output } = typeof synthesis === "object" ? synthesis : {}
  const fixed = Managing.synthesis(manager, { id, finals, ...(output === undefined ? {} : { output }) })
  const texts = [description, expectedOutput].map(Placeholder.parse)
  return {
    description: texts[0]!,
    expectedOutput: texts[1]!,
    outputFile: undefined,
    attachments: [],
    guardrails: [],
    acceptance: [],
    fixed,
    planned: texts.every(Placeholder.isConstant)
      ? Object.freeze({
          ...fixed,
          description: Placeholder.constant(texts[0]!),
          expectedOutput: Placeholder.constant(texts[1]!),
          guardrails: Object.freeze([])
        })
      : undefined
  }
}

/** The manager reviews the output. */
const withReview = ({ fixed, planned, ...task }: TaskTemplate): TaskTemplate => ({
  ...task,
  fixed: { ...fixed, reviewed: true },
  planned: planned === undefined ? undefined : Object.freeze({ ...planned, reviewed: true as const })
})

/** It holds the output against these. */
const withAcceptance = ({ planned, ...task }: TaskTemplate, texts: ReadonlyArray<string>): TaskTemplate => {
  const acceptance = texts.map(Placeholder.parse)
  const isConstant = planned !== undefined && acceptance.every(Placeholder.isConstant)
  return {
    ...task,
    acceptance,
    planned: isConstant ? Object.freeze({ ...planned, acceptance: acceptance.map(Placeholder.constant) }) : undefined
  }
}

/** An agent that no input touches. */
const constantAgent = (name: string, planned: PlannedAgent): AgentTemplate => {
  const { backstory, goal, role, ...fixed } = planned
  const [first, second, third] = [role, goal, backstory].map(Placeholder.parse)
  return { name, role: first!, goal: second!, backstory: third!, fixed, planned }
}

const agentTemplate = (name: string, agent: Agent.Agent, crewModel: Agent.Models | undefined): AgentTemplate => {
  const model = agent.model ?? crewModel
  const fixed = {
    ...(model === undefined ? {} : { model }),
    ...(agent.modelOptions === undefined ? {} : { modelOptions: agent.modelOptions }),
    ...(agent.limits === undefined ? {} : { limits: agent.limits }),
    ...(agent.tools === undefined || agent.tools.length === 0 ? {} : { tools: Defaults.distinct(agent.tools) }),
    ...(agent.maxTurns === undefined ? {} : { maxTurns: agent.maxTurns }),
    ...(agent.cache === true ? { cache: true as const } : {}),
    ...(agent.memory === undefined ? {} : { memory: agent.memory }),
    ...(agent.policy === undefined ? {} : { policy: agent.policy }),
    ...(agent.allowDelegation === true ? { allowDelegation: true as const } : {}),
    ...(agent.approvals === undefined || agent.approvals.length === 0
      ? {}
      : { approvals: Defaults.distinct(agent.approvals) })
  }
  const { backstory = "", goal, role } = agent
  const texts = [role, goal, backstory].map(Placeholder.parse)
  const constant = texts.every(Placeholder.isConstant)
  return {
    name,
    role: texts[0]!,
    goal: texts[1]!,
    backstory: texts[2]!,
    fixed,
    planned: constant
      ? Object.freeze({
          role: Placeholder.constant(texts[0]!),
          goal: Placeholder.constant(texts[1]!),
          backstory: Placeholder.constant(texts[2]!),
          ...fixed
        })
      : undefined
  }
}

const none: ReadonlyArray<string> = Object.freeze([])

interface TaskOptions {
  readonly name: string
  readonly task: Task.Task
  readonly agentName: string
  readonly agent: Pick<Agent.Agent, "tools" | "maxTurns" | "cache" | "approvals">
  /** The manager says who does it. */
  readonly frame: Frame | undefined
  readonly context: ReadonlyArray<string>
  readonly dependencies: ReadonlyArray<string>
  readonly code: TaskCode
}

const taskTemplate = (options: TaskOptions): TaskTemplate => {
  const { agent, agentName, code, context, dependencies, frame, name, task } = options
  const sentences = (task.guardrails ?? []).map(Placeholder.parse)
  const functions = (code.guardrails ?? []).map((_, index): Guardrail => Object.freeze({ kind: "code", index }))
  const description = Placeholder.parse(task.description)
  const expectedOutput = Placeholder.parse(task.expectedOutput)
  const outputFile = task.outputFile === undefined ? undefined : Placeholder.parse(task.outputFile)
  const attachments = (task.attachments ?? []).map(Attachments.template)
  const applied = Defaults.apply({
    id: name,
    agentName,
    agent,
    task,
    context,
    dependencies,
    hasOutputCode: code.output !== undefined,
    hasCondition: code.when !== undefined
  })
  const fixed = frame === undefined ? applied : { ...applied, tools: none, frame }
  const files = [...(outputFile === undefined ? [] : [outputFile]), ...attachments.map(({ source }) => source)]
  const texts = [description, expectedOutput, ...files, ...sentences]
  const constant = texts.every(Placeholder.isConstant)
  return {
    description,
    expectedOutput,
    outputFile,
    attachments,
    guardrails: [...functions, ...sentences],
    acceptance: [],
    fixed,
    planned: constant
      ? Object.freeze({
          ...fixed,
          description: Placeholder.constant(description),
          expectedOutput: Placeholder.constant(expectedOutput),
          ...(outputFile === undefined ? {} : { outputFile: Placeholder.constant(outputFile) }),
          ...(attachments.length === 0 ? {} : { attachments: Object.freeze(attachments.map(Attachments.constant)) }),
          guardrails: Object.freeze([
            ...functions,
            ...sentences.map((text): Guardrail => Object.freeze({ kind: "sentence", text: Placeholder.constant(text) }))
          ])
        })
      : undefined
  }
}
