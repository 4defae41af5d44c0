/** Event drafts for tests, and names that no other test uses. */
import type { Vitest } from "@effect/vitest"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Schema from "effect/Schema"
import type * as Ask from "../../Ask.ts"
import * as EventLog from "../../EventLog.ts"
import type * as ExecutionEvent from "../../ExecutionEvent.ts"
import type * as Plan from "../../Plan.ts"
import * as Tenant from "../../Tenant.ts"
import * as Usage from "../../Usage.ts"
import * as Wait from "../../Wait.ts"

/** What the tests of a suite are declared with. */
export type It = Vitest.MethodsNonLive<EventLog.EventLog>

/** A name that no other test, run or process uses. */
export const fresh = (prefix: string): Effect.Effect<string> =>
  Effect.zipWith(
    Random.nextInt,
    Random.nextInt,
    (a, b) => `${prefix}-${Math.abs(a).toString(36)}${Math.abs(b).toString(36)}`
  )

export const plan = (name = "crew"): Plan.Plan => ({
  version: 1,
  name,
  process: "parallel",
  agents: {},
  tasks: [],
  inputs: {}
})

export const executionStarted = (name?: string): ExecutionEvent.ExecutionStarted => ({
  type: "ExecutionStarted",
  plan: plan(name)
})

export const taskStarted = (taskId: string, run = 1): ExecutionEvent.TaskStarted => ({
  type: "TaskStarted",
  taskId,
  run,
  attempt: 1,
  crashes: 0,
  worker: "worker"
})

export const turn = (taskId: string, number: number, text = "answer", run = 1): ExecutionEvent.TurnCompleted => ({
  type: "TurnCompleted",
  taskId,
  run,
  turn: number,
  messages: [{ role: "user", content: [{ type: "text", text: "question" }] }],
  parts: [{ type: "text", text }],
  finishReason: "stop",
  model: "scripted/test",
  usage: Usage.zero
})

export const toolCalled = (taskId: string, callId: string, result: Schema.Json = 1): ExecutionEvent.ToolCalled => ({
  type: "ToolCalled",
  taskId,
  run: 1,
  turn: 1,
  callId,
  tool: "calculate",
  arguments: { expression: "1" },
  result,
  isFailure: false,
  durationMillis: 1
})

export const completed = (taskId: string, output: Schema.Json = "output"): ExecutionEvent.TaskCompleted => ({
  type: "TaskCompleted",
  taskId,
  run: 1,
  output
})

export const failed = (taskId: string): ExecutionEvent.TaskFailed => ({
  type: "TaskFailed",
  taskId,
  run: 1,
  error: { code: "model-error", message: "no", isRetryable: false }
})

export const skipped = (taskId: string): ExecutionEvent.TaskSkipped => ({
  type: "TaskSkipped",
  taskId,
  reason: "dependency-failed",
  because: "other"
})

export const cancelled = (taskId: string): ExecutionEvent.TaskCancelled => ({
  type: "TaskCancelled",
  taskId,
  reason: "execution-cancelled"
})

export const ended = (
  status: ExecutionEvent.ExecutionEnded["status"] = "completed"
): ExecutionEvent.ExecutionEnded => ({
  type: "ExecutionEnded",
  status,
  usage: Usage.zero
})

/** A question to a person. */
export const ask = (id: string, more: Partial<Ask.Ask> = {}): Ask.Ask => ({
  id,
  kind: "approval",
  call: "call",
  tool: "send_letter",
  title: `Send letter ${id}`,
  shown: { tool: "send_letter", arguments: { to: "Zoë" } },
  hash: "0".repeat(64),
  onSilence: "deny",
  answerableBy: ["operator"],
  ...more
})

