/**
 * The addresses that stored providers may have: those of the public internet, and those that the
 * operator named in `OLLAMA_HOST`, in a `*_BASE_URL` or in `CREWLINE_ALLOW_ADDRESSES`. Clients of
 * the API choose the addresses of stored providers, and must not reach through the server what they
 * cannot reach themselves.
 */
import * as AddressGuard from "@crewline/llm/AddressGuard"
import * as Ollama from "@crewline/llm/Ollama"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/**
 * The names of the variables that end in `_BASE_URL`. A provider of configuration holds them as a
 * tree, cut at underscores.
 */
const baseUrlNames = Effect.gen(function* () {
  const provider = yield* ConfigProvider.ConfigProvider
  const names: Array<string> = []
  const visit = (path: ReadonlyArray<string>): Effect.Effect<void, ConfigProvider.SourceError> =>
    Effect.gen(function* () {
      const node = yield* provider.load(path)
      if (node?._tag !== "Record") return
      for (const key of node.keys) {
        const next = [...path, key]
        const name = next.join("_")
        if (name.endsWith("_BASE_URL")) names.push(name)
        else yield* visit(next)
      }
    })
  yield* visit([])
  return names
})

/** The guard that the environment configures. */
export const guard: Effect.Effect<AddressGuard.AddressGuard, Config.ConfigError> = Effect.gen(function* () {
  const allow = yield* AddressGuard.allowConfig
  const names = yield* Effect.mapError(baseUrlNames, (error) => new Config.ConfigError(error))
  const urls = yield* Config.all(names.map((name) => Config.option(Config.String(name))))
  const ollama = yield* Config.option(Config.String("OLLAMA_HOST"))
  const allowOrigins = urls.flatMap((url) => Option.toArray(url)).map((url) => url.trim())
  if (Option.isSome(ollama) && ollama.value.trim() !== "") allowOrigins.push(Ollama.addressOf(ollama.value))
  return AddressGuard.make({ allow, allowOrigins })
})
