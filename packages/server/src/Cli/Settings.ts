/** Settings from flags or, without a flag, from the environment. */
import * as Database from "@crewline/memory-pg/Database"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAddress from "../Listener/ClientAddress.ts"
import * as AuditLog from "../AuditLog.ts"
import * as Credentials from "../Credentials.ts"
import * as MasterKeys from "../ResourceStore/MasterKeys.ts"
import * as Queue from "../Queue.ts"
import * as RateLimits from "../RateLimits.ts"
import * as Retention from "../Retention.ts"
import * as Secret from "../Secret.ts"
import * as Server from "../Server.ts"
import { embedder, read } from "./Environment.ts"
import * as Failure from "./Failure.ts"
import * as Person from "./Person.ts"

export interface Flags {
  readonly port: Option.Option<number>
  readonly host: Option.Option<string>
  readonly data: Option.Option<string>
}

/**
 * `--data` is the embedded database of that directory; otherwise `DATABASE_URL`, otherwise the
 * embedded one of `CREWLINE_DATA`.
 */
export const database = (data: Flags["data"]): Effect.Effect<Database.Options, Failure.Failure> =>
  Option.match(data, {
    onNone: () => read(Database.config),
    onSome: (directory) => Effect.succeed<Database.Options>({ kind: "embedded", directory })
  })

const isShared = ({ kind }: Queue.Options) => kind !== "local"

/** The queue and the transport of events; both must fit the database. */
export const queue = Effect.fnUntraced(function* (
  database: Database.Options
): Effect.fn.Return<Queue.Options, Failure.Failure> {
  const options = yield* read(Queue.config)
  if (database.kind !== "server" && isShared(options)) {
    return yield* Failure.invalid(
      `CREWLINE_QUEUE=${options.kind} shares tasks with other processes, but an embedded database supports only one: set DATABASE_URL to a PostgreSQL server.`
    )
  }
  return options
})

/** The queue of a process that is only a worker: others must be able to fill it. */
export const sharedQueue = Effect.fnUntraced(function* (
  database: Database.Options
): Effect.fn.Return<Queue.Options, Failure.Failure> {
  const options = yield* read(Queue.config)
  if (!isShared(options)) {
    return yield* Failure.invalid(
      "A worker needs a shared queue: set CREWLINE_QUEUE=redis and REDIS_URL, as on the servers. With CREWLINE_QUEUE=local, a server runs its own tasks."
    )
  }
  if (database.kind !== "server") {
    return yield* Failure.invalid(
      "A worker needs the database of the servers: set DATABASE_URL to their PostgreSQL server. An embedded database supports only one process."
    )
  }
  return options
})

/**
 * Whether a server runs tasks, too: `--worker` or `--no-worker`, otherwise `CREWLINE_WORKER`,
 * otherwise yes.
 */
export const worker = Effect.fnUntraced(function* (
  flag: Option.Option<boolean>,
  queue: Queue.Options
): Effect.fn.Return<boolean, Failure.Failure> {
  const wanted = Option.isSome(flag)
    ? flag.value
    : yield* read(Config.withDefault(Config.Boolean("CREWLINE_WORKER"), true))
  if (!wanted && !isShared(queue)) {
    return yield* Failure.invalid(
      "Tasks of a local queue need a worker in this process: remove --no-worker (CREWLINE_WORKER=no), or set CREWLINE_QUEUE=redis and start `crewline worker`."
    )
  }
  return wanted
})

/** Where to listen. */
export const listen = ({ host, port }: Flags) =>
  Effect.map(read(Server.listenConfig), (configured) => ({
    ...configured,
    host: Option.getOrElse(host, () => configured.host),
    port: Option.getOrElse(port, () => configured.port)
  }))

/**
 * The callers that a server accepts: by `CREWLINE_AUTH` and `CREWLINE_OIDC_ISSUER`, and commands of
 * this user by a credential that lives as long as the process.
 */
export const credentials = Effect.map(read(Credentials.config), (configured) => ({
  ...configured,
  local: { credential: Secret.make(), name: Person.here().name }
}))

/** Whether the server is behind a proxy. */
export const isBehindProxy = read(ClientAddress.config)

/** How many requests callers of a server may send. */
export const rateLimits = read(RateLimits.config)

/** How long audit entries are kept; undefined: forever. */
export const auditRetention = read(AuditLog.config)

/** How long a silent server still owns what it ran. */
export const lease = read(Server.leaseConfig)

/** The master keys that encrypt secrets. */
export const masterKeys = read(MasterKeys.config)

/** Settings that must be the same for all servers and workers of a database. */
export const shared = Effect.all({
  lease,
  /** How long ended executions are kept; undefined: forever. */
  retention: read(Retention.config),
  /** How many executions a tenant may have at once; undefined: any number. */
  maxUnfinished: read(RateLimits.maxUnfinishedConfig),
  masterKeys,
  /** The embedder for memories; undefined: memory recalls by words. */
  embedder: embedder()
})

const noUrl = "Invalid CREWLINE_URL: expected the URL of a server, such as http://127.0.0.1:4747"

/**
 * The server that commands talk to, by the environment, and the key that they show it. Set but
 * empty counts as unset.
 */
export const server = read(
  Config.mapEffect(
    Config.all({
      url: Config.withDefault(Config.String("CREWLINE_URL"), ""),
      key: Config.withDefault(Config.String("CREWLINE_KEY"), "")
    }),
    ({ key, url }) =>
      url === "" || /^https?:$/.test(URL.parse(url)?.protocol ?? "")
        ? Effect.succeed({
            url: url === "" ? undefined : url.replace(/(?<!\/)\/+$/, ""),
            key: key === "" ? undefined : Redacted.make(key)
          })
        : Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message: noUrl })))
  )
)
