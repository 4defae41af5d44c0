/** What a manager adds to a plan: itself, its settings, and the tasks that it assigns. */
import type { Definition } from "../Crew/Definition.ts"
import * as Manager from "../Crew/Manager.ts"
import type * as Task from "../Task.ts"
import * as Defaults from "./Defaults.ts"
import type { Frame, Plan, PlannedAgent, PlannedManager, PlannedTask } from "./Planned.ts"

/** The manager of a crew, and its agent where the crew declares none. */
export interface Managed {
  readonly manager: PlannedManager
  readonly agent?: PlannedAgent
}

const persona = {
  role: "Manager",
  goal: "Get the best result out of the crew: have each task done by the agent that is best for it, and judge what comes back",
  backstory: "You direct the work and judge it. You do none of it yourself."
} as const

/** Writes and judges the result of a crew without a manager, and does nothing else. */
const judge: Manager.Manager = { recover: false }

export const make = (definition: Definition): Managed | undefined => {
  const { acceptance = [], agents, manager: declared, model, synthesis } = definition
  const manager = declared ?? (acceptance.length > 0 || synthesis !== undefined ? judge : undefined)
  if (manager === undefined) return undefined
  const name = Manager.nameOf(manager, agents)
  const planned: PlannedManager = {
    agent: name,
    allow: Object.freeze(Manager.candidates(manager, Object.keys(agents))),
    depth: manager.depth ?? Manager.defaultDepth,
    recover: manager.recover ?? true,
    maxRecoveries: manager.maxRecoveries ?? Manager.defaultMaxRecoveries,
    maxRevisions: manager.maxRevisions ?? Manager.defaultMaxRevisions,
    onUnaccepted: manager.onUnaccepted ?? "accept",
    ...(manager.maxStalls === undefined ? {} : { maxStalls: manager.maxStalls })
  }
  if (manager.agent !== undefined || manager.agentId !== undefined) return { manager: planned }
  const { model: own = model } = manager
  return { manager: planned, agent: Object.freeze({ ...persona, ...(own === undefined ? {} : { model: own }) }) }
}

