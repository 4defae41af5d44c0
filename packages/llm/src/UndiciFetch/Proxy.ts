/**
 * Proxies as the environment names them: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`,
 * also in lower case. What this machine itself serves is called directly.
 */

type Environment = Readonly<Record<string, string | undefined>>

/** The proxy for requests to a URL; `undefined`: none. */
export const of = (url: URL, environment: Environment): string | undefined => {
  const named = (name: string): string =>
    (environment[name.toLowerCase()] || environment[name.toUpperCase()] || "").trim()
  const proxy = named(url.protocol === "https:" ? "https_proxy" : "http_proxy") || named("all_proxy")
  if (proxy === "" || isLocal(url.hostname) || isExcepted(url, named("no_proxy"))) return undefined
  return proxy.includes("://") ? proxy : `http://${proxy}`
}

const isLocal = (host: string): boolean => /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/i.test(host)

/**
 * Entries are hosts, with a port or without, and domains with all of their hosts (`.example.com`,
 * `example.com`, `*.example.com`).
 */
const isExcepted = ({ hostname, port, protocol }: URL, list: string): boolean => {
  const host = hostname.toLowerCase().replace(/^\[|\]$/g, "")
  const own = port === "" ? (protocol === "https:" ? "443" : "80") : port
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === "") return false
      if (entry === "*") return true
      const [, name = "", at] = /^\*?\.?(\[[^\]]*\]|[^:]*(?::[^:]*:[^\]]*)?)(?::(\d+))?$/.exec(entry) ?? []
      const bare = name.replace(/^\[|\]$/g, "")
      return bare !== "" && (at === undefined || at === own) && (host === bare || host.endsWith(`.${bare}`))
    })
}
