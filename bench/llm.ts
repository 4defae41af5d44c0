/**
 * The CPU cost of a model call with every wrapper around it, for each SDK: the bare SDK with Node's
 * fetch, our model alone, our model with each wrapper separately, and with all of them as
 * `Resilience` composes them; whole, and streamed in 20 chunks, with the time to the first chunk.
 * 50 calls at once. The target is 1.25 times the bare SDK, and a first chunk within 5 ms of it.
 *
 * Every arm is a separate process. The arms of one SDK run concurrently and alternate in short
 * slices, in another order each round, and an arm is compared with the bare SDK of the same round,
 * at most two seconds apart: temporary load on the machine affects both. Before each slice an arm
 * makes some uncounted calls, so that reconnecting idle connections is not measured, and collects
 * its young garbage. (Not all of it: a full collection while no call is in flight makes V8 discard
 * compiled code, 1,381 functions in 40 slices, and the slice measures the compiler.) Code is
 * compiled in thousands of calls before the first round. The result is the median over the rounds,
 * with the interquartile range.
 *
 * `--rounds 30` measures longer; `--openai 0`, `--streamed 0` and so on omit cases.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Llm } from "@crewline/core"
import * as BareSdk from "./BareSdk.ts"
import * as FakeProvider from "@crewline/fake-provider/Process"
import type { Options, Report } from "./run.ts"
import { median, quantile } from "./Quantile.ts"

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

/** How many rounds are counted; the rest is measured (1) or left out (0). */
export const options = { rounds: 20, openai: 1, anthropic: 1, ollama: 1, whole: 1, streamed: 1 }

const concurrency = 50
/** Calls in a slice: enough that collecting their garbage is part of their cost. */
const calls = 200
/** Calls of an arm that are not counted, before the first round. */
const warmUps = 6_000
/** Calls one after another whose first chunks are timed, a round. */
const firstCalls = 20

interface Figures {
  /** CPU of a call, in microseconds. */
  readonly micros: number
  /** From the call to its first chunk, in milliseconds. */
  readonly first: number
}

interface Started {
  readonly arm: Arm
  readonly child: ChildProcess
  readonly rounds: Array<Figures>
}

export const run = async (report: Report, chosen: Options): Promise<void> => {
  const provider = await FakeProvider.start("--chunks", "20", "--chunk-delay", "0")
  const { origin } = new URL(provider.baseURL)
  try {
    for (const each of cases.filter((name) => chosen[name] !== 0)) {
      for (const sdk of BareSdk.sdks.filter((name) => chosen[name] !== 0)) {
        await compare(report, { sdk, each, origin, rounds: chosen["rounds"]! })
      }
    }
  } finally {
    provider.stop()
  }
}

interface Compared {
  readonly sdk: BareSdk.Sdk
  readonly each: (typeof cases)[number]
  readonly origin: string
  readonly rounds: number
}

const compare = async (report: Report, { each, origin, rounds, sdk }: Compared): Promise<void> => {
  // For streamed calls, only the wrappers that see chunks are measured separately.
  const chosen: ReadonlyArray<Arm> =
    each === "whole" ? arms : ["bare SDK", "model alone", "telemetry", "timeout", "all"]
  const started = await Promise.all(
    chosen.map(async (arm): Promise<Started> => ({ arm, child: await start(sdk, arm, each, origin), rounds: [] }))
  )
  for (const { child } of started) {
    child.send("warm up")
    await once(child, "message")
  }
  for (let round = 0; round < rounds; round++) {
    for (const one of rotated(started, round)) {
      one.child.send("slice")
      const [figures] = (await once(one.child, "message")) as [Figures]
      one.rounds.push(figures)
    }
  }
  for (const { child } of started) child.kill()
  const of = (arm: Arm): ReadonlyArray<Figures> => started.find((one) => one.arm === arm)?.rounds ?? []
  const bare = of("bare SDK")
  const alone = of("model alone")
  for (const arm of chosen) {
    const own = of(arm)
    const ratios = own.map(({ micros }, round) => micros / bare[round]!.micros)
    const added = own.map(({ micros }, round) => micros - alone[round]!.micros)
    const later = own.map(({ first }, round) => first - bare[round]!.first)
    report({
      bench: "llm",
      case: `${each}: ${sdk}, ${arm}`,
      "CPU µs": Math.round(median(own.map(({ micros }) => micros))),
      "against bare SDK": hundredths(median(ratios)),
      "middle half": `${hundredths(quantile(ratios, 0.25))} to ${hundredths(quantile(ratios, 0.75))}`,
      "adds µs": arm === "bare SDK" ? 0 : Math.round(median(added)),
      ...(each === "streamed" && {
        "first chunk ms": hundredths(median(own.map(({ first }) => first))),
        "later than bare ms": hundredths(median(later))
      })
    })
  }
}

const hundredths = (value: number): number => Math.round(value * 100) / 100

/** No arm always runs after the garbage of the same neighbour. */
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
      // A different question each time, because a cache hit would measure nothing.
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

const slice = async (call: () => Promise<unknown>, streamed: boolean): Promise<Figures> => {
  await together(concurrency, call)
  globalThis.gc?.({ type: "minor" })
  const before = process.cpuUsage()
  await together(calls, call)
  const { system, user } = process.cpuUsage(before)
  firsts = []
  if (streamed) for (let each = 0; each < firstCalls; each++) await call()
  return { micros: (system + user) / calls, first: median(firsts) }
}

const together = async (count: number, call: () => Promise<unknown>): Promise<string> => {
  let left = count
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await call()
    })
  )
  return "done"
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
  process.on("message", (message) => {
    const work = message === "slice" ? slice(call, streamed) : together(warmUps, call)
    void work.then((figures) => process.send?.(figures))
  })
  process.send("ready")
}
