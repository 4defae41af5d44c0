/**
 * What a model call costs with every wrapper around it, in CPU: the bare SDK with Node's fetch, our model alone, our model with each
 * wrapper by itself, and with all of them together as `Resilience` composes them; whole, and streamed in 20 chunks, with the time to
 * the first chunk. 50 calls at once. Every arm is a process of its own; rounds alternate between them. The target is 1.25 times the
 * bare SDK.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Llm } from "@crewline/core"
import * as FakeProvider from "./FakeProvider.ts"
import type { Report } from "./run.ts"

const wrappers = [
  "response cache",
  "context window",
  "retry",
  "circuit breaker",
  "budget",
  "rate limit",
  "concurrency limit",
  "telemetry",
  "timeout"
] as const
const arms = ["bare SDK", "model alone", ...wrappers, "all"] as const
type Arm = (typeof arms)[number]
const cases = ["whole", "streamed"] as const

const concurrency = 50
const calls = 600
const rounds = 3

export const run = async (report: Report): Promise<void> => {
  const provider = await FakeProvider.start("--chunks", "20", "--chunk-delay", "0")
  try {
    for (const each of cases) {
      // Streamed, the pairs that the target is about are enough.
      const chosen: ReadonlyArray<Arm> = each === "whole" ? arms : ["bare SDK", "model alone", "all"]
      const started: Array<ChildProcess> = []
      for (const arm of chosen) started.push(await start(arm, each, provider.baseURL))
      const figures = chosen.map(() => ({ micros: [] as Array<number>, first: [] as Array<number> }))
      for (let round = -1; round < rounds; round++) {
        for (const [index, child] of started.entries()) {
          child.send("round")
          const [[micros, first]] = (await once(child, "message")) as [[number, number]]
          if (round < 0) continue
          figures[index]!.micros.push(micros)
          figures[index]!.first.push(first)
        }
      }
      for (const child of started) child.kill()
      const cpu = figures.map(({ micros }) => median(micros))
      const [sdk = 0, alone = 0] = cpu
      for (const [index, arm] of chosen.entries()) {
        report({
          bench: "llm",
          case: `${each}: ${arm}`,
          "CPU µs": Math.round(cpu[index]!),
          "against bare SDK": Math.round((cpu[index]! / sdk) * 100) / 100,
          "adds µs": arm === "bare SDK" ? 0 : Math.round(cpu[index]! - alone),
          ...(each === "streamed" && { "first chunk ms": Math.round(median(figures[index]!.first) * 100) / 100 })
        })
      }
    }
  } finally {
    provider.stop()
  }
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const start = async (arm: Arm, each: string, baseURL: string): Promise<ChildProcess> => {
  const child = fork(import.meta.filename, [arm, each, baseURL], { execArgv: ["--expose-gc"] })
  await once(child, "message")
  return child
}

// --- the process of an arm --------------------------------------------------------------------------------------------------------

const question = "Say something useful about topic 17."
/** How long calls waited for their first piece, one at a time, in milliseconds. */
let firsts: Array<number> = []

const bareSdk = async (streamed: boolean, baseURL: string): Promise<() => Promise<unknown>> => {
  const { default: OpenAI } = await import("openai")
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 })
  const messages = [{ role: "user" as const, content: question }]
  if (!streamed) return () => client.chat.completions.create({ model: "m", messages })
  return async () => {
    const began = performance.now()
    const stream = await client.chat.completions.create({
      model: "m",
      messages,
      stream: true,
      stream_options: { include_usage: true }
    })
    let text = ""
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta.content ?? ""
      if (text === "" && delta !== "") firsts.push(performance.now() - began)
      text += delta
    }
    return text
  }
}

const ours = async (arm: Arm, streamed: boolean, baseURL: string): Promise<() => Promise<unknown>> => {
  const [OpenAi, Resilience, Effect, Redacted] = await Promise.all([
    import("@crewline/llm/OpenAi"),
    import("@crewline/llm/Resilience"),
    import("effect/Effect"),
    import("effect/Redacted")
  ])
  const only = <A extends object>(name: Arm, options: A): A | false => (arm === name || arm === "all" ? options : false)
  const quota = {
    ...(only("rate limit", {}) && { requestsPerMinute: 60_000_000, tokensPerMinute: 1_000_000_000_000 }),
    ...(only("concurrency limit", {}) && { concurrency })
  }
  const wrap = await Effect.runPromise(
    Resilience.make({
      responseCache: only("response cache", {}),
      contextWindow: only("context window", { windows: { "openai/m": 100_000 } }),
      retry: only("retry", {}),
      circuitBreaker: only("circuit breaker", {}),
      budget: only("budget", {}),
      telemetry: only("telemetry", {}),
      timeout: only("timeout", {}),
      quotas: { openai: quota }
    })
  )
  const model = wrap(OpenAi.make({ apiKey: Redacted.make("none"), baseURL }).model("m"))
  const limits = [{ scope: "execution" as const, key: "bench", tokens: 1_000_000_000_000 }]
  let number = 0
  return () => {
    const began = performance.now()
    let first = true
    const request: Llm.Request = {
      // Another question each time: a hit would measure nothing.
      messages: [{ role: "user", content: arm === "model alone" ? question : `${question} ${number++}` }],
      tools: [],
      toolChoice: "none",
      limits,
      cache: true,
      ...(streamed && {
        onDelta: () => {
          if (first) firsts.push(performance.now() - began)
          first = false
        }
      })
    }
    return Effect.runPromise(model.generate(request))
  }
}

const round = async (call: () => Promise<unknown>): Promise<readonly [micros: number, first: number]> => {
  globalThis.gc?.()
  let left = calls
  const before = process.cpuUsage()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await call()
    })
  )
  const { system, user } = process.cpuUsage(before)
  firsts = []
  for (let each = 0; each < 50; each++) await call()
  return [(system + user) / calls, median(firsts)]
}

const [arm = "", each = "", baseURL = ""] = process.argv.slice(2)
const chosen = arms.find((name) => name === arm)
if (process.send !== undefined && chosen !== undefined && baseURL !== "") {
  const streamed = each === "streamed"
  const call = await (chosen === "bare SDK" ? bareSdk(streamed, baseURL) : ours(chosen, streamed, baseURL))
  process.on("message", () => void round(call).then((figures) => process.send?.(figures)))
  process.send("ready")
}
