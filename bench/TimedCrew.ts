/**
 * A crew whose tasks take a given time, and its model, which answers after that time, without a
 * network.
 */
import * as EventLog from "@crewline/core/EventLog"
import * as Llm from "@crewline/core/Llm"
import type * as Plan from "@crewline/core/Plan"
import type * as TaskQueue from "@crewline/core/TaskQueue"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Usage from "@crewline/core/Usage"
import * as Workspace from "@crewline/core/Workspace"
import * as Database from "@crewline/memory-pg/Database"
import * as PgEventLog from "@crewline/memory-pg/PgEventLog"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as RedisTaskQueue from "@crewline/queue-redis/RedisTaskQueue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

interface Task {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
}

const eight = [0, 1, 2, 3, 4, 5, 6, 7]

/**
 * A report: one task plans it, eight look things up, eight write a part from two of these, four
 * review two parts, one edits it all.
 */
export const tasks: ReadonlyArray<Task> = [
  { id: "plan", dependencies: [] },
  ...eight.map((n) => ({ id: `research-${n}`, dependencies: ["plan"] })),
  ...eight.map((n) => ({ id: `write-${n}`, dependencies: [`research-${n}`, `research-${(n + 1) % 8}`] })),
  ...[0, 1, 2, 3].map((n) => ({ id: `review-${n}`, dependencies: [`write-${2 * n}`, `write-${2 * n + 1}`] })),
  { id: "edit", dependencies: ["review-0", "review-1", "review-2", "review-3"] }
]

/** Tasks on the longest way through the graph. */
export const criticalTasks = 5

/** As it is planned. */
export const taskOf = ({ dependencies, id }: Task): Plan.PlannedTask => ({
  id,
  description: `Do ${id}.`,
  expectedOutput: "A word.",
  agent: "agent",
  context: dependencies,
  dependencies,
  tools: [],
  guardrails: [],
  maxRepairs: 0,
  maxTurns: 1,
  retry: { attempts: 1, initialMillis: 0, factor: 1, maxMillis: 0 },
  onFailure: "fail"
})

/** Each task takes `millis`. */
export const plan = (millis: number, process: "parallel" | "sequential"): Plan.Plan => ({
  version: 1,
  name: "report",
  process,
  inputs: {},
  agents: { agent: { role: "Agent", goal: "Wait", backstory: "", model: `timer/${millis}` } },
  tasks: tasks.map((task, n) => ({
    ...taskOf(task),
    dependencies:
      process === "parallel" || n === 0 ? task.dependencies : [...new Set([...task.dependencies, tasks[n - 1]!.id])]
  }))
})

const answer: Llm.Answer = {
  parts: [{ type: "text", text: "Done." }],
  finishReason: "stop",
  usage: { ...Usage.zero, requests: 1 },
  model: "timer"
}

const timer = Layer.succeed(Llm.Llm, {
  resolve: (reference) =>
    Effect.succeed({
      reference: String(reference),
      generate: () => Effect.delay(Effect.succeed(answer), Number(String(reference).slice("timer/".length)))
    })
})

const toolbox = Layer.succeed(Toolbox.Toolbox, {
  list: Effect.succeed([]),
  get: (tool) => Effect.fail(new Toolbox.UnknownTool({ tool, known: [] }))
})

export const services: Layer.Layer<Llm.Llm | Toolbox.Toolbox | Workspace.Workspace> = Layer.mergeAll(
  timer,
  toolbox,
  Workspace.layerNone
)

/** Log and queue that several processes share. */
export const shared = (
  port: number,
  databaseUrl: string
): Layer.Layer<EventLog.EventLog | TaskQueue.TaskQueue, Database.Failure | RedisConnection.RedisConnectionError> =>
  Layer.mergeAll(
    PgEventLog.layer.pipe(Layer.provide(Database.layer({ kind: "server", url: Redacted.make(databaseUrl) }))),
    RedisTaskQueue.layer().pipe(
      Layer.provide(RedisConnection.layer({ url: Redacted.make(`redis://127.0.0.1:${port}`) }))
    )
  )
