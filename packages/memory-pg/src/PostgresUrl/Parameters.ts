/**
 * The parameters of a connection, each from the first place that has it: the URL, a service file,
 * the variables of libpq (`PGSSLMODE`, `PGPASSWORD`, …). A password may also be in a password file.
 *
 * Sources: https://www.postgresql.org/docs/current/libpq-pgservice.html,
 * https://www.postgresql.org/docs/current/libpq-envars.html,
 * https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Refused } from "./Refused.ts"

export type Environment = Readonly<Record<string, string | undefined>>

/** An empty text is a value in a URL, but counts as absent elsewhere. */
export type Parameters = ReadonlyMap<string, string>

const variables: { readonly [variable: string]: string } = {
  PGHOST: "host",
  PGHOSTADDR: "hostaddr",
  PGPORT: "port",
  PGUSER: "user",
  PGPASSWORD: "password",
  PGDATABASE: "dbname",
  PGPASSFILE: "passfile",
  PGSERVICE: "service",
  PGSSLMODE: "sslmode",
  PGSSLROOTCERT: "sslrootcert",
  PGSSLCERT: "sslcert",
  PGSSLKEY: "sslkey",
  PGSSLMINPROTOCOLVERSION: "ssl_min_protocol_version",
  PGSSLMAXPROTOCOLVERSION: "ssl_max_protocol_version",
  PGCHANNELBINDING: "channel_binding",
  PGREQUIREAUTH: "require_auth",
  PGCONNECT_TIMEOUT: "connect_timeout",
  PGTARGETSESSIONATTRS: "target_session_attrs"
}

/** `url`: the parameters of the URL, which take precedence. */
export const gather = (url: Parameters, environment: Environment): Parameters => {
  const all = new Map<string, string>()
  const fill = (entries: Iterable<readonly [string, string]>): void => {
    for (const [name, value] of entries) if (!all.has(name)) all.set(name, value)
  }
  fill(url)
  const service = url.get("service") ?? environment["PGSERVICE"]
  if (service !== undefined && service !== "") fill(serviceOf(service, url.get("servicefile"), environment))
  for (const [variable, name] of Object.entries(variables)) {
    const value = environment[variable]
    if (value !== undefined && value !== "") fill([[name, value]])
  }
  return all
}

/**
 * The query of a URL. Unlike in forms, `+` is a plus; if a name occurs twice, the last value
 * counts.
 */
export const ofQuery = (query: string): Parameters =>
  new Map(
    query
      .split("&")
      .filter((entry) => entry !== "")
      .map((entry) => {
        const [name = "", ...value] = entry.split("=")
        return [decodeURIComponent(name), decodeURIComponent(value.join("="))]
      })
  )

// --- files
// ------------------------------------------------------------------------------------------------------------------------

const homeOf = (environment: Environment): string => environment["HOME"] ?? environment["USERPROFILE"] ?? "/"

const serviceOf = (
  service: string,
  file: string | undefined,
  environment: Environment
): ReadonlyArray<readonly [string, string]> => {
  const system = environment["PGSYSCONFDIR"]
  const places = [
    file ?? (environment["PGSERVICEFILE"] || join(homeOf(environment), ".pg_service.conf")),
    ...(system === undefined ? [] : [join(system, "pg_service.conf")])
  ]
  for (const place of places) {
    const found = existsSync(place) ? sectionOf(readFileSync(place, "utf8"), service) : undefined
    if (found !== undefined) return found
  }
  throw new Refused("its service is not defined in any service file (PGSERVICEFILE, ~/.pg_service.conf)")
}

const sectionOf = (text: string, name: string): ReadonlyArray<readonly [string, string]> | undefined => {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const start = lines.indexOf(`[${name}]`)
  if (start === -1) return undefined
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => line.startsWith("["))
  return rest
    .slice(0, end === -1 ? undefined : end)
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const at = line.indexOf("=")
      if (at < 1) throw new Refused("the definition of its service has a line that is not name=value")
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    })
}

export interface Login {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/**
 * The password of the first matching line. Like libpq, ignores a file that other users can read.
 */
export const passwordOf = (login: Login, file: string | undefined, environment: Environment): string | undefined => {
  const place = file ?? join(homeOf(environment), ".pgpass")
  if (!existsSync(place) || (statSync(place).mode & 0o077) !== 0) return undefined
  const wanted = [login.host, String(login.port), login.database, login.user]
  for (const line of readFileSync(place, "utf8").split(/\r?\n/)) {
    if (line.startsWith("#")) continue
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = ""]) =>
      field.replace(/\\(.)/g, "$1")
    )
    const [password] = fields.slice(4, 5)
    if (password !== undefined && wanted.every((each, at) => fields[at] === "*" || fields[at] === each)) return password
  }
  return undefined
}
