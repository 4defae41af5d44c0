/** What the command is told by flags, and where there is none, by the environment. */
import * as Database from "@crewline/memory-pg/Database"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Failure from "./Failure.ts"
import * as MasterKeys from "../MasterKeys.ts"
import * as Server from "../Server.ts"

export interface Flags {
  readonly port: Option.Option<number>
  readonly host: Option.Option<string>
  readonly data: Option.Option<string>
}

const directory = Config.withDefault(Config.NonEmptyString("CREWLINE_DATA"), ".crewline")

/** The environment says something that cannot be understood: told in words, with the name of the variable. */
const read = <A>(config: Config.Config<A>) =>
  config.pipe(
    Effect.mapError(({ cause: { message } }) => {
      const words = message.replace(/\s*\n\s*at \["(.+?)"\]/g, " for $1")
      return Failure.invalid(`The environment is not valid: ${words}.`)
    })
  )

/** `--data` is the embedded database of that directory; otherwise `DATABASE_URL`, otherwise the embedded one of `CREWLINE_DATA`. */
export const database = (data: Flags["data"]): Effect.Effect<Database.Options, Failure.Failure> =>
  Option.match(data, {
    onNone: () => read(Database.config),
    onSome: (directory) => Effect.succeed<Database.Options>({ kind: "embedded", directory })
  })

/** Where to listen. */
export const listen = ({ host, port }: Flags) =>
  Effect.map(read(Server.listenConfig), (configured) => ({
    ...configured,
    host: Option.getOrElse(host, () => configured.host),
    port: Option.getOrElse(port, () => configured.port)
  }))

/** How long a server that says nothing more still owns what it ran. */
export const lease = read(Server.leaseConfig)

/** What keys of providers are encrypted with. */
export const masterKeys = read(MasterKeys.config)

/** The directory that crews of a server read and write: beside its data, unless `CREWLINE_WORKSPACE` names another. */
export const workspace = (data: Flags["data"]) =>
  Effect.gen(function* () {
    const parent = Option.isSome(data) ? data.value : yield* read(directory)
    const configured = yield* read(Config.option(Config.NonEmptyString("CREWLINE_WORKSPACE")))
    return Option.getOrElse(configured, () => `${parent}/workspace`)
  })
