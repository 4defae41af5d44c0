/** The models that the command runs crews with: those that the environment configures. */
import type * as Crew from "@crewline/core/Crew"
import * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Output from "./Output.ts"

/** SDKs of providers are loaded only by commands that call models. */
export const layer = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("@crewline/llm/Providers")),
    (Providers) => Providers.layerConfig
  )
)

const words = [
  "DEMONSTRATION: the built-in model scripted/demo answers. It calls the tools",
  "and quotes what they give, but it does not think. With OPENAI_API_KEY set, a",
  "real model answers."
] as const

/** Says who answers when that is not a real model, so loudly that nobody takes its answers for some. */
export const announce = Effect.fn("Models.announce")(function* (crew: Crew.Crew) {
  const llm = yield* Llm.Llm
  const { paint, say, terminal } = yield* Output.Output
  const { agents, model } = crew.definition
  // A reference that cannot be resolved is told by the task that needs it.
  const standard = yield* Effect.option(llm.resolve(undefined))
  const fallback = model ?? (Option.isSome(standard) ? standard.value.reference : [])
  const references = new Set(Object.values(agents).flatMap((agent) => agent.model ?? fallback))
  if (![...references].some((reference) => reference.startsWith("scripted/"))) return
  const line = "─".repeat(Math.min(words[0].length, (terminal?.columns() ?? 80) - 1))
  for (const text of [line, ...words, line]) yield* say(paint([{ text, style: "busy" }]))
})
