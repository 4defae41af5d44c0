/** The models that the command runs crews with: those that the environment configures. */
import type * as Crew from "@crewline/core/Crew"
import * as Llm from "@crewline/core/Llm"
import * as Plan from "@crewline/core/Plan"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Output from "./Output.ts"

/**
 * With `REDIS_URL`, all processes on that Redis share budgets, rate limits and circuit breakers.
 * Only what is needed is loaded: provider SDKs for commands that call models, and Redis if it is
 * configured.
 */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const Providers = yield* Effect.promise(() => import("@crewline/llm/Providers"))
    const url = yield* Config.withDefault(Config.String("REDIS_URL"), "")
    if (url.trim() === "") return Providers.layerConfig
    const RedisConnection = yield* Effect.promise(() => import("@crewline/queue-redis/RedisConnection"))
    return Layer.provide(Providers.layerConfig, RedisConnection.layerConfig)
  })
)

const words = [
  "DEMONSTRATION: the built-in model scripted/demo answers. It calls the tools",
  "and quotes their results, but it does not reason. Set OPENAI_API_KEY (or",
  "ANTHROPIC_API_KEY, or OLLAMA_HOST) to use a real model."
] as const

/**
 * Announces the demonstration model prominently, so that its answers are not mistaken for real
 * ones.
 */
export const announce = Effect.fn("Models.announce")(function* (crew: Crew.Crew<unknown>) {
  const llm = yield* Llm.Llm
  const { paint, say, terminal } = yield* Output.Output
  const { agents, model } = crew.definition
  // An unresolvable reference is reported by the task that needs it.
  const standard = yield* Effect.option(llm.resolve(undefined))
  const fallback = model ?? (Option.isSome(standard) ? standard.value.reference : [])
  // An agent of the crew that manages is among them.
  const manager = Plan.managerOf(crew.definition)?.agent
  const speakers = [...Object.values(agents), ...(manager === undefined ? [] : [manager])]
  const references = new Set(speakers.flatMap((agent) => agent.model ?? fallback))
  if (![...references].some((reference) => reference.startsWith("scripted/"))) return
  const line = "─".repeat(Math.min(words[0].length, (terminal?.columns() ?? 80) - 1))
  for (const text of [line, ...words, line]) yield* say(paint([{ text, style: "busy" }]))
})