/** A task as it is spawned. */
export const plannedTask = (id: string, more: Partial<Plan.PlannedTask> = {}): Plan.PlannedTask => ({
  id,
  description: `Do ${id}`,
  expectedOutput: "A list",
  agent: "writer",
  context: [],
  dependencies: [],
  tools: [],
  guardrails: [],
  retry: { attempts: 1, initialMillis: 1, factor: 1, maxMillis: 1 },
  maxRepairs: 1,
  maxTurns: 1,
  onFailure: "fail",
  ...more
})

/** The task asks, and waits for all answers. */
export const suspended = (
  taskId: string,
  { asks = [], spawn = [] }: Partial<Pick<ExecutionEvent.TaskSuspended, "asks" | "spawn">>
): ExecutionEvent.TaskSuspended => ({
  type: "TaskSuspended",
  taskId,
  run: 1,
  for: { kind: "calls", turn: 1 },
  waits: Wait.of({ signals: asks.map(({ id }) => id), tasks: spawn.map(({ id }) => id) }),
  spawn,
  ...(asks.length > 0 && { asks })
})

/** Somebody answers. */
export const answered = (id: string, more: Partial<ExecutionEvent.AskAnswered> = {}): ExecutionEvent.AskAnswered => ({
  type: "AskAnswered",
  ask: id,
  taskId: "a",
  answer: "approve",
  hash: "0".repeat(64),
  by: { name: "Ada", role: "operator" },
  ...more
})

/** Ids of asks, in their order. */
export const idsOf = (asks: ReadonlyArray<{ readonly id: string }>): ReadonlyArray<string> => asks.map(({ id }) => id)

/** As a separate tenant. */
export const inOwnTenant = <A, E, R>(use: (tenant: string) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(fresh("tenant"), (tenant) => inTenant(tenant)(use(tenant)))

/** Large text that storages tend to change. */
export const large = "ü\u0000".repeat(50_000)

/** Starts a separate execution; returns its id. */
export const begin: Effect.Effect<string, EventLog.EventLogError, EventLog.EventLog> = Effect.gen(function* () {
  const log = yield* EventLog.EventLog
  const executionId = yield* fresh("execution")
  yield* log.start(executionId, executionStarted())
  return executionId
})

/** Appends one after another, each event by itself. */
export const tell = (executionId: string, events: ReadonlyArray<ExecutionEvent.Draft>) =>
  Effect.gen(function* () {
    const log = yield* EventLog.EventLog
    for (const event of events) yield* log.append(executionId, [event])
  })

/** Why the effect failed. */
export const reasonOf = <A, R>(
  effect: Effect.Effect<A, EventLog.EventLogError, R>
): Effect.Effect<typeof EventLog.Reason.Type, never, R> =>
  Effect.matchEffect(effect, {
    onFailure: (error) => Effect.succeed(error.reason),
    onSuccess: (value) => Effect.die(new Error(`It should have failed, and answered ${JSON.stringify(value)}`))
  })

export const inTenant =
  (tenant: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Tenant.Current, tenant)

/** `[1, 2, …, n]`. */
export const upTo = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, index) => index + 1)

export const seqs = (events: ReadonlyArray<{ readonly seq: number }>): ReadonlyArray<number> =>
  events.map((event) => event.seq)

/** A list that is known not to be empty. */
export const all = <A>(items: ReadonlyArray<A>): NonEmptyReadonlyArray<A> => items as NonEmptyReadonlyArray<A>

/** Every way in which a task ends. */
export const terminals: ReadonlyArray<(taskId: string) => ExecutionEvent.Draft> = [
  (taskId) => completed(taskId),
  failed,
  skipped,
  cancelled
]

/** The number of concurrent appends in concurrency tests. */
export const appenders = 16

/** Runs `effect` for 0 … n - 1 concurrently; returns each outcome. */
export const race = <A, E, R>(n: number, effect: (index: number) => Effect.Effect<A, E, R>) =>
  Effect.forEach(
    Array.from({ length: n }, (_, index) => index),
    (index) => Effect.exit(effect(index)),
    { concurrency: "unbounded" }
  )
