/** Events of an execution, numbered and timed, for tests of what a person sees. */
import type * as ExecutionEvent from "@crewline/core/ExecutionEvent"
import type * as Plan from "@crewline/core/Plan"
import * as View from "../../src/Cli/View.ts"

export const began = Date.parse("2026-11-01T10:00:00.000Z")

export const usage = (inputTokens: number, outputTokens: number, costUsd: number | null = 0) => ({
  requests: 1,
  inputTokens,
  cachedInputTokens: 0,
  outputTokens,
  reasoningTokens: 0,
  costUsd
})

export const task = (id: string, dependencies: ReadonlyArray<string> = [], agent = "worker"): Plan.PlannedTask => ({
  id,
  description: `Do ${id}.`,
  expectedOutput: "Something.",
  agent,
  context: dependencies,
  dependencies,
  tools: [],
  guardrails: [],
  maxRepairs: 1,
  maxTurns: 5,
  retry: { attempts: 2, initialMillis: 10, factor: 2, maxMillis: 100 },
  onFailure: "fail"
})

export const plan = (tasks: ReadonlyArray<Plan.PlannedTask>, inputs: Plan.Plan["inputs"] = {}): Plan.Plan => ({
  version: 1,
  name: "planets",
  process: "parallel",
  agents: { worker: { role: "Worker", goal: "Work", backstory: "Works." } },
  tasks,
  inputs
})

/** Stamps drafts: seq from 1, a tenth of a second apart. Deltas pass unnumbered. */
export const stamp = (
  drafts: ReadonlyArray<ExecutionEvent.Draft | Omit<ExecutionEvent.TextDelta, "executionId" | "at">>
): ReadonlyArray<ExecutionEvent.Followed> => {
  let seq = 0
  return drafts.map((draft, index) => {
    const at = new Date(began + index * 100).toISOString()
    return draft.type === "TextDelta"
      ? { ...draft, executionId: "x1", at }
      : { ...draft, executionId: "x1", at, seq: ++seq }
  })
}

export const fold = (events: ReadonlyArray<ExecutionEvent.Followed>): View.View => events.reduce(View.apply, View.empty)

export const started = (
  tasks: ReadonlyArray<Plan.PlannedTask>,
  inputs?: Plan.Plan["inputs"]
): ExecutionEvent.Draft => ({
  type: "ExecutionStarted",
  plan: plan(tasks, inputs)
})

export const begin = (taskId: string, run = 1, attempt = 1): ExecutionEvent.Draft => ({
  type: "TaskStarted",
  taskId,
  run,
  attempt,
  worker: "w1",
  crashes: 0
})

export const say = (taskId: string, delta: string, offset: number, { run = 1, turn = 1 } = {}) =>
  ({ type: "TextDelta", taskId, run, turn, offset, delta }) as const

export const answer = (
  taskId: string,
  {
    calls = [],
    cost = 0,
    run = 1,
    text = "",
    turn = 1
  }: { calls?: ReadonlyArray<string>; cost?: number | null; run?: number; text?: string; turn?: number } = {}
): ExecutionEvent.Draft => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn,
  messages: [],
  parts: [
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
    ...calls.map((name, index) => ({
      type: "tool-call" as const,
      id: `c${index}`,
      name,
      params: {},
      providerExecuted: false
    }))
  ],
  finishReason: calls.length === 0 ? "stop" : "tool-calls",
  model: "scripted/demo",
  usage: usage(100, 20, cost)
})

export const complete = (taskId: string, run = 1): ExecutionEvent.Draft => ({
  type: "TaskCompleted",
  taskId,
  run,
  output: `${taskId} is done`
})

export const fail = (taskId: string, message: string, run = 1): ExecutionEvent.Draft => ({
  type: "TaskFailed",
  taskId,
  run,
  error: { code: "model-error", message, isRetryable: false }
})
