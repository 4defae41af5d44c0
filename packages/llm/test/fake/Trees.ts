/**
 * Crews of three levels: tasks that spawn tasks that spawn tasks, with limits at some of them, and
 * a provider that counts their calls.
 */
import type * as Crewline from "@crewline/core/Crewline"
import type { ExecutionEvent } from "@crewline/core/ExecutionEvent"
import type * as Limits from "@crewline/core/Limits"
import type * as Llm from "@crewline/core/Llm"
import type * as Plan from "@crewline/core/Plan"
import * as Tool from "@crewline/core/Tool"
import * as Effect from "effect/Effect"
import * as FastCheck from "fast-check"
import * as PromptEstimate from "../../src/PromptEstimate.ts"

export interface Node {
  /** The index of the task that spawns it; absent: a task of the plan. */
  readonly parent: number | undefined
  readonly limits: Limits.Declared | undefined
  /** Tokens of its answers. */
  readonly length: number
}

export interface Tree {
  /** Named `n0`, `n1`, …; each after the one that spawns it. */
  readonly nodes: ReadonlyArray<Node>
  readonly ofExecution: Limits.Declared | undefined
  readonly ofAgent: Limits.Declared | undefined
  /** Per million tokens. */
  readonly price: { readonly input: number; readonly output: number }
}

const onExceeded = FastCheck.constantFrom("fail", "finish")
const limits: FastCheck.Arbitrary<Limits.Declared> = FastCheck.oneof(
  FastCheck.record({ onExceeded, requests: FastCheck.integer({ min: 1, max: 8 }) }),
  FastCheck.record({ onExceeded, tokens: FastCheck.integer({ min: 200, max: 4_000 }) }),
  FastCheck.record({ onExceeded, costUsd: FastCheck.integer({ min: 1, max: 40 }).map((n) => n / 10_000) })
)
const perhaps = FastCheck.option(limits, { nil: undefined, freq: 2 })

/** At most three levels. */
export const tree: FastCheck.Arbitrary<Tree> = FastCheck.record({
  nodes: FastCheck.array(
    FastCheck.record({
      parent: FastCheck.nat(8),
      limits: perhaps,
      length: FastCheck.nat(300)
    }),
    { minLength: 3, maxLength: 9 }
  ).map((nodes) => {
    const levels: Array<number> = []
    return nodes.map((node, index): Node => {
      const parent = index < 2 ? undefined : node.parent % index
      const level = parent === undefined ? 0 : levels[parent]! + 1
      levels.push(level > 2 ? 0 : level)
      return { ...node, parent: level > 2 ? undefined : parent }
    })
  }),
  ofExecution: perhaps,
  ofAgent: perhaps,
  price: FastCheck.record({
    input: FastCheck.integer({ min: 1, max: 20 }),
    output: FastCheck.integer({ min: 1, max: 60 })
  })
})

const placeOf = (taskId: string): number => Number(/n(\d+)$/.exec(taskId)![1])
const childrenOf = ({ nodes }: Tree, place: number) => [...nodes.keys()].filter((each) => nodes[each]!.parent === place)

export const planOf = (tree: Tree): Plan.Plan => ({
  version: 1,
  name: "tree",
  process: "parallel",
  inputs: {},
  agents: {
    agent: {
      role: "Agent",
      goal: "Work",
      backstory: "",
      tools: ["spawn"],
      ...(tree.ofAgent === undefined ? {} : { limits: tree.ofAgent })
    }
  },
  tasks: [...tree.nodes.entries()].flatMap(([place, { limits, parent }]) =>
    parent !== undefined
      ? []
      : [
          {
            id: `n${place}`,
            description: "Do it.",
            expectedOutput: "Text.",
            agent: "agent",
            context: [],
            dependencies: [],
            tools: ["spawn"],
            guardrails: [],
            maxRepairs: 1,
            maxTurns: 10,
            retry: { attempts: 1, initialMillis: 0, factor: 1, maxMillis: 0 },
            onFailure: "continue",
            ...(limits === undefined ? {} : { limits })
          }
        ]
  ),
  ...(tree.ofExecution === undefined ? {} : { limits: tree.ofExecution })
})

/** Adds the tasks below its own. */
export const spawn = (tree: Tree, name = "spawn") =>
  Tool.make({
    name,
    description: "Adds tasks.",
    parameters: { type: "object", properties: {} },
    spawn: (_, { taskId }) => ({
      tasks: Object.fromEntries(
        childrenOf(tree, placeOf(taskId)).map((child) => {
          const { limits } = tree.nodes[child]!
          return [`n${child}`, { description: "Do it.", expectedOutput: "Text.", ...(limits && { limits }) }]
        })
      )
    }),
    execute: (_, { tasks }) => JSON.stringify(tasks)
  })

interface Call {
  readonly taskId: string
  readonly tokens: number
  readonly costUsd: number
}

