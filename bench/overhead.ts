/**
 * What orchestration costs: CPU per one-task execution, 50 at once, with the event log in process, against the bare `openai` SDK with
 * its default fetch making the same calls in the same run. Every arm is a process of its own; rounds alternate between them, so that
 * a noisy machine is noisy for both. Also the memory of an execution in flight.
 */
import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import * as FakeProvider from "@crewline/fake-provider/Process"
import type { Report } from "./run.ts"

const concurrency = 50
const rounds = 9

interface Case {
  readonly name: string
  /** Executions a round. */
  readonly count: number
  readonly task: string
  readonly streaming: boolean
  readonly tools: boolean
}

const toolLoop = Array.from({ length: 5 }, (_, n) => `[[tool:lookup {"city":"Oslo","day":${n}}]]`).join(" ")

const cases: ReadonlyArray<Case> = [
  { name: "one-task", count: 1_500, task: "Say something useful about topic 17.", streaming: false, tools: false },
  { name: "streaming", count: 1_000, task: "Say something useful about topic 17.", streaming: true, tools: false },
  { name: "tool-loop-5", count: 300, task: `What is the weather like? ${toolLoop}`, streaming: false, tools: true }
]

export const run = async (report: Report): Promise<void> => {
  const provider = await FakeProvider.start("--chunk-delay", "0")
  try {
    for (const each of cases) {
      const ours: Array<number> = []
      const bare: Array<number> = []
      const ratios: Array<number> = []
      const arms = {
        crewline: await Arm.start("crewline", each, provider),
        sdk: await Arm.start("sdk", each, provider)
      }
      for (let round = -2; round < rounds; round++) {
        const first = round % 2 === 0 ? arms.crewline : arms.sdk
        const second = first === arms.sdk ? arms.crewline : arms.sdk
        const a = await first.round()
        const b = await second.round()
        if (round < 0) continue // warming up
        const [crewline, sdk] = first === arms.crewline ? [a, b] : [b, a]
        ours.push(crewline)
        bare.push(sdk)
        ratios.push(crewline / sdk)
      }
      arms.crewline.stop()
      arms.sdk.stop()
      report({
        bench: "overhead",
        case: each.name,
        "crewline µs": Math.round(median(ours)),
        "sdk µs": Math.round(median(bare)),
        ratio: Number(median(ratios).toFixed(3)),
        "ratio min": Number(Math.min(...ratios).toFixed(3)),
        "ratio max": Number(Math.max(...ratios).toFixed(3)),
        rounds
      })
    }
    const memory = await Arm.start("memory", cases[0]!, await FakeProvider.start("--latency", "60000"))
    const bytes = await memory.round()
    memory.stop()
    memory.provider.stop()
    report({ bench: "overhead", case: "memory-1000-in-flight", "KB per execution": Number((bytes / 1024).toFixed(1)) })
  } finally {
    provider.stop()
  }
}

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A process that runs one round when it is told to, and answers with one figure. */
class Arm {
  private readonly child: ChildProcess
  readonly provider: FakeProvider.Process
  private constructor(child: ChildProcess, provider: FakeProvider.Process) {
    this.child = child
    this.provider = provider
  }
  static async start(name: string, each: Case, provider: FakeProvider.Process): Promise<Arm> {
    const child = fork(import.meta.filename, [name, JSON.stringify(each), provider.baseURL], {
      execArgv: ["--expose-gc"]
    })
    await once(child, "message")
    return new Arm(child, provider)
  }
  async round(): Promise<number> {
    this.child.send("round")
    const [figure] = (await once(this.child, "message")) as [number]
    return figure
  }
  stop(): void {
    this.child.kill()
  }
}

// --- the process of an arm --------------------------------------------------------------------------------------------------------

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

/** One execution of a crew with one task, from `start` to its result. */
const crewlineArm = async (each: Case, baseURL: string): Promise<() => Promise<unknown>> => {
  const [Crew, Crewline, Tool, Toolbox, OpenAi, Llm, Effect, Layer, ManagedRuntime, Redacted] = await Promise.all([
    import("@crewline/core/Crew"),
    import("@crewline/core/Crewline"),
    import("@crewline/core/Tool"),
    import("@crewline/core/Toolbox"),
    import("@crewline/llm/OpenAi"),
    import("@crewline/core/Llm"),
    import("effect/Effect"),
    import("effect/Layer"),
    import("effect/ManagedRuntime"),
    import("effect/Redacted")
  ])
  const lookup = Tool.make({ ...tool, execute: (args) => lookUp(args as { day: number }) })
  const model = OpenAi.make({ apiKey: Redacted.make("none"), baseURL }).model("m")
  const llm = Layer.succeed(Llm.Llm, { resolve: () => Effect.succeed(model) })
  const runtime = ManagedRuntime.make(
    Crewline.layerLocal({ worker: { streaming: each.streaming, concurrency: 5_000 } }).pipe(
      Layer.provide([llm, Toolbox.layer(each.tools ? [lookup] : [])])
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
  const [, , name, json, baseURL] = process.argv as [string, string, string, string, string]
  const each = JSON.parse(json) as Case
  const call = await (name === "sdk" ? sdkArm : crewlineArm)(each, baseURL)
  const gc = (globalThis as { gc?: () => void }).gc!
  const round = async (): Promise<number> => {
    gc()
    if (name === "memory") {
      const before = inUse()
      for (let i = 0; i < 1_000; i++) void call()
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      gc()
      return (inUse() - before) / 1_000
    }
    const before = process.cpuUsage()
    await batch(each.count, concurrency, call)
    const { system, user } = process.cpuUsage(before)
    return (system + user) / each.count
  }
  process.on("message", () => void round().then((figure) => process.send!(figure)))
  process.send("ready")
}