/** The tasks that nothing depends on; `waitsFor`: by task, what it depends on. */
export const finalsOf = (waitsFor: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlySet<string> => {
  const names = new Set(waitsFor.keys())
  for (const others of waitsFor.values()) for (const name of others) names.delete(name)
  return names
}

/**
 * Who can do a task that names no agent: where one of the allowed agents alone has the tools that
 * it names, that one; otherwise those that have them, or, when nobody or everybody does, all.
 */
export const candidatesOf = (
  { allow }: PlannedManager,
  agents: Definition["agents"],
  { tools = [] }: Pick<Task.Task, "tools">
): ReadonlyArray<string> => {
  const able = allow.filter((name) => tools.every((tool) => agents[name]?.tools?.includes(tool)))
  return able.length === 0 ? allow : able
}

/** Values of the task, or otherwise of its agent. */
export const frame = (candidates: ReadonlyArray<string>, task: Task.Task): Frame => ({
  candidates,
  ...(task.tools === undefined ? {} : { tools: Defaults.distinct(task.tools) }),
  ...(task.maxTurns === undefined ? {} : { maxTurns: task.maxTurns }),
  ...(task.cache === undefined ? {} : { cache: task.cache }),
  ...(task.approvals === undefined ? {} : { approvals: task.approvals })
})

/** Shared by the children of a frame: what is their own business, not the frame's. */
const ofChild = (
  { agents }: Plan,
  framed: PlannedTask,
  { agent, id }: { readonly agent: string; readonly id: string }
) => {
  const { frame: declared, limits: _, when: __, ...rest } = framed
  // Of a task that had an agent, what that one brought is not the other's.
  const { approvals, candidates: ___, ...own } = declared ?? { candidates: [], approvals: framed.approvals }
  const fixed = Defaults.apply({
    id,
    agentName: agent,
    agent: agents[agent]!,
    task: { ...own, ...(approvals === undefined ? {} : { approvals: [...approvals] }) },
    context: framed.context,
    dependencies: [],
    hasOutputCode: false,
    hasCondition: false
  })
  const { approvals: asked, cache, maxTurns, tools } = fixed
  return {
    ...rest,
    id,
    agent,
    dependencies: [],
    tools,
    maxTurns,
    ...(cache === undefined ? {} : { cache }),
    ...(asked === undefined ? {} : { approvals: asked }),
    title: framed.title ?? framed.id,
    codeOf: framed.codeOf ?? framed.id
  } satisfies PlannedTask
}

/**
 * The work of a task that named no agent, as a task of the agent that was chosen; of the manager,
 * it has to be delegated.
 */
export const work = (
  plan: Plan,
  framed: PlannedTask,
  options: { readonly agent: string; readonly id: string }
): PlannedTask => {
  const child = ofChild(plan, framed, options)
  return options.agent === plan.manager?.agent ? { ...child, tools: [], delegates: true } : child
}

/** One answer, with two corrections. */
const answered = { maxRepairs: 2, maxTurns: 3, cache: false }

/** A task of the manager itself: one structured answer, without tools. */
export const office = (
  plan: Plan,
  options: Pick<
    PlannedTask,
    "id" | "context" | "description" | "excerpt" | "expectedOutput" | "output" | "prompt" | "title"
  > & {
    readonly office: NonNullable<PlannedTask["office"]>
  }
): PlannedTask => ({
  ...Defaults.apply({
    id: options.id,
    agentName: plan.manager!.agent,
    agent: {},
    task: { ...answered, onFailure: "skip" },
    context: options.context,
    dependencies: [],
    hasOutputCode: false,
    hasCondition: false
  }),
  ...options,
  guardrails: []
})

/**
 * The manager writes the result from what these tasks come to, whatever that is: its last word in
 * the plan.
 */
export const synthesis = (
  { agent }: PlannedManager,
  options: Pick<PlannedTask, "id"> & Pick<Task.Task, "output"> & { readonly finals: ReadonlyArray<string> }
): Defaults.Fixed => ({
  ...Defaults.apply({
    id: options.id,
    agentName: agent,
    agent: {},
    task: {
      ...answered,
      onFailure: "fail",
      ...(options.output === undefined ? {} : { output: options.output })
    },
    context: options.finals,
    dependencies: options.finals,
    hasOutputCode: false,
    hasCondition: false
  }),
  title: "The result of the crew",
  office: "synthesise"
})

/** The work of a task that failed, as a task of another agent. */
export const inPlaceOf = (
  plan: Plan,
  task: PlannedTask,
  options: { readonly agent: string; readonly id: string }
): PlannedTask => ({ ...ofChild(plan, task, options), replaces: true })

/**
 * The last of several tasks that take the place of one: it reads those before it, and its output is
 * held against what that one declares.
 */
export const lastInPlaceOf = (
  task: PlannedTask,
  last: PlannedTask,
  before: ReadonlyArray<PlannedTask>
): PlannedTask => {
  const {
    acceptance,
    attachments,
    codeOf = task.id,
    guardrails,
    humanInput,
    output,
    outputCode,
    outputFile,
    reviewed
  } = task
  const ids = before.map(({ id }) => id)
  return {
    ...last,
    context: last.context.length > 0 ? last.context : ids,
    dependencies: ids,
    guardrails,
    codeOf,
    replaces: true,
    ...(attachments === undefined ? {} : { attachments }),
    ...(humanInput === undefined ? {} : { humanInput }),
    ...(output === undefined ? {} : { output }),
    ...(outputCode === undefined ? {} : { outputCode }),
    ...(outputFile === undefined ? {} : { outputFile }),
    ...(reviewed === undefined ? {} : { reviewed }),
    ...(acceptance === undefined ? {} : { acceptance })
  }
}
