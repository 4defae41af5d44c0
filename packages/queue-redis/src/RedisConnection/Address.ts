/**
 * Where Redis is, as a URL says it: one server, the servers that sentinels watch over, or a
 * cluster. The URL may carry passwords: no error repeats any of it but hosts and ports.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

export interface Host {
  readonly host: string
  readonly port: number
}

interface Access {
  readonly isSecure: boolean
  readonly username: string | undefined
  readonly password: string | undefined
}

export type Address = Access &
  (
    | { readonly kind: "single"; readonly at: Host; readonly database: number }
    | {
        readonly kind: "sentinel"
        readonly sentinels: ReadonlyArray<Host>
        /** What the sentinels call the servers that they watch over. */
        readonly name: string
        readonly database: number
        readonly sentinelUsername: string | undefined
        readonly sentinelPassword: string | undefined
      }
    | { readonly kind: "cluster"; readonly nodes: ReadonlyArray<Host> }
  )

/** Scheme, what stands behind its plus, user and password, hosts, path and query. */
const form = /^(redis|rediss)(?:\+(\w+))?:\/\/(?:([^/?#]*)@)?([^/?#]+)(\/[^?#]*)?(?:\?([^#]*))?$/

const hostsOf = (text: string, port: number): ReadonlyArray<Host> =>
  text.split(",").map((each) => {
    const url = new URL(`redis://${each.trim()}`)
    if (url.hostname === "" || url.pathname !== "" || url.username !== "") throw new TypeError("no host")
    return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? port : Number(url.port) }
  })

const accessOf = (text: string | undefined): Pick<Access, "username" | "password"> => {
  const [, username = "", password = ""] = /^([^:]*):?(.*)$/s.exec(text ?? "")!
  return {
    username: username === "" ? undefined : decodeURIComponent(username),
    password: password === "" ? undefined : decodeURIComponent(password)
  }
}

const forms =
  "redis://user:password@host:6379/0, redis+sentinel://user:password@host:26379,host:26379/name or " +
  "redis+cluster://user:password@host:7000,host:7001 (each with rediss for TLS)"

/** The path as `/database`. */
const databaseOf = (path: string): number => Number(/^\/?(\d*)$/.exec(path)![1])

/** Reads a URL; the failure is a sentence for people. */
export const parse = (url: Redacted.Redacted): Result.Result<Address, string> =>
  Result.try({
    // Whatever is not as it must be throws.
    try: (): Address => {
      const [, scheme, kind, user, hosts = "", path = "", query = ""] = form.exec(Redacted.value(url))!
      const access = { isSecure: scheme === "rediss", ...accessOf(user) }
      switch (kind) {
        case undefined: {
          const [at, ...others] = hostsOf(hosts, 6379)
          if (at === undefined || others.length > 0) throw new TypeError("several hosts")
          return { kind: "single", ...access, at, database: databaseOf(path) }
        }
        case "sentinel": {
          const [, name = "", database = ""] = /^\/([^/]+)(\/\d*)?$/.exec(path)!
          const parameters = new URLSearchParams(query)
          return {
            kind,
            ...access,
            sentinels: hostsOf(hosts, 26379),
            name: decodeURIComponent(name),
            database: databaseOf(database),
            sentinelUsername: parameters.get("sentinelUsername") ?? undefined,
            sentinelPassword: parameters.get("sentinelPassword") ?? undefined
          }
        }
        case "cluster":
          // A cluster has one database.
          if (!/^\/?0?$/.test(path)) throw new TypeError("a database")
          return { kind, ...access, nodes: hostsOf(hosts, 6379) }
        default:
          throw new TypeError("unknown kind")
      }
    },
    catch: () => `Invalid Redis URL: expected ${forms}.`
  })

const list = (hosts: ReadonlyArray<Host>): string => hosts.map(({ host, port }) => `${host}:${port}`).join(", ")

/** The address for people: hosts and ports. */
export const toText = (address: Address): string => {
  switch (address.kind) {
    case "single":
      return list([address.at])
    case "sentinel":
      return `${JSON.stringify(address.name)} of the sentinels ${list(address.sentinels)}`
    case "cluster":
      return `the cluster ${list(address.nodes)}`
  }
}
