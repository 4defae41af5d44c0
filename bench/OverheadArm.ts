/**
 * One arm of a comparison: a process that makes the same model calls, 50 at once, with the bare
 * `openai` SDK, or as executions of Crewline with the log in memory, in PostgreSQL, or embedded.
 */
import type * as FakeProvider from "@crewline/fake-provider/Process"
import { fork } from "node:child_process"
import { once } from "node:events"
import { median } from "./Quantile.ts"

/** Where the log lives: `crewline` is in memory. */
export type Kind = "crewline" | "postgres" | "pglite"

export interface Case {
  readonly name: string
  /** Executions a round. */
  readonly count: number
  readonly task: string
  readonly streaming: boolean
  readonly tools: boolean
}

export interface Arm {
  /** CPU per execution in microseconds, of one round. */
  readonly cpu: () => Promise<number>
  /** Bytes of an execution that waits for its model, with a thousand of them. */
  readonly memory: () => Promise<number>
  readonly stop: () => void
}

/** Starts the process; `database` is the address that `postgres` needs. */
export const start = async (
  kind: Kind | "sdk",
  each: Case,
  provider: FakeProvider.Process,
  database = ""
): Promise<Arm> => {
  const child = fork(import.meta.filename, [kind, JSON.stringify(each), provider.baseURL, database], {
    execArgv: ["--expose-gc"]
  })
  await once(child, "message")
  const ask = async (what: "cpu" | "memory") => {
    child.send(what)
    const [figure] = (await once(child, "message")) as [number]
    return figure
  }
  return { cpu: () => ask("cpu"), memory: () => ask("memory"), stop: () => child.kill() }
}

/** The cost of an arm relative to the bare SDK, in microseconds and as a ratio. */
export interface Comparison {
  readonly "crewline µs": number
  readonly "sdk µs": number
  readonly ratio: number
  readonly "ratio min": number
  readonly "ratio max": number
  readonly rounds: number
}

/** Alternating rounds, each starting with a different arm; the first two are warm-up. */
export const compare = async (crewline: Arm, sdk: Arm, rounds: number): Promise<Comparison> => {
  const ours: Array<number> = []
  const bare: Array<number> = []
  for (let round = -2; round < rounds; round++) {
    const isFirst = round % 2 === 0
    const before = isFirst ? await crewline.cpu() : undefined
    const other = await sdk.cpu()
    const own = before ?? (await crewline.cpu())
    if (round < 0) continue
    ours.push(own)
    bare.push(other)
  }
  const ratios = ours.map((micros, round) => micros / bare[round]!)
  return {
    "crewline µs": Math.round(median(ours)),
    "sdk µs": Math.round(median(bare)),
    ratio: Number(median(ratios).toFixed(3)),
    "ratio min": Number(Math.min(...ratios).toFixed(3)),
    "ratio max": Number(Math.max(...ratios).toFixed(3)),
    rounds
  }
}

// --- the process of an arm --------------------------------------------------------------------------------------------------------

const concurrency = 50

const tool = {
  name: "lookup",
  description: "The weather of a city on a day.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, day: { type: "integer" } },
    required: ["city", "day"],
    additionalProperties: false
  }
} as const
const lookUp = (args: { readonly day?: unknown }) => ({ day: args.day as number, sunny: true })

/** One call of the bare SDK, or one loop of them, written by hand. */
const sdkArm = async (each: Case, baseURL: string): Promise<() => Promise<unknown>> => {
  const { default: OpenAI } = await import("openai")
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 })
  const opening = [
    { role: "system" as const, content: "You are Researcher.\nYour goal: Answer briefly" },
    { role: "user" as const, content: `${each.task}\n\nExpected output: A sentence.` }
  ]
  if (each.streaming) {
    return async () => {
      const stream = await client.chat.completions.create({
        model: "m",
        messages: opening,
        stream: true,
        stream_options: { include_usage: true }
      })
      let text = ""
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ""
      return text
    }
  }
  if (!each.tools) return () => client.chat.completions.create({ model: "m", messages: opening })
  const tools = [{ type: "function" as const, function: tool }]
  return async () => {
    const messages: Array<import("openai").OpenAI.ChatCompletionMessageParam> = [...opening]
    for (;;) {
      const { choices } = await client.chat.completions.create({ model: "m", messages, tools })
      const { message } = choices[0]!
      if (message.tool_calls === undefined || message.tool_calls.length === 0) return message.content
      messages.push(message)
      for (const call of message.tool_calls) {
        if (call.type !== "function") continue
        const result = lookUp(JSON.parse(call.function.arguments) as { day: number })
        messages.push({ role: "tool", tool_call_id: call.id, content: JSON.stringify(result) })
      }
    }
  }
}

