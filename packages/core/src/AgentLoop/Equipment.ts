/**
 * What an agent works with in one leg: its model, its tools, the files of its task, and the limits
 * that its model calls are under.
 */
import * as Effect from "effect/Effect"
import { searchTool } from "../Agent.ts"
import * as Limits from "../Limits.ts"
import type * as Llm from "../Llm.ts"
import { Coworkers, Delegation, Excerpt } from "../Manager.ts"
import type * as Plan from "../Plan.ts"
import type * as Policy from "../Policy.ts"
import * as Toolbox from "../Toolbox.ts"
import type * as Workspace from "../Workspace.ts"
import * as Bindings from "./Bindings.ts"
import { failed, modelFailed, type Ended, type Leg } from "./Leg.ts"
import * as Searching from "./Searching.ts"
import type { Nested } from "./Transcript.ts"
import * as ShownResult from "./ShownResult.ts"

/** What the loop stands on. */
export interface Services {
  readonly llm: Llm.Llm["Service"]
  readonly toolbox: Toolbox.Toolbox["Service"]
  readonly workspace: Workspace.Workspace["Service"]
}

export interface Equipment {
  readonly leg: Leg
  readonly agent: Plan.PlannedAgent
  readonly model: Llm.Model
  /** By name. */
  readonly tools: ReadonlyMap<string, Toolbox.Tool>
  /** Tools that the agent has found by search. */
  readonly found: Searching.Found
  /** Calls that tools made themselves and that did not fail. */
  readonly nested: Array<Nested>
  /** Built-in tools for working with other agents and for reading messages and results. */
  readonly isOwn: (tool: Toolbox.Tool) => boolean
  /** Tools that the author of the crew has listed for the agent or the task. */
  readonly listed: ReadonlySet<string>
  /** Tools and policies of the tenant, which may change while the leg runs. */
  readonly toolbox: Toolbox.Toolbox["Service"]
  readonly policies: ReadonlyArray<Policy.Scoped>
  /** Results that were truncated for the model. */
  readonly cut: ShownResult.Cut
  /** The same tools as the model sees them. */
  readonly toolDefinitions: ReadonlyArray<Llm.ToolDefinition>
  readonly workspace: Workspace.Files
  /** The instructions of a manager, or of an agent that can delegate, by name and version. */
  readonly prompt?: string
  readonly limits: ReadonlyArray<Limits.Scoped> | undefined
  /**
   * Those of turns after which the agent goes on: where it may finish when a limit is reached, they
   * leave room for that.
   */
  readonly turnLimits: ReadonlyArray<Limits.Scoped> | undefined
  /** Those of its last turn then: they leave room for the judges of its guardrails. */
  readonly lastTurnLimits: ReadonlyArray<Limits.Scoped> | undefined
  /** On whose behalf models are asked. */
  readonly caller: NonNullable<Llm.Request["caller"]>
}

/** A tool as the model sees it, made once per tool. */
const definitions = new WeakMap<Toolbox.Tool, Llm.ToolDefinition>()
export const definitionOf = (tool: Toolbox.Tool): Llm.ToolDefinition => {
  let definition = definitions.get(tool)
  if (definition === undefined) {
    definition = { name: tool.name, description: tool.description, parameters: tool.parameters }
    definitions.set(tool, definition)
  }
  return definition
}

/**
 * Finds the tools and the model of the task's agent; the end of the leg when one of them is not
 * there. `unoffered`: tools for whoever delegates, beyond what is offered.
 */
export const make = (
  services: Services,
  leg: Leg,
  unoffered: ReadonlyArray<Toolbox.Tool> = []
): Effect.Effect<Equipment | Ended> =>
  Effect.matchEffect(bound(services.toolbox, leg), {
    onFailure: (error) =>
      Effect.succeed(
        error._tag === "UnknownTool"
          ? failed("unknown-tool", error.message, { isRetryable: false })
          : failed(unavailable[error._tag], error.message, { isRetryable: true, keepsTurns: true })
      ),
    onSuccess: ({ found, policies, tools }) => {
      if (leg.limits !== undefined && services.llm.enforcesLimits !== true)
        return Effect.succeed(
          failed("unenforced-limits", `The limits of this task cannot be enforced: ${Limits.unenforced}`, {
            isRetryable: false
          })
        )
      const agent = leg.plan.agents[leg.task.agent]!
      const judges = leg.task.guardrails.filter(({ kind }) => kind === "sentence").length
      return Effect.match(services.llm.resolve(agent.model), {
        onFailure: (error) => modelFailed(error),
        onSuccess: (model): Equipment | Ended => ({
          leg,
          agent,
          model,
          ...(leg.task.prompt === undefined ? {} : { prompt: leg.task.prompt }),
          ...equipped(leg, agent, tools, unoffered),
          found,
          nested: [...leg.history.nested],
          listed: Bindings.listedIn(leg.plan, leg.task),
          toolbox: services.toolbox,
          policies,
          workspace: services.workspace.of(leg.executionId),
          limits: leg.limits,
          // An answer that its judges refuse is followed by a last one, which has the same judges.
          turnLimits: leavingRoom(leg.limits, 1 + 2 * judges),
          lastTurnLimits: leavingRoom(leg.limits, judges),
          caller: { executionId: leg.executionId, taskId: leg.task.id, agent: leg.task.agent }
        })
      })
    }
  })

