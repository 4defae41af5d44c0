/** Settings of the environment that need nothing of the server to be loaded. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Failure from "./Failure.ts"

/** A setting; an invalid one is a failure that names its variable. */
export const read = <A>(config: Config.Config<A>): Effect.Effect<A, Failure.Failure> =>
  config.pipe(
    Effect.mapError(({ cause: { message } }) => {
      const words = message.replace(/\s*\n\s*at \["(.+?)"\]/g, " for $1")
      return Failure.invalid(`Invalid environment: ${words}.`)
    })
  )

const configuredDirectory = Config.withDefault(Config.NonEmptyString("CREWLINE_DATA"), ".crewline")

/** The data directory: of the embedded database, and of what a server leaves there. */
export const directory = (data: Option.Option<string>): Effect.Effect<string, Failure.Failure> =>
  Option.match(data, { onNone: () => read(configuredDirectory), onSome: Effect.succeed })

/** The workspace of a server's crews: next to its data, unless `CREWLINE_WORKSPACE` is set. */
export const workspace = (data: Option.Option<string>): Effect.Effect<string, Failure.Failure> =>
  Effect.gen(function* () {
    const parent = yield* directory(data)
    const configured = yield* read(Config.option(Config.NonEmptyString("CREWLINE_WORKSPACE")))
    return Option.getOrElse(configured, () => `${parent}/workspace`)
  })
