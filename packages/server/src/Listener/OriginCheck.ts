/**
 * Keeps pages of other sites away from a server on this machine. A browser on the same machine can
 * reach it, and a server without keys is open there. Requests of a page of another site carry its
 * `Origin`, and a rebound name (DNS rebinding) appears in `Host`.
 *
 * - A request with an `Origin` must come from the same host that it calls.
 * - While the server listens on a loopback address only, `Host` must be a name of this machine, or
 *   one that was allowed.
 */
import type { IncomingHttpHeaders } from "node:http"

export interface Options {
  /** The address that the server listens on. */
  readonly host: string
  /** Additional host names of the server. */
  readonly allowedHosts: ReadonlyArray<string>
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i

/** Whether this address can be reached from this machine only. */
export const isLoopback = (host: string): boolean => loopback.test(host)

/** The host without its port, lower case. */
const nameOf = (host: string): string => host.replace(/:\d*$/, "").toLowerCase()

/** Why a request is refused; `undefined` when it is not. */
export const refuses = (
  options: Options
): ((headers: Pick<IncomingHttpHeaders, "host" | "origin">) => string | undefined) => {
  const isLocal = isLoopback(options.host)
  const allowed = new Set(options.allowedHosts.map((host) => host.toLowerCase()))
  return ({ host = "", origin }) => {
    const name = nameOf(host)
    if (isLocal && host !== "" && !isLoopback(name) && !name.endsWith(".localhost") && !allowed.has(name)) {
      return `This server does not answer to the name ${JSON.stringify(name)}; add it to CREWLINE_ALLOWED_HOSTS if it should.`
    }
    if (origin === undefined || origin === "null") {
      return origin === "null" ? "Requests of pages without an origin are not served." : undefined
    }
    const from = URL.canParse(origin) ? new URL(origin).host.toLowerCase() : ""
    if (from === host.toLowerCase() || allowed.has(nameOf(from))) return undefined
    return `Requests of pages from ${JSON.stringify(origin)} are not served; add its host to CREWLINE_ALLOWED_HOSTS if they should be.`
  }
}
