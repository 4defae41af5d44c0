/** `crewline serve`: the HTTP API, until Control-C. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Listener from "../Listener.ts"
import * as Server from "../Server.ts"
import * as Watchdog from "../Watchdog.ts"
import * as Address from "./Address.ts"
import * as Environment from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Logging from "./Logging.ts"
import * as Output from "./Output.ts"
import * as Models from "./Models.ts"
import * as Tools from "./Tools.ts"
import * as Settings from "./Settings.ts"

export interface Options extends Settings.Flags {
  readonly workspace: Option.Option<string>
  /** Whether it runs tasks, too. */
  readonly worker: Option.Option<boolean>
}

/**
 * The server in the current scope, and the address that it prints; failures to start are readable
 * messages.
 */
export const build = Effect.fnUntraced(function* (
  flags: Settings.Flags,
  workspace: string,
  worker: Options["worker"] = Option.none()
) {
  const listen = yield* Settings.listen(flags)
  const database = yield* Settings.database(flags.data)
  const shared = yield* Settings.shared
  const queue = yield* Settings.queue(database)
  const works = yield* Settings.worker(worker, queue)
  const isBehindProxy = yield* Settings.isBehindProxy
  const rateLimits = yield* Settings.rateLimits
  const auditRetention = yield* Settings.auditRetention
  const credentials = yield* Settings.credentials
  const services = yield* Layer.build(
    Server.layer({
      listen,
      credentials,
      auditRetention,
      rateLimits,
      isBehindProxy,
      ...shared,
      database,
      workspace,
      queue,
      worker: works ? {} : { concurrency: 0 },
      llm: Models.layer,
      toolbox: Tools.layer
    })
  ).pipe(Effect.mapError(Failure.because))
  const { url } = yield* Effect.provideContext(Listener.Listener, services)
  yield* Address.leave(yield* Environment.directory(flags.data), url, credentials.local.credential)
  const { result } = yield* Output.Output
  yield* result(`Crewline listens on ${url}`)
  return { services, url }
})

/** Stays until Control-C or SIGTERM, which is how a server ends well: exit code 0. */
export const stay = Effect.never.pipe(
  Effect.onInterrupt(() =>
    Effect.sync(() => {
      process.exitCode = 0
    })
  )
)

export const serve = Effect.fnUntraced(
  function* (options: Options) {
    const workspace = Option.isSome(options.workspace)
      ? options.workspace.value
      : yield* Environment.workspace(options.data)
    yield* build(options, workspace, options.worker)
    yield* Layer.build(Watchdog.layer(yield* Settings.lease))
    return yield* stay
  },
  Effect.scoped,
  Logging.forServer
)
