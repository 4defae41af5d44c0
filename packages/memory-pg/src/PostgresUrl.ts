/**
 * Connection URLs of PostgreSQL as libpq means them, with what node-postgres and hosting panels
 * add. What a URL says about encryption holds, or the URL is refused: nothing that asks for TLS
 * connects in plain text. No text of this file repeats a user, a password or a host.
 *
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
 */
import { readFileSync } from "node:fs"
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from "node:tls"
import * as Result from "effect/Result"

export interface Target {
  readonly host: string
  readonly port: number
  /** A socket of this machine. */
  readonly path?: string
}

export interface Connection {
  /** The first that accepts a connection is taken. */
  readonly targets: readonly [Target, ...ReadonlyArray<Target>]
  /** `false`: plain text; `optional`: encrypted where the server can. */
  readonly tls: false | { readonly isOptional: boolean; readonly options: ConnectionOptions }
  readonly username?: string
  readonly password?: string
  readonly database?: string
  readonly options?: string
  readonly connectTimeoutSeconds?: number
}

/** Reads a URL; fails with what is wrong with it, in words that hold no secret. */
export const parse = (text: string): Result.Result<Connection, string> => {
  const [, authority, path = "", query = ""] =
    /^postgres(?:ql)?:\/\/([^/?]*)(?:\/([^?#]*))?(?:\?([^#]*))?/i.exec(text) ?? []
  if (authority === undefined) return Result.fail("write postgres://user:password@host:5432/database")
  try {
    const at = authority.lastIndexOf("@")
    const [user = "", ...secret] = at === -1 ? [] : authority.slice(0, at).split(":")
    const parameters = new URLSearchParams(query)
    const hosts = parameters.get("host") ?? decodeURIComponent(authority.slice(at + 1))
    const targets = targetsOf(hosts, parameters.get("port"), parameters.get("host") === null)
    const [first, ...others] = targets
    if (first === undefined) return Result.fail("it names no host")
    const sessions = parameters.get("target_session_attrs")
    if (sessions !== null && sessions !== "any")
      return Result.fail(`target_session_attrs=${sessions} is not supported: name the primary`)
    const options = parameters.get("options")
    const timeout = parameters.get("connect_timeout")
    const seconds = timeout === null ? undefined : Number(timeout)
    if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= 0)) {
      return Result.fail("connect_timeout must be a number of seconds")
    }
    const password = parameters.get("password") ?? decodeURIComponent(secret.join(":"))
    const username = parameters.get("user") ?? decodeURIComponent(user)
    const database = parameters.get("dbname") ?? decodeURIComponent(path)
    return Result.succeed({
      targets: [first, ...others],
      tls: targets.every((target) => target.path !== undefined) ? plain(parameters) : tlsOf(parameters, targets),
      ...(username !== "" && { username }),
      ...(password !== "" && { password }),
      ...(database !== "" && { database }),
      ...(options !== null && { options }),
      ...(seconds !== undefined && { connectTimeoutSeconds: seconds })
    })
  } catch (error) {
    if (error instanceof Refused) return Result.fail(error.message)
    return Result.fail("it has an invalid percent-encoding")
  }
}

class Refused extends Error {}

// --- hosts
// ------------------------------------------------------------------------------------------------------------------------

/** Hosts with their ports, several with commas. */
const targetsOf = (hosts: string, ports: string | null, hasPorts: boolean): ReadonlyArray<Target> => {
  const each = hosts.split(",")
  const given = ports?.split(",") ?? []
  return each.map((host, index) => {
    const [, name = "", own] = (hasPorts ? /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/ : /^(.*)$/).exec(host.trim()) ?? []
    const port = Number((given[index] ?? given[0]) || own || 5432)
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Refused("a port must be a number from 1 to 65535")
    if (/[[\]\s]/.test(name.replace(/^\[(.*)\]$/, "$1"))) throw new Refused("a host is invalid")
    const bare = name.replace(/^\[|\]$/g, "") || "localhost"
    return bare.startsWith("/") ? { host: bare, port, path: `${bare}/.s.PGSQL.${port}` } : { host: bare, port }
  })
}

// --- encryption
// -------------------------------------------------------------------------------------------------------------------

const modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify"] as const
type Mode = (typeof modes)[number]

/** What `ssl` of node-postgres and of JDBC means. */
const ofSsl: { readonly [value: string]: Mode } = {
  true: "require",
  "1": "require",
  on: "require",
  yes: "require",
  "": "require",
  false: "disable",
  "0": "disable",
  off: "disable",
  no: "disable"
}

/** Parameters about encryption that are understood; another one is refused. */
const understood = new Set(
  `sslmode ssl sslrootcert sslcert sslkey sslpassword sslsni sslcompression sslnegotiation requiressl
  ssl_min_protocol_version ssl_max_protocol_version channel_binding gssencmode uselibpqcompat`.split(/\s+/)
)

const modeOf = (parameters: URLSearchParams): Mode => {
  for (const name of parameters.keys()) {
    if (
      /^(?:ssl|tls|gss|requiressl|channel_binding|krb|trustservercertificate|encrypt)/i.test(name) &&
      !understood.has(name)
    ) {
      throw new Refused(`the parameter ${name} is not understood`)
    }
  }
  for (const [name, allowed] of [
    ["sslnegotiation", ["postgres"]],
    // The driver does not bind its proof of the password to the connection: `verify-full` is what
    // keeps others out of it.
    ["channel_binding", ["disable", "prefer"]],
    ["gssencmode", ["disable", "prefer"]]
  ] as const) {
    const value = parameters.get(name)
    if (value !== null && !allowed.some((each) => each === value))
      throw new Refused(`${name}=${value} is not supported`)
  }
  const mode = parameters.get("sslmode")
  const ssl = parameters.get("ssl")
  const named = mode === null ? undefined : modes.find((each) => each === mode)
  if (mode !== null && named === undefined)
    throw new Refused(`sslmode=${mode} is unknown: write one of ${modes.join(", ")}`)
  const short = ssl === null ? undefined : (ofSsl[ssl.toLowerCase()] ?? modes.find((each) => each === ssl))
  if (ssl !== null && short === undefined) throw new Refused(`ssl=${ssl} is unknown: write true, false or an sslmode`)
  if (named !== undefined && short !== undefined && (named === "disable") !== (short === "disable")) {
    throw new Refused(`sslmode=${named} and ssl=${ssl} contradict each other`)
  }
  return named ?? short ?? (parameters.get("requiressl") === "1" ? "require" : "disable")
}

/** A socket of this machine is not encrypted, whatever the mode. */
const plain = (parameters: URLSearchParams): false => {
  modeOf(parameters)
  return false
}

const tlsOf = (parameters: URLSearchParams, targets: ReadonlyArray<Target>): Connection["tls"] => {
  const mode = modeOf(parameters)
  if (mode === "disable") return false
  const root = parameters.get("sslrootcert")
  const ca = root === null || root === "system" ? undefined : fileOf("sslrootcert", root)
  const cert = parameters.get("sslcert")
  const key = parameters.get("sslkey")
  const passphrase = parameters.get("sslpassword")
  // Given a root certificate, libpq checks against it also where it is only told to encrypt.
  const checks = mode === "verify-ca" || mode === "verify-full" || (mode === "require" && ca !== undefined)
  const options: ConnectionOptions = {
    rejectUnauthorized: checks,
    ...(ca !== undefined && { ca }),
    ...(cert !== null && { cert: fileOf("sslcert", cert) }),
    ...(key !== null && { key: fileOf("sslkey", key) }),
    ...(passphrase !== null && { passphrase }),
    ...versionsOf(parameters),
    ...(checks && { checkServerIdentity: mode === "verify-full" ? named(targets) : () => undefined })
  }
  return { isOptional: mode === "prefer" || mode === "allow", options }
}

/** The certificate has to be of one of the hosts. */
const named =
  (targets: ReadonlyArray<Target>) =>
  (_: string, certificate: PeerCertificate): Error | undefined => {
    const errors = targets.map(({ host }) => checkServerIdentity(host, certificate))
    return errors.includes(undefined) ? undefined : errors[0]
  }

const versionsOf = (parameters: URLSearchParams): ConnectionOptions => {
  const version = (name: string): "TLSv1.2" | "TLSv1.3" | undefined => {
    const value = parameters.get(name)
    if (value === null || value === "") return undefined
    if (value === "TLSv1.2" || value === "TLSv1.3") return value
    throw new Refused(`${name}=${value} is not supported: write TLSv1.2 or TLSv1.3`)
  }
  const min = version("ssl_min_protocol_version")
  const max = version("ssl_max_protocol_version")
  return { ...(min !== undefined && { minVersion: min }), ...(max !== undefined && { maxVersion: max }) }
}

const fileOf = (name: string, path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "it cannot be read"
    throw new Refused(`the file of ${name} cannot be read (${why})`)
  }
}
