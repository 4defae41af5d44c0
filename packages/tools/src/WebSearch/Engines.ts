/**
 * The interfaces of search engines: Tavily (docs.tavily.com), Serper (serper.dev), Brave
 * (api-dashboard.search.brave.com) and SearXNG (docs.searxng.org).
 */
import { type ToolError, ToolFailed } from "@crewline/core/Toolbox"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Network, Request } from "../Network.ts"

/** Which engine answers. `url` replaces its address; SearXNG has no other. */
export type Engine =
  | { readonly name: "tavily" | "serper" | "brave"; readonly apiKey: Redacted.Redacted; readonly url?: string }
  | { readonly name: "searxng"; readonly url: string }

export interface Query {
  readonly query: string
  readonly limit: number
}

export interface Found {
  readonly title: string
  readonly url: string
  readonly snippet: string
}

type Asking = Pick<Request, "url" | "method" | "headers" | "body">

const json = { "content-type": "application/json" }

const asking = (engine: Engine, { limit, query }: Query): Asking => {
  const key = engine.name === "searxng" ? "" : Redacted.value(engine.apiKey)
  switch (engine.name) {
    case "tavily":
      return {
        url: engine.url ?? "https://api.tavily.com/search",
        method: "POST",
        headers: { ...json, authorization: `Bearer ${key}` },
        body: JSON.stringify({ query, max_results: limit })
      }
    case "serper":
      return {
        url: engine.url ?? "https://google.serper.dev/search",
        method: "POST",
        headers: { ...json, "x-api-key": key },
        body: JSON.stringify({ q: query, num: limit })
      }
    case "brave": {
      const url = engine.url ?? "https://api.search.brave.com/res/v1/web/search"
      return {
        url: `${url}?${new URLSearchParams({ q: query, count: String(limit) }).toString()}`,
        headers: { accept: "application/json", "x-subscription-token": key }
      }
    }
    case "searxng": {
      const base = engine.url.replace(/\/+$/, "")
      return { url: `${base}/search?${new URLSearchParams({ q: query, format: "json" }).toString()}` }
    }
  }
}

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))

/** Shared by all engines: a list of results, under engine-specific field names. */
const Result = Schema.Struct({
  title: Text,
  url: Text,
  link: Text,
  content: Text,
  snippet: Text,
  description: Text
})

const Answer = Schema.Struct({
  results: Schema.optionalKey(Schema.Array(Result)),
  organic: Schema.optionalKey(Schema.Array(Result)),
  web: Schema.optionalKey(Schema.Struct({ results: Schema.optionalKey(Schema.Array(Result)) }))
})

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Answer))

const names = { tavily: "Tavily", serper: "Serper", brave: "Brave Search", searxng: "SearXNG" } as const

/** At most `limit` results. A failure names the engine and never its key. */
export const search = Effect.fnUntraced(function* (
  network: Network,
  engine: Engine,
  query: Query
): Effect.fn.Return<ReadonlyArray<Found>, ToolError> {
  const name = names[engine.name]
  const failed = (why: string) => Effect.fail(new ToolFailed({ message: `${name} ${why}.` }))
  const { body, isCut, status } = yield* network.request({
    ...asking(engine, query),
    maxBytes: 2 * 1024 * 1024,
    timeoutMillis: 20_000
  })
  if (status === 401 || status === 403)
    return yield* failed(`rejected the request (status ${status}): its API key may be wrong`)
  if (status === 429) return yield* failed("received too many requests with this API key: try again later")
  if (status !== 200 || isCut) return yield* failed(`answered with status ${status}`)
  const answer = yield* Effect.catch(decode(Buffer.from(body).toString()), () =>
    failed("did not return search results")
  )
  const results = answer.results ?? answer.organic ?? answer.web?.results ?? []
  return results.slice(0, query.limit).flatMap(({ content, description, link, snippet, title, url }) => {
    const address = url ?? link
    return address == null
      ? []
      : [{ title: plain(title ?? address), url: address, snippet: plain(content ?? snippet ?? description ?? "") }]
  })
})

/** Engines emphasise words with tags. */
const plain = (text: string): string =>
  text
    .replace(/<\/?(?:strong|b|em|i|mark)>/gi, "")
    .replace(/\s+/g, " ")
    .trim()
