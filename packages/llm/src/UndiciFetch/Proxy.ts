/**
 * Proxies as the environment names them: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`,
 * also in lower case. What this machine itself serves is called directly.
 */
import { BlockList, isIP } from "node:net"

type Environment = Readonly<Record<string, string | undefined>>

/** The variable contains an unsupported proxy. The message does not contain its credentials. */
export class UnsupportedProxy extends TypeError {}

/** The proxy for requests to a URL; `undefined`: none. Throws `UnsupportedProxy`. */
export const of = (url: URL, environment: Environment): string | undefined => {
  const named = (name: string): string =>
    (environment[name.toLowerCase()] || environment[name.toUpperCase()] || "").trim()
  const own = url.protocol === "https:" ? "https_proxy" : "http_proxy"
  const variable = named(own) === "" ? "all_proxy" : own
  const proxy = named(variable)
  if (proxy === "" || isLocal(url.hostname) || isExcepted(url, named("no_proxy"))) return undefined
  const address = URL.parse((proxy.includes("://") ? proxy : `http://${proxy}`).replace(barePercent, "%25"))
  if (address === null || !schemes.has(address.protocol) || address.hostname === "") {
    const kind = address === null ? "is not a URL" : `has the scheme ${address.protocol}//`
    throw new UnsupportedProxy(
      `the proxy in ${variable.toUpperCase()} ${kind}: expected http://host:port, https:// or socks5://`
    )
  }
  // The proxy always resolves names, which is the meaning of the `h` in curl's scheme.
  return address.href.replace(/^socks5h:/, "socks5:").replace(/\/$/, "")
}

const schemes = new Set(["http:", "https:", "socks:", "socks5:", "socks5h:"])

/** A percent sign in a password that is not part of an encoding. */
const barePercent = /%(?![0-9a-f]{2})/gi

const isLocal = (host: string): boolean => /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])\.?$/i.test(host)

/**
 * Entries are hosts, with a port or without; domains with all of their hosts (`.example.com`,
 * `example.com`, `*.example.com`); patterns (`10.1.*`); addresses, their networks (`10.0.0.0/8`)
 * and ranges (`10.0.0.1-10.0.0.9`).
 */
const isExcepted = ({ hostname, port, protocol }: URL, list: string): boolean => {
  const host = hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
  const own = port === "" ? (protocol === "https:" ? "443" : "80") : port
  return list
    .toLowerCase()
    .split(/[\s,;|]+/)
    .some((entry) => {
      const bare = entry.replace(/^https?:\/\//, "").replace(/\/$/, "")
      if (bare === "" || bare === "*") return bare === "*"
      if (/[/-]/.test(bare) && isWithin(host, bare)) return true
      const { at, name } = partsOf(bare)
      return name !== "" && (at === undefined || at === own) && isNamed(host, name)
    })
}

/** The host of an entry and its port; an IPv6 address has one only after brackets. */
const partsOf = (entry: string): { readonly name: string; readonly at: string | undefined } => {
  if (isIP(entry) === 6) return { name: entry, at: undefined }
  const [, name = entry, at] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? []
  return { name: name.replace(/^\[|\]$/g, "").replace(/\.$/, ""), at }
}

const isNamed = (host: string, name: string): boolean => {
  if (isIP(name) === 6 && isIP(host) === 6) return isWithin(host, `${name}/128`)
  const domain = name.replace(/^\*?\./, "")
  if (!domain.includes("*")) return host === domain || host.endsWith(`.${domain}`)
  const pattern = name.split("*").map((each) => each.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
  return new RegExp(`^${pattern.join(".*")}$`).test(host)
}

/** Whether an address is in a network or a range. */
const isWithin = (host: string, entry: string): boolean => {
  const family = isIP(host)
  if (family === 0) return false
  const type = family === 6 ? "ipv6" : "ipv4"
  const [first = "", last = ""] = entry.split(/[/-]/).map((each) => each.replace(/^\[|\]$/g, ""))
  if (isIP(first) !== family) return false
  const list = new BlockList()
  try {
    if (entry.includes("/")) list.addSubnet(first, Number(last), type)
    else list.addRange(first, last, type)
  } catch {
    // Not a valid network or range: it matches nothing.
    return false
  }
  return list.check(host, type)
}
