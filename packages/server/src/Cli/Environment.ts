/** Settings of the environment, without loading modules of the server. */
import type * as Embedder from "@crewline/core/Embedder"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Failure from "./Failure.ts"

/** A setting; if it is invalid, the failure names its variable. */
export const read = <A>(config: Config.Config<A>): Effect.Effect<A, Failure.Failure> =>
  config.pipe(
    Effect.mapError(({ cause: { message } }) => {
      const words = message.replace(/\s*\n\s*at \["(.+?)"\]/g, " for $1")
      return Failure.invalid(`Invalid environment: ${words}.`)
    })
  )

/** `CREWLINE_EMBEDDER`; empty: memory recalls by words. */
export const embedderReference = Effect.map(
  read(Config.withDefault(Config.String("CREWLINE_EMBEDDER"), "")),
  (configured) => (configured.trim() === "builtin/lexical" ? "" : configured.trim())
)

/**
 * The embedder of `CREWLINE_EMBEDDER`, or of the given reference; `undefined`: memory recalls by
 * words.
 */
export const embedder = (
  reference?: string
): Effect.Effect<Embedder.Embedder["Service"] | undefined, Failure.Failure> =>
  Effect.gen(function* () {
    const wanted = reference ?? (yield* embedderReference)
    if (wanted === "") return undefined
    const Embedders = yield* Effect.promise(() => import("@crewline/llm/Embedders"))
    return yield* Effect.mapError(Embedders.named(wanted), ({ message }) =>
      Failure.invalid(reference === undefined ? `Invalid environment: CREWLINE_EMBEDDER: ${message}` : message)
    )
  })

const configuredDirectory = Config.withDefault(Config.NonEmptyString("CREWLINE_DATA"), ".crewline")

/** The data directory: for the embedded database and other files of the server. */
export const directory = (data: Option.Option<string>): Effect.Effect<string, Failure.Failure> =>
  Option.match(data, { onNone: () => read(configuredDirectory), onSome: Effect.succeed })

/** The workspace of a server's crews: next to its data, unless `CREWLINE_WORKSPACE` is set. */
export const workspace = (data: Option.Option<string>): Effect.Effect<string, Failure.Failure> =>
  Effect.gen(function* () {
    const parent = yield* directory(data)
    const configured = yield* read(Config.option(Config.NonEmptyString("CREWLINE_WORKSPACE")))
    return Option.getOrElse(configured, () => `${parent}/workspace`)
  })
