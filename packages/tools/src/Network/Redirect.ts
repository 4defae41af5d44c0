/** The request that a redirect leads to, as in browsers (Fetch standard, HTTP-redirect fetch). */

export interface Hop {
  readonly url: URL
  readonly method: string
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
}

const statuses = new Set([301, 302, 303, 307, 308])

interface Redirecting {
  readonly status: number
  readonly headers: { readonly get: (name: string) => string | null }
}

/** The target of a redirect. */
export const locationOf = ({ headers, status }: Redirecting): string | undefined =>
  statuses.has(status) ? (headers.get("location") ?? undefined) : undefined

const aboutBody = /^content-/i
/** Headers that must not be sent to another origin. API keys use many header names. */
const harmless = /^(?:accept|accept-language|user-agent|content-type)$/i

export const next = (hop: Hop, status: number, url: URL): Hop => {
  const becomesGet =
    status === 303 ? hop.method !== "HEAD" : (status === 301 || status === 302) && hop.method === "POST"
  const keeps = (name: string): boolean =>
    (url.origin === hop.url.origin || harmless.test(name)) && !(becomesGet && aboutBody.test(name))
  const headers = Object.fromEntries(Object.entries(hop.headers).filter(([name]) => keeps(name)))
  if (becomesGet) return { url, method: "GET", headers }
  return { url, method: hop.method, headers, ...(hop.body === undefined ? {} : { body: hop.body }) }
}
