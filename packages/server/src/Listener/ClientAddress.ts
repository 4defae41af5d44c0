/**
 * The network address of a caller. Behind a proxy every connection comes from the proxy: if it is
 * trusted, the last address that it added to `X-Forwarded-For` is the caller's. Callers may have
 * forged the entries before it.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"

/** Whether the server is behind a proxy through which every request comes. */
export const IsBehindProxy: Context.Reference<boolean> = Context.Reference<boolean>(
  "@crewline/server/Listener/ClientAddress/IsBehindProxy",
  { defaultValue: () => false }
)

interface Request {
  /** Of the connection. */
  readonly remote: string | undefined
  /** The header. */
  readonly forwardedFor: string | ReadonlyArray<string> | undefined
}

const ofMappedIpv4 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i

export const of = ({ forwardedFor, remote }: Request, isBehindProxy: boolean): string | undefined => {
  const last = isBehindProxy ? [forwardedFor ?? []].flat().join(",").split(",").at(-1)?.trim() : undefined
  const address = last === undefined || last === "" ? remote : last
  return address?.replace(ofMappedIpv4, "")
}

export const ofRequest = (
  { headers, remoteAddress }: HttpServerRequest.HttpServerRequest,
  isBehindProxy: boolean
): string | undefined =>
  of({ remote: Option.getOrUndefined(remoteAddress), forwardedFor: headers["x-forwarded-for"] }, isBehindProxy)

/** `CREWLINE_BEHIND_PROXY`, default false. */
export const config: Config.Config<boolean> = Config.withDefault(Config.Boolean("CREWLINE_BEHIND_PROXY"), false)
