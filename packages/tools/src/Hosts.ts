/** Hosts that tools may call: `api.example.com`, `*.example.com` with all below, or `*`. */

/** Whether one of the patterns covers the host of a URL. */
export const cover = (patterns: ReadonlyArray<string>, host: string): boolean => {
  const name = host.toLowerCase().replace(/\.$/, "")
  return patterns.some((pattern) => covers(pattern.toLowerCase(), name))
}

const covers = (pattern: string, host: string): boolean =>
  pattern === "*" || pattern === host || (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)))
