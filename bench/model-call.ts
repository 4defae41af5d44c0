/**
 * The cost of one model call: CPU of the bare `openai` SDK with Node's fetch, of the same SDK with
 * our fetch over undici, and of our `generate`; whole, streamed in 20 chunks, and with the messages
 * and tools of a loop that has called five tools. 50 at once. Every arm is a separate process;
 * rounds alternate between them.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import * as FakeProvider from "@crewline/fake-provider/Process"
import type { Report } from "./run.ts"
import { median } from "./Quantile.ts"

const arms = ["sdk", "sdk-undici", "generate"] as const
const cases = ["whole", "streamed", "loop-messages"] as const
const concurrency = 50
const calls = 1_500
const rounds = 7

export const run = async (report: Report): Promise<void> => {
  const provider = await FakeProvider.start("--chunks", "20", "--chunk-delay", "0")
  try {
    for (const each of cases) {
      const started: Array<ChildProcess> = []
      for (const arm of arms) started.push(await start(arm, each, provider.baseURL))
      const figures = arms.map((): Array<number> => [])
      for (let round = -2; round < rounds; round++) {
        for (const [index, child] of started.entries()) {
          child.send("round")
          const [micros] = (await once(child, "message")) as [number]
          if (round >= 0) figures[index]?.push(micros)
        }
      }
      for (const child of started) child.kill()
      const [sdk = 0, undici = 0, ours = 0] = figures.map((each) => Math.round(median(each)))
      report({ bench: "model-call", case: each, "sdk µs": sdk, "sdk-undici µs": undici, "generate µs": ours, rounds })
    }
  } finally {
    provider.stop()
  }
}

const start = async (arm: string, each: string, baseURL: string): Promise<ChildProcess> => {
  const child = fork(import.meta.filename, [arm, each, baseURL], { execArgv: ["--expose-gc"] })
  await once(child, "message")
  return child
}

// --- the process of an arm --------------------------------------------------------------------------------------------------------

const tools = ["search", "lookup", "calculate"].map((name) => ({
  name,
  description: `Use ${name} to find out what is not known yet.`,
  parameters: {
    type: "object",
    properties: { city: { type: "string" }, day: { type: "integer" } },
    required: ["city", "day"],
    additionalProperties: false
  }
}))

const system = "You are a careful researcher. Answer briefly."
const question = "Say something useful about topic 17."
const results = Array.from({ length: 5 }, (_, day) => ({
  id: `call_${day}`,
  name: "lookup",
  params: { city: "Oslo", day },
  result: { day, sunny: true, notes: "Light wind from the north, clear until the evening. ".repeat(4) }
}))

/** One call of the bare SDK. */
const sdkCall = async (each: string, baseURL: string, undici: boolean): Promise<() => Promise<unknown>> => {
  const { default: OpenAI } = await import("openai")
  const UndiciFetch = await import("@crewline/llm/UndiciFetch")
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0, ...(undici && { fetch: UndiciFetch.make() }) })
  const completions = client.chat.completions
  const opening = [
    { role: "system" as const, content: system },
    { role: "user" as const, content: question }
  ]
  if (each === "streamed") {
    return async () => {
      let text = ""
      const options = { include_usage: true }
      const stream = await completions.create({ model: "m", messages: opening, stream: true, stream_options: options })
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ""
      return text
    }
  }
  if (each === "whole") return () => completions.create({ model: "m", messages: opening })
  const offered = tools.map((tool) => ({ type: "function" as const, function: tool }))
  const conversation = results.flatMap(({ id, name, params, result }) => [
    {
      role: "assistant" as const,
      content: null,
      tool_calls: [{ id, type: "function" as const, function: { name, arguments: JSON.stringify(params) } }]
    },
    { role: "tool" as const, tool_call_id: id, content: JSON.stringify(result) }
  ])
  return () => completions.create({ model: "m", messages: [...opening, ...conversation], tools: offered })
}

/** One call of ours. */
const generateCall = async (each: string, baseURL: string): Promise<() => Promise<unknown>> => {
  const [OpenAi, Effect, Redacted] = await Promise.all([
    import("@crewline/llm/OpenAi"),
    import("effect/Effect"),
    import("effect/Redacted")
  ])
  const model = OpenAi.make({ apiKey: Redacted.make("none"), baseURL }).model("m")
  const opening = [
    { role: "system" as const, content: system },
    { role: "user" as const, content: [{ type: "text" as const, text: question }] }
  ]
  const conversation = results.flatMap(({ id, name, params, result }) => [
    { role: "assistant" as const, content: [{ type: "tool-call" as const, id, name, params }] },
    { role: "tool" as const, content: [{ type: "tool-result" as const, id, name, isFailure: false, result }] }
  ])
  const loop = each === "loop-messages"
  let seen = 0
  const call = model.generate({
    messages: loop ? [...opening, ...conversation] : opening,
    tools: loop ? tools : [],
    toolChoice: "auto",
    ...(each === "streamed" && { onDelta: (delta: string) => (seen += delta.length) })
  })
  return () => Effect.runPromise(call)
}

const round = async (call: () => Promise<unknown>): Promise<number> => {
  globalThis.gc?.()
  let left = calls
  const before = process.cpuUsage()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await call()
    })
  )
  const { system: inSystem, user } = process.cpuUsage(before)
  return (inSystem + user) / calls
}

const [arm = "", each = "", baseURL = ""] = process.argv.slice(2)
if (process.send !== undefined && baseURL !== "") {
  const call = await (arm === "generate" ? generateCall(each, baseURL) : sdkCall(each, baseURL, arm === "sdk-undici"))
  process.on("message", () => void round(call).then((micros) => process.send?.(micros)))
  process.send("ready")
}