/** The log of each kind; `database` is the address of a database on a server. */
const logOf = async (kind: Kind, database: string) => {
  if (kind === "crewline") return (await import("@crewline/core/LocalEventLog")).layerLocal
  const [Database, PgEventLog, Layer, Redacted] = await Promise.all([
    import("@crewline/memory-pg/Database"),
    import("@crewline/memory-pg/PgEventLog"),
    import("effect/Layer"),
    import("effect/Redacted")
  ])
  const options =
    kind === "pglite" ? { kind: "memory" as const } : { kind: "server" as const, url: Redacted.make(database) }
  return Layer.provide(PgEventLog.layer, Database.layer(options))
}

/** One execution of a crew with one task, from `start` to its result. */
const crewlineArm = async (
  kind: Kind,
  each: Case,
  baseURL: string,
  database: string
): Promise<() => Promise<unknown>> => {
  const [
    Crew,
    Crewline,
    Tool,
    Toolbox,
    OpenAi,
    Llm,
    Effect,
    Layer,
    ManagedRuntime,
    Redacted,
    LocalTaskQueue,
    Workspace
  ] = await Promise.all([
    import("@crewline/core/Crew"),
    import("@crewline/core/Crewline"),
    import("@crewline/core/Tool"),
    import("@crewline/core/Toolbox"),
    import("@crewline/llm/OpenAi"),
    import("@crewline/core/Llm"),
    import("effect/Effect"),
    import("effect/Layer"),
    import("effect/ManagedRuntime"),
    import("effect/Redacted"),
    import("@crewline/core/LocalTaskQueue"),
    import("@crewline/core/Workspace")
  ])
  const lookup = Tool.make({ ...tool, execute: (args) => lookUp(args as { day: number }) })
  const model = OpenAi.make({ apiKey: Redacted.make("none"), baseURL }).model("m")
  const llm = Layer.succeed(Llm.Llm, { resolve: () => Effect.succeed(model) })
  const runtime = ManagedRuntime.make(
    Crewline.layer({
      keepResults: kind === "crewline",
      worker: { streaming: each.streaming, concurrency: 5_000 }
    }).pipe(
      Layer.provide([
        await logOf(kind, database),
        LocalTaskQueue.layerLocal,
        llm,
        Toolbox.layer(each.tools ? [lookup] : []),
        Workspace.layerNone
      ])
    )
  )
  const crewline = await runtime.runPromise(Effect.service(Crewline.Crewline))
  const crew = Crew.make({
    name: "bench",
    agents: { researcher: { role: "Researcher", goal: "Answer briefly" } },
    tasks: {
      answer: {
        description: each.task,
        expectedOutput: "A sentence.",
        agent: "researcher",
        tools: each.tools ? ["lookup"] : []
      }
    }
  })
  const execution = Effect.flatMap(crewline.start(crew), (handle) => handle.result)
  return () => runtime.runPromise(execution)
}

/** Bytes of the JavaScript heap and of buffers outside of it. */
const inUse = (): number => {
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const batch = async (count: number, atOnce: number, call: () => Promise<unknown>): Promise<void> => {
  let left = count
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await call()
    })
  )
}

if (process.send !== undefined && import.meta.filename === process.argv[1]) {
  const [, , kind, json, baseURL, database] = process.argv as [string, string, Kind | "sdk", string, string, string]
  const each = JSON.parse(json) as Case
  const call = await (kind === "sdk" ? sdkArm(each, baseURL) : crewlineArm(kind, each, baseURL, database))
  const gc = (globalThis as { gc?: () => void }).gc!
  const cpu = async (): Promise<number> => {
    gc()
    const before = process.cpuUsage()
    await batch(each.count, concurrency, call)
    const { system, user } = process.cpuUsage(before)
    return (system + user) / each.count
  }
  /** Of an execution in flight. */
  const memory = async (): Promise<number> => {
    gc()
    const before = inUse()
    for (let i = 0; i < 1_000; i++) void call()
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    gc()
    return (inUse() - before) / 1_000
  }
  process.on("message", (what) => void (what === "memory" ? memory() : cpu()).then((figure) => process.send!(figure)))
  process.send("ready")
}