const unavailable = { ToolsUnavailable: "tools-unavailable", PolicyUnavailable: "policy-unavailable" } as const

const leavingRoom = (limits: ReadonlyArray<Limits.Scoped> | undefined, leavesRoomFor: number) =>
  limits?.map((limit) => (limit.onExceeded === "finish" ? { ...limit, leavesRoomFor } : limit))

/**
 * Its own tools, and those by which it delegates: where nobody is left to delegate to, or the work
 * is passed on too deep, not offered.
 */
const equipped = (
  { plan, readOutput, standing, task }: Leg,
  agent: Plan.PlannedAgent,
  own: ReadonlyMap<string, Toolbox.Tool>,
  unoffered: ReadonlyArray<Toolbox.Tool>
): Pick<Equipment, "tools" | "toolDefinitions" | "prompt" | "cut" | "isOwn"> => {
  const cut: ShownResult.Cut = new Map()
  if (readOutput !== undefined) {
    const tool = Excerpt.tool(readOutput)
    return { cut, tools: new Map([[tool.name, tool]]), toolDefinitions: [definitionOf(tool)], isOwn: () => true }
  }
  const toolDefinitions = Array.from(own.values(), definitionOf)
  if ((agent.allowDelegation !== true && task.delegates !== true) || task.office !== undefined) {
    const readOn = readOnOf(own, cut)
    return { cut, tools: withTool(own, readOn), toolDefinitions, isOwn: (tool) => tool === readOn }
  }
  const { chain, depth } = standing
  const delegation = Delegation.tools({ plan, chain })
  const isPossible = depth < Delegation.maxDepth(plan) && Coworkers.of(plan, chain).length > 0
  const tools = new Map([...[...delegation, ...unoffered].map((tool) => [tool.name, tool] as const), ...own])
  const readOn = readOnOf(tools, cut)
  const builtIn = new Set<Toolbox.Tool | undefined>([...delegation, ...unoffered, readOn])
  const offered = delegation.filter(({ name }) => isPossible && !own.has(name) && Delegation.isOffered(name))
  return {
    isOwn: (tool) => builtIn.has(tool),
    cut,
    tools: withTool(tools, readOn),
    toolDefinitions: [...toolDefinitions, ...offered.map(definitionOf)],
    ...(offered.length === 0 ? {} : { prompt: Delegation.promptOf({ plan, chain }) })
  }
}

/** Reads on in results of these tools; not made where there is nothing to read. */
const readOnOf = (tools: ReadonlyMap<string, Toolbox.Tool>, cut: ShownResult.Cut): Toolbox.Tool | undefined =>
  tools.size === 0 || tools.has(ShownResult.name) ? undefined : ShownResult.tool(cut)

const withTool = (
  tools: ReadonlyMap<string, Toolbox.Tool>,
  tool: Toolbox.Tool | undefined
): ReadonlyMap<string, Toolbox.Tool> => (tool === undefined ? tools : new Map([...tools, [tool.name, tool]]))

/** The tools of the task, what it has found, and the policies that bind both. */
const bound = Effect.fnUntraced(function* (toolbox: Toolbox.Toolbox["Service"], leg: Leg) {
  const { history, memoryTools, plan, task } = leg
  const found = yield* Searching.again(toolbox, history.found)
  const policies = Bindings.policiesOf(plan, task, yield* Toolbox.policies(toolbox))
  const tools = new Map<string, Toolbox.Tool>()
  for (const name of task.tools)
    tools.set(
      name,
      name === searchTool
        ? Searching.tool({ found, policies, toolbox })
        : (memoryTools.get(name) ?? (yield* toolbox.get(name)))
    )
  return { found, policies, tools }
})

/** A tool of the task by its name, or one that was found. */
export const toolOf = ({ found, tools }: Equipment, name: string): Toolbox.Tool | undefined =>
  tools.get(name) ?? found.get(name)?.tool

/** Tools that were found before a turn, in the order in which they were found. */
export const readyIn = ({ found, tools }: Equipment, turn: number): ReadonlyMap<string, Toolbox.Tool> => {
  const ready = new Map<string, Toolbox.Tool>()
  for (const [name, { tool, turn: since }] of found) if (since < turn && !tools.has(name)) ready.set(name, tool)
  return ready
}

/** What the model is offered in a turn. */
export const offeredIn = (equipment: Equipment, turn: number): ReadonlyArray<Llm.ToolDefinition> => {
  const { cut, found, toolDefinitions, tools } = equipment
  const readOn = cut.size === 0 ? undefined : tools.get(ShownResult.name)
  if (found.size === 0 && readOn === undefined) return toolDefinitions
  // At the end: what was sent before stays a prefix, which providers cache.
  const added = [...readyIn(equipment, turn).values(), ...(readOn === undefined ? [] : [readOn])]
  return [...toolDefinitions, ...added.map(definitionOf)]
}
