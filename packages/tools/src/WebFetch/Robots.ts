/**
 * The Robots Exclusion Protocol (RFC 9309): which paths a site disallows for programs. Its rules
 * are cached for an hour. A site whose robots.txt is unavailable because of the site itself (status
 * 5xx, no connection) is not fetched; one without a robots.txt is.
 */
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type Network, userAgent } from "../Network.ts"

export interface Robots {
  /** Fails if the site disallows the path. */
  readonly permit: (url: URL) => Effect.Effect<void, ToolError>
}

export interface Rule {
  readonly isAllowed: boolean
  readonly pattern: string
}

/** The specification requires at least 500 KiB. */
const maxBytes = 512 * 1024
const maxAgeMillis = 60 * 60 * 1_000
const maxSites = 200

interface Known {
  readonly rules: ReadonlyArray<Rule>
  readonly until: number
}

export const make = (network: Network): Robots => {
  const known = new Map<string, Known>()
  const rulesOf = Effect.fnUntraced(function* (origin: string): Effect.fn.Return<ReadonlyArray<Rule>, ToolError> {
    const now = yield* Clock.currentTimeMillis
    const kept = known.get(origin)
    if (kept !== undefined && kept.until > now) return kept.rules
    const { body, status } = yield* network.request({ url: `${origin}/robots.txt`, maxBytes, timeoutMillis: 10_000 })
    if (status >= 500) {
      const message = `${origin}/robots.txt answered with status ${status}: the site is not fetched until this file can be read.`
      return yield* new ToolFailed({ message, code: "robots-denied" })
    }
    const rules = status >= 400 ? [] : parse(new TextDecoder().decode(body), userAgent)
    if (known.size >= maxSites) known.delete(known.keys().next().value!)
    known.set(origin, { rules, until: now + maxAgeMillis })
    return rules
  })
  return {
    permit: (url) =>
      Effect.flatMap(rulesOf(url.origin), (rules) =>
        isAllowed(rules, url.pathname + url.search)
          ? Effect.void
          : Effect.fail(
              new ToolFailed({
                message: `The robots.txt of ${url.host} forbids ${url.pathname}.`,
                code: "robots-denied"
              })
            )
      )
  }
}

/** The rules of the groups that name the agent, otherwise of the groups for all agents. */
export const parse = (text: string, agent: string): ReadonlyArray<Rule> => {
  const groups = new Map<string, Array<Rule>>()
  let current: Array<string> = []
  let isNaming = false
  for (const line of text.split(/\r\n|\r|\n/)) {
    const [, key = "", value = ""] = /^\s*([\w-]+)\s*:\s*([^#]*)/.exec(line) ?? []
    switch (key.toLowerCase()) {
      case "user-agent": {
        if (!isNaming) current = []
        isNaming = true
        current.push(value.trim().toLowerCase())
        break
      }
      case "allow":
      case "disallow": {
        isNaming = false
        const pattern = value.trim()
        // An empty rule has no effect.
        if (pattern === "") break
        for (const name of current) {
          groups.set(name, [...(groups.get(name) ?? []), { isAllowed: key.toLowerCase() === "allow", pattern }])
        }
      }
    }
  }
  return groups.get(agent.toLowerCase()) ?? groups.get("*") ?? []
}

/** The longest matching pattern decides; of two with equal length, the one that allows. */
export const isAllowed = (rules: ReadonlyArray<Rule>, path: string): boolean => {
  if (path === "/robots.txt") return true
  let best: Rule | undefined
  for (const rule of rules) {
    const isLonger = best === undefined || rule.pattern.length > best.pattern.length
    const isEqual = best !== undefined && rule.pattern.length === best.pattern.length && rule.isAllowed
    if ((isLonger || isEqual) && matches(rule.pattern, path)) best = rule
  }
  return best?.isAllowed ?? true
}

/** `*` matches any characters, a final `$` the end. Linear time: each part is searched once. */
const matches = (pattern: string, path: string): boolean => {
  const isAnchored = pattern.endsWith("$")
  const parts = (isAnchored ? pattern.slice(0, -1) : pattern).split("*")
  let at = 0
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1
    if (index === 0) {
      if (!path.startsWith(part)) return false
      at = part.length
    } else if (isLast && isAnchored) {
      return path.length - part.length >= at && path.endsWith(part)
    } else {
      const found = path.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
  }
  return !isAnchored || at === path.length
}
