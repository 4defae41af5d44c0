/**
 * Connection URLs of PostgreSQL as libpq means them, with what node-postgres and hosting panels
 * add. What a URL says about encryption holds, or the URL is refused: nothing that asks for TLS
 * connects in plain text. If the URL does not specify encryption, TLS is requested from servers on
 * other machines, but not on this machine. No message of this file contains a user, a password or a
 * host.
 *
 * Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
 */
import * as Result from "effect/Result"
import * as Encryption from "./PostgresUrl/Encryption.ts"
import * as Parameters from "./PostgresUrl/Parameters.ts"
import { Refused } from "./PostgresUrl/Refused.ts"

export interface Target {
  readonly host: string
  readonly port: number
  /** A socket of this machine. */
  readonly path?: string
  /** The name in its certificate, if `host` is only its address. */
  readonly name?: string
}

export interface Connection {
  /** The first one that accepts a connection, or that accepts writes, is used. */
  readonly targets: readonly [Target, ...ReadonlyArray<Target>]
  /** Standbys and read-only servers are skipped. */
  readonly isWritable: boolean
  readonly tls: Encryption.Tls
  readonly username?: string
  readonly password?: string
  readonly database?: string
  readonly options?: string
  readonly applicationName?: string
  readonly connectTimeoutSeconds?: number
  /**
   * Whether a pooler can use another session for each transaction; undefined: not specified in the
   * URL.
   */
  readonly isPooled?: boolean
}

/** Reads a URL; fails with what is wrong with it, in words that hold no secret. */
export const parse = (
  text: string,
  environment: Parameters.Environment = process.env
): Result.Result<Connection, string> => {
  const [, authority, path = "", query = ""] =
    /^postgres(?:ql)?:\/\/([^/?]*)(?:\/([^?#]*))?(?:\?([^#]*))?/i.exec(text.trim()) ?? []
  if (authority === undefined) return Result.fail("write postgres://user:password@host:5432/database")
  try {
    return Result.succeed(connectionOf(authority, path, query, environment))
  } catch (error) {
    if (error instanceof Refused) return Result.fail(error.message)
    return Result.fail("it has an invalid percent-encoding")
  }
}

const connectionOf = (
  authority: string,
  path: string,
  query: string,
  environment: Parameters.Environment
): Connection => {
  const at = authority.lastIndexOf("@")
  const [user = "", ...secret] = at === -1 ? [] : authority.slice(0, at).split(":")
  const hosts = authority
    .slice(at + 1)
    .split(",")
    .map(hostOf)
  const said: ReadonlyArray<readonly [string, string]> = [
    ["user", decodeURIComponent(user)],
    ["password", decodeURIComponent(secret.join(":"))],
    ["dbname", decodeURIComponent(path)],
    ["host", listOf(hosts.map(({ name }) => name))],
    ["port", listOf(hosts.map(({ port }) => port))]
  ]
  const own = said.filter(([, value]) => value !== "")
  const parameters = Parameters.gather(new Map([...own, ...Parameters.ofQuery(query)]), environment)
  const targets = targetsOf(parameters)
  const given = (name: string): string | undefined => parameters.get(name) || undefined
  const [{ host, path: socket, port }] = targets
  const username = given("user")
  const database = given("dbname")
  const login = {
    host: socket === undefined ? host : "localhost",
    port,
    user: username ?? "",
    database: database ?? username ?? ""
  }
  const password = given("password") ?? Parameters.passwordOf(login, given("passfile"), environment)
  const options = given("options")
  const applicationName = given("application_name")
  const seconds = secondsOf(given("connect_timeout"))
  const isPooled = given("pgbouncer")
  return {
    targets,
    isWritable: isWritable(given("target_session_attrs")),
    tls: Encryption.of(parameters, targets),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(options !== undefined && { options }),
    ...(applicationName !== undefined && { applicationName }),
    ...(seconds !== undefined && { connectTimeoutSeconds: seconds }),
    ...(isPooled !== undefined && { isPooled: isPooled === "true" || isPooled === "1" })
  }
}

const secondsOf = (text: string | undefined): number | undefined => {
  const seconds = text === undefined ? undefined : Number(text)
  if (seconds !== undefined && !Number.isInteger(seconds)) {
    throw new Refused("connect_timeout must be a number of seconds")
  }
  // As in libpq, no value, zero and negative numbers mean no limit.
  return seconds === undefined ? undefined : Math.max(0, seconds)
}

const isWritable = (sessions: string | undefined): boolean => {
  if (sessions === undefined || sessions === "any") return false
  if (sessions === "read-write" || sessions === "primary") return true
  throw new Refused(
    `target_session_attrs=${sessions} is not supported: Crewline must be able to write, so use read-write, primary or any`
  )
}

// --- hosts
// ------------------------------------------------------------------------------------------------------------------------

/** A host of the authority and its port, still encoded: a path may contain a colon. */
const hostOf = (text: string): { readonly name: string; readonly port: string } => {
  const [, name, port = ""] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(text.trim()) ?? []
  if (name === undefined) {
    throw new Refused("a host or its port is invalid; a password with @, :, / or % must be percent-encoded")
  }
  return { name: decodeURIComponent(name), port }
}

/** A list of empty texts is an empty text. */
const listOf = (texts: ReadonlyArray<string>): string => (texts.every((text) => text === "") ? "" : texts.join(","))

/** Hosts with their ports, several with commas; one port is for all of them. */
const targetsOf = (parameters: Parameters.Parameters): readonly [Target, ...ReadonlyArray<Target>] => {
  const list = (name: string): ReadonlyArray<string> => (parameters.get(name) ?? "").split(",")
  const hosts = list("host")
  const addresses = list("hostaddr")
  const ports = list("port")
  const count = Math.max(hosts.length, addresses.length)
  for (const each of [hosts, addresses]) {
    if (each.join("") !== "" && each.length !== count)
      throw new Refused("host and hostaddr must list the same number of hosts")
  }
  if (ports.length !== 1 && ports.length !== count)
    throw new Refused(`port lists ${ports.length} ports for ${count} hosts: expected 1 or ${count}`)
  const targetOf = (index: number): Target =>
    target(hosts[index] ?? "", addresses[index] ?? "", ports.length === 1 ? ports[0]! : ports[index]!)
  return [targetOf(0), ...Array.from({ length: count - 1 }, (_, index) => targetOf(index + 1))]
}

const target = (given: string, address: string, number: string): Target => {
  const port = Number(number || 5432)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Refused("a port must be a number from 1 to 65535")
  const host = given.trim().replace(/^\[(.*)\]$/, "$1") || "localhost"
  if (!/^[/@]/.test(host) && /[[\]\s]/.test(host)) throw new Refused("a host is invalid")
  if (address.trim() !== "") return { host: address.trim(), port, name: host }
  if (host.startsWith("/")) return { host, port, path: `${host.replace(/\/+$/, "")}/.s.PGSQL.${port}` }
  // In the abstract namespace of Linux.
  if (host.startsWith("@")) return { host, port, path: `\0${host.slice(1)}/.s.PGSQL.${port}` }
  return { host, port }
}
