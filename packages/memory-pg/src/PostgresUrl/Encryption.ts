/** Converts the encryption parameters of a URL to options of a TLS connection. */
import { readFileSync } from "node:fs"
import { isIP } from "node:net"
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from "node:tls"
import type { Parameters } from "./Parameters.ts"
import { Refused } from "./Refused.ts"

/** `false`: unencrypted; `isOptional`: encrypted if the server supports it. */
export type Tls = false | { readonly isOptional: boolean; readonly options: ConnectionOptions }

/** A server: its address, and the name in its certificate. */
interface Server {
  readonly host: string
  readonly name?: string
  readonly path?: string
}

const modes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full", "no-verify"] as const
type Mode = (typeof modes)[number]

/** The meaning of `ssl` in node-postgres and JDBC. */
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

/** The supported parameters about encryption; others are refused. */
const understood = new Set(
  `sslmode ssl sslrootcert sslcert sslkey sslpassword sslsni sslcompression sslnegotiation requiressl
  ssl_min_protocol_version ssl_max_protocol_version channel_binding gssencmode krbsrvname gsslib uselibpqcompat`.split(
    /\s+/
  )
)

const modeOf = (parameters: Parameters, isLocal: boolean): Mode => {
  for (const name of parameters.keys()) {
    if (
      /^(?:ssl|tls|gss|requiressl|channel_binding|krb|trustservercertificate|encrypt|require_auth)/i.test(name) &&
      !understood.has(name)
    ) {
      throw new Refused(`the parameter ${name} is not supported`)
    }
  }
  for (const [name, allowed] of [
    ["sslnegotiation", ["postgres"]],
    ["channel_binding", ["disable", "prefer", "require"]],
    ["gssencmode", ["disable", "prefer"]]
  ] as const) {
    const value = parameters.get(name)
    if (value !== undefined && !allowed.some((each) => each === value))
      throw new Refused(`${name}=${value} is not supported`)
  }
  const mode = parameters.get("sslmode")
  const ssl = parameters.get("ssl")
  const named = mode === undefined ? undefined : modes.find((each) => each === mode)
  if (mode !== undefined && named === undefined)
    throw new Refused(`sslmode=${mode} is invalid: expected one of ${modes.join(", ")}`)
  const short = ssl === undefined ? undefined : (ofSsl[ssl.toLowerCase()] ?? modes.find((each) => each === ssl))
  if (ssl !== undefined && short === undefined)
    throw new Refused(`ssl=${ssl} is invalid: expected true, false or an sslmode`)
  if (named !== undefined && short !== undefined && (named === "disable") !== (short === "disable")) {
    throw new Refused(`sslmode=${named} and ssl=${ssl} contradict each other`)
  }
  const said = named ?? short ?? (parameters.get("requiressl") === "1" ? "require" : undefined)
  return strictest(parameters, said) ?? said ?? (isLocal ? "disable" : "prefer")
}

/** The mode required by parameters that demand verification of the certificate. */
const strictest = (parameters: Parameters, said: Mode | undefined): Mode | undefined => {
  if (parameters.get("sslrootcert") === "system") {
    if (said !== undefined && said !== "verify-full" && said !== "disable") {
      throw new Refused(`sslmode=${said} is too weak for sslrootcert=system: use verify-full`)
    }
    return said ?? "verify-full"
  }
  if (parameters.get("channel_binding") !== "require") return undefined
  if (said === "disable" || said === "no-verify") {
    throw new Refused(`channel_binding=require contradicts sslmode=${said}`)
  }
  // The driver does not support channel binding. Verifying the certificate also prevents
  // interception.
  return "verify-full"
}

/** A local socket is not encrypted, regardless of the mode. */
export const of = (parameters: Parameters, targets: ReadonlyArray<Server>): Tls => {
  const mode = modeOf(parameters, targets.every(isLocal))
  if (mode === "disable" || targets.every(({ path }) => path !== undefined)) return false
  const root = parameters.get("sslrootcert")
  const ca = root === undefined || root === "system" ? undefined : fileOf("sslrootcert", root)
  const cert = parameters.get("sslcert")
  const key = parameters.get("sslkey")
  const passphrase = parameters.get("sslpassword")
  // If a root certificate is given, libpq verifies it even for sslmode=require.
  const checks = mode === "verify-ca" || mode === "verify-full" || (mode === "require" && ca !== undefined)
  const options: ConnectionOptions = {
    rejectUnauthorized: checks,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert: fileOf("sslcert", cert) }),
    ...(key !== undefined && { key: fileOf("sslkey", key) }),
    ...(passphrase !== undefined && { passphrase }),
    ...versionsOf(parameters),
    ...servernameOf(targets),
    ...(checks && { checkServerIdentity: mode === "verify-full" ? named(targets) : () => undefined })
  }
  return { isOptional: mode === "prefer" || mode === "allow", options }
}

/** Connections to this machine need no encryption unless the URL requests it. */
const isLocal = ({ host, path }: Server): boolean =>
  path !== undefined || /^(?:localhost|127(?:\.\d+){3}|::1)$/i.test(host)

/** The certificate must match one of the hosts. */
const named =
  (targets: ReadonlyArray<Server>) =>
  (_: string, certificate: PeerCertificate): Error | undefined => {
    const errors = targets.map(({ host, name = host }) => checkServerIdentity(name, certificate))
    return errors.includes(undefined) ? undefined : errors[0]
  }

/** The requested name selects one of the servers behind an address. */
const servernameOf = ([first]: ReadonlyArray<Server>): ConnectionOptions =>
  first?.name === undefined || isIP(first.name) !== 0 ? {} : { servername: first.name }

const versionsOf = (parameters: Parameters): ConnectionOptions => {
  const version = (name: string): "TLSv1.2" | "TLSv1.3" | undefined => {
    const value = parameters.get(name)
    if (value === undefined || value === "") return undefined
    if (value === "TLSv1.2" || value === "TLSv1.3") return value
    throw new Refused(`${name}=${value} is not supported: expected TLSv1.2 or TLSv1.3`)
  }
  const min = version("ssl_min_protocol_version")
  const max = version("ssl_max_protocol_version")
  return { ...(min !== undefined && { minVersion: min }), ...(max !== undefined && { maxVersion: max }) }
}

const fileOf = (name: string, path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown error"
    throw new Refused(`the file in ${name} cannot be read (${why})`)
  }
}