/** Counts requests on arrival. */
export const provider = (tree: Tree) => {
  const calls: Array<Call> = []
  const spawned = new Set<string>()
  const generate = Effect.fnUntraced(function* (asked: Llm.Request) {
    const { taskId } = asked.caller!
    const inputTokens = (yield* PromptEstimate.counter).request(asked)
    const place = placeOf(taskId)
    const outputTokens = Math.min(tree.nodes[place]!.length, asked.options?.maxOutputTokens ?? 4_096)
    const costUsd = (inputTokens * tree.price.input + outputTokens * tree.price.output) / 1_000_000
    calls.push({ taskId, tokens: inputTokens + outputTokens, costUsd })
    yield* Effect.yieldNow
    const spawns = childrenOf(tree, place).length > 0 && !spawned.has(taskId)
    if (spawns) spawned.add(taskId)
    const usage = { requests: 1, inputTokens, cachedInputTokens: 0, outputTokens, reasoningTokens: 0, costUsd: null }
    const answer: Llm.Answer = {
      parts: spawns
        ? [{ type: "tool-call", id: "c", name: asked.tools[0]!.name, params: {}, providerExecuted: false }]
        : [{ type: "text", text: "Done." }],
      finishReason: spawns ? "tool-calls" : "stop",
      usage,
      model: "model"
    }
    return answer
  })
  return { calls, generate }
}

/** The scopes that a call of a task counts in, with their limits. */
const scopesOf = (tree: Tree, taskId: string): ReadonlyMap<string, Limits.Declared> => {
  const scopes = new Map<string, Limits.Declared>()
  if (tree.ofExecution !== undefined) scopes.set("execution", tree.ofExecution)
  if (tree.ofAgent !== undefined) scopes.set("agent/agent", tree.ofAgent)
  for (let id = taskId; id !== ""; id = id.slice(0, Math.max(id.lastIndexOf("/"), 0))) {
    const { limits } = tree.nodes[placeOf(id)]!
    if (limits !== undefined) scopes.set(`task/${id}`, limits)
  }
  return scopes
}

interface Sum {
  readonly requests: number
  readonly tokens: number
  readonly costUsd: number
}

const zero: Sum = { requests: 0, tokens: 0, costUsd: 0 }

const sums = (tree: Tree, calls: ReadonlyArray<Call>): ReadonlyMap<string, Sum> => {
  const found = new Map<string, Sum>()
  for (const { costUsd, taskId, tokens } of calls)
    for (const scope of scopesOf(tree, taskId).keys()) {
      const sum = found.get(scope) ?? zero
      found.set(scope, {
        requests: sum.requests + 1,
        tokens: sum.tokens + tokens,
        costUsd: sum.costUsd + costUsd
      })
    }
  return found
}

/** Exceeded limits, as counted by the provider. */
export const exceededIn = (tree: Tree, calls: ReadonlyArray<Call>): ReadonlyArray<string> => {
  const limits = new Map(calls.flatMap(({ taskId }) => [...scopesOf(tree, taskId)]))
  return [...sums(tree, calls)].flatMap(([scope, { costUsd, requests, tokens }]) => {
    const most = limits.get(scope)!
    const isOver =
      requests > (most.requests ?? requests) ||
      tokens > (most.tokens ?? tokens) ||
      costUsd > (most.costUsd ?? costUsd) + 1e-9
    return isOver ? [`${scope}: ${JSON.stringify({ requests, tokens, costUsd })} of ${JSON.stringify(most)}`] : []
  })
}

const rounded = ({ costUsd, requests, tokens }: Limits.Spent) => ({
  requests,
  tokens,
  costUsd: Math.round((costUsd ?? 0) * 1e9)
})

/** The spending in the log, by scope, and the sum of its turns. */
export const spentIn = (view: Crewline.View): Readonly<Record<string, object>> => ({
  ...Object.fromEntries(Object.entries(view.budgets ?? {}).map(([scope, { spent }]) => [scope, rounded(spent)])),
  ...Object.fromEntries(
    Object.entries(view.tasks).flatMap(([id, { budget }]) =>
      budget === undefined ? [] : [[`task/${id}`, rounded(budget.spent)]]
    )
  )
})

export const recordedIn = (
  tree: Tree,
  view: Crewline.View,
  events: ReadonlyArray<ExecutionEvent>
): Readonly<Record<string, object>> => {
  const turns = events.flatMap((event): ReadonlyArray<Call> => {
    if (event.type !== "TurnCompleted") return []
    const { costUsd, inputTokens, outputTokens } = event.usage
    return [{ taskId: event.taskId, tokens: inputTokens + outputTokens, costUsd: costUsd ?? 0 }]
  })
  const found = sums(tree, turns)
  return Object.fromEntries(Object.keys(spentIn(view)).map((scope) => [scope, rounded(found.get(scope) ?? zero)]))
}
