/**
 * What a model call costs with every wrapper around it, in CPU, for each SDK: the bare SDK with Node's fetch, our model alone, our model
 * with each wrapper by itself, and with all of them together as `Resilience` composes them; whole, and streamed in 20 chunks, with the
 * time to the first chunk. 50 calls at once. The target is 1.25 times the bare SDK, and a first chunk within 5 ms of it.
 *
 * Every arm is a process of its own. All arms of a case are alive together and take turns, in another order each round, and an arm is
 * compared with the bare SDK of the same round: a machine that is busy for a while is busy for both. What is told is the median.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Llm } from "@crewline/core"
import * as BareSdk from "./BareSdk.ts"
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
const calls = 500
const rounds = 5
/** Calls one after another whose first chunks are timed, a round. */
const firstCalls = 50

interface Figures {
  /** CPU of a call, in microseconds. */
  readonly micros: number
  /** From the call to its first chunk, in milliseconds. */
  readonly first: number
}

interface Started {
  readonly sdk: BareSdk.Sdk
  readonly arm: Arm
  readonly child: ChildProcess
  readonly rounds: Array<Figures>
}

export const run = async (report: Report): Promise<void> => {
  const provider = await FakeProvider.start("--chunks", "20", "--chunk-delay", "0")
  const { origin } = new URL(provider.baseURL)
  try {
    for (const each of cases) {
      // Streamed, the wrappers that see chunks are told apart, and no others.
      const chosen: ReadonlyArray<Arm> =
        each === "whole" ? arms : ["bare SDK", "model alone", "telemetry", "timeout", "all"]
      const pairs = BareSdk.sdks.flatMap((sdk) => chosen.map((arm) => ({ sdk, arm })))
      const started = await Promise.all(
        pairs.map(async ({ arm, sdk }): Promise<Started> => {
          return { sdk, arm, child: await start(sdk, arm, each, origin), rounds: [] }
        })
      )
      for (let round = -1; round < rounds; round++) {
        for (const one of rotated(started, round)) {
          one.child.send("round")
          const [figures] = (await once(one.child, "message")) as [Figures]
          // The first round warms up.
          if (round >= 0) one.rounds.push(figures)
        }
      }
      for (const { child } of started) child.kill()
      for (const sdk of BareSdk.sdks) {
        const of = (arm: Arm): ReadonlyArray<Figures> =>
          started.find((one) => one.sdk === sdk && one.arm === arm)?.rounds ?? []
        const bare = of("bare SDK")
        const alone = of("model alone")
        const against = (arm: Arm, others: ReadonlyArray<Figures>, compare: (a: Figures, b: Figures) => number) =>
          median(of(arm).map((figures, round) => compare(figures, others[round]!)))
        for (const arm of chosen) {
          report({
            bench: "llm",
            case: `${each}: ${sdk}, ${arm}`,
            "CPU µs": Math.round(median(of(arm).map(({ micros }) => micros))),
            "against bare SDK": hundredths(against(arm, bare, (a, b) => a.micros / b.micros)),
            "adds µs": arm === "bare SDK" ? 0 : Math.round(against(arm, alone, (a, b) => a.micros - b.micros)),
            ...(each === "streamed" && {
              "first chunk ms": hundredths(median(of(arm).map(({ first }) => first))),
              "later than bare ms": hundredths(against(arm, bare, (a, b) => a.first - b.first))
            })
          })
        }
      }
    }
  } finally {
    provider.stop()
  }
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const hundredths = (value: number): number => Math.round(value * 100) / 100

/** Nobody always comes after the same neighbour's garbage. */
const rotated = <A>(values: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const from = Math.abs(round * 5) % values.length
  const turned = [...values.slice(from), ...values.slice(0, from)]
  return round % 2 === 0 ? turned : turned.toReversed()
}

const start = async (sdk: BareSdk.Sdk, arm: Arm, each: string, origin: string): Promise<ChildProcess> => {
  const child = fork(import.meta.filename, [sdk, arm, each, origin], { execArgv: ["--expose-gc"] })
  await once(child, "message")
  return child
}

// --- the process of an arm --------------------------------------------------------------------------------------------------------

const question = "Say something useful about topic 17."
/** How long calls waited for their first piece, one at a time, in milliseconds. */
let firsts: Array<number> = []

const providerOf = async (sdk: BareSdk.Sdk, origin: string) => {
  const Redacted = await import("effect/Redacted")
  const apiKey = Redacted.make("none")
  switch (sdk) {
    case "openai":
      return (await import("@crewline/llm/OpenAi")).make({ apiKey, baseURL: `${origin}/v1` })
    case "anthropic":
      return (await import("@crewline/llm/Anthropic")).make({ apiKey, baseURL: origin })
    case "ollama":
      return (await import("@crewline/llm/Ollama")).make({ host: origin })
  }
}

const ours = async (sdk: BareSdk.Sdk, arm: Arm, streamed: boolean, origin: string): Promise<() => Promise<unknown>> => {
  const [provider, Resilience, Effect] = await Promise.all([
    providerOf(sdk, origin),
    import("@crewline/llm/Resilience"),
    import("effect/Effect")
  ])
  const only = <A extends object>(name: Arm, options: A): A | false => (arm === name || arm === "all" ? options : false)
  const quota = {
    ...(only("rate limit", {}) && { requestsPerMinute: 60_000_000, tokensPerMinute: 1_000_000_000_000 }),
    ...(only("concurrency limit", {}) && { concurrency })
  }
  const wrap = await Effect.runPromise(
    Resilience.make({
      responseCache: only("response cache", {}),
      contextWindow: only("context window", { windows: { [`${sdk}/m`]: 100_000 } }),
      retry: only("retry", {}),
      circuitBreaker: only("circuit breaker", {}),
      budget: only("budget", {}),
      telemetry: only("telemetry", {}),
      timeout: only("timeout", {}),
      quotas: { [sdk]: quota }
    })
  )
  const model = wrap(provider.model("m"))
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

const round = async (call: () => Promise<unknown>, streamed: boolean): Promise<Figures> => {
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
  if (streamed) for (let each = 0; each < firstCalls; each++) await call()
  return { micros: (system + user) / calls, first: median(firsts) }
}

const [sdkName, armName, each = "", origin = ""] = process.argv.slice(2)
const sdk = BareSdk.sdks.find((name) => name === sdkName)
const arm = arms.find((name) => name === armName)
if (process.send !== undefined && sdk !== undefined && arm !== undefined && origin !== "") {
  const streamed = each === "streamed"
  const onFirst = (milliseconds: number): void => void firsts.push(milliseconds)
  const call = await (arm === "bare SDK"
    ? BareSdk.make(sdk, { origin, question, streamed, onFirst })
    : ours(sdk, arm, streamed, origin))
  process.on("message", () => void round(call, streamed).then((figures) => process.send?.(figures)))
  process.send("ready")
}
