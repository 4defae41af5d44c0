/** The embedder of a client's memory: the given one, or the one that a name refers to. */
import type * as Embedder from "@crewline/core/Embedder"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type { Account, Options } from "../Client.ts"

/** What an account says, the environment does not: its key is for another address. */
const settingsOf = (account: Account | undefined, key: string, address: string) =>
  account === undefined ? {} : { [key]: account.apiKey ?? "", [address]: account.baseURL ?? "" }

const defaultOllama = "http://127.0.0.1:11434"

/** The accounts of the option `models`, where it has some. */
const accountsOf = ({ models }: Options) => {
  if (typeof models !== "object" || "llm" in models) return {}
  const { ollama, openai } = models
  return {
    ...settingsOf(openai, "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ...settingsOf(ollama && { baseURL: defaultOllama, ...ollama }, "OLLAMA_API_KEY", "OLLAMA_HOST")
  }
}

const configured = Config.withDefault(Config.String("CREWLINE_EMBEDDER"), "")

/** `undefined`: memory recalls by words. */
export const find = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Embedder.Embedder["Service"] | undefined, unknown> {
  const { embedder = (yield* configured).trim() } = options
  if (typeof embedder === "object") return embedder
  if (embedder === "") return undefined
  const Embedders = yield* Effect.promise(() => import("@crewline/llm/Embedders"))
  return yield* Effect.provide(
    Embedders.named(embedder),
    ConfigProvider.layerAdd(ConfigProvider.fromEnv({ env: accountsOf(options) }), { asPrimary: true })
  )
})
