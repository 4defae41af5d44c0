/** The memories of a tenant over the HTTP API of a running server. */
import type * as Memory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import { tenantHeader } from "../../Api/Access.ts"
import * as Page from "../../Api/Page.ts"
import * as Failure from "../Failure.ts"
import type { Memories, MemoryPlace } from "./Connection.ts"
import * as Remote from "./Remote.ts"

/** The API client would buffer the whole export before returning any of it. */
const exported = (server: Remote.Server, place: MemoryPlace): Stream.Stream<string, Failure.Failure> => {
  const request = HttpClientRequest.get(`${server.url}/api/v1/memories/export`).pipe(
    HttpClientRequest.setUrlParams(place),
    server.key === undefined ? (same) => same : HttpClientRequest.bearerToken(server.key),
    server.tenant === undefined ? (same) => same : HttpClientRequest.setHeader(tenantHeader, server.tenant)
  )
  return Stream.unwrap(
    Effect.map(HttpClient.execute(request), (response) =>
      response.status === 200
        ? Stream.splitLines(Stream.decodeText(response.stream))
        : Stream.unwrap(
            Effect.map(response.text, (text) =>
              Stream.fail(Failure.failed(`The server answered ${response.status}: ${text}`))
            )
          )
    )
  ).pipe(
    Stream.provide(FetchHttpClient.layer),
    Stream.mapError((error) =>
      error instanceof Failure.Failure
        ? error
        : Failure.failed(`The export from ${server.url} broke off: ${error.message}. What was written is not all.`)
    )
  )
}

export const memories = Effect.fnUntraced(function* (server: Remote.Server): Effect.fn.Return<Memories> {
  const client = yield* Remote.connect(server)
  const told = Remote.tellingOf(server)
  const itemsOf = <A>({ items }: { readonly items: ReadonlyArray<A> }): ReadonlyArray<A> => items
  return {
    list: Effect.fnUntraced(function* (limit, filter) {
      const found: Array<Memory.Entry> = []
      let cursor: string | undefined
      do {
        const page = { limit: Math.min(Page.maxLimit, limit - found.length), ...(cursor !== undefined && { cursor }) }
        const { items, nextCursor } = yield* told(client.memories.list({ query: { ...filter, ...page } }))
        for (const item of items) found.push(item)
        cursor = nextCursor
      } while (cursor !== undefined && found.length < limit)
      return found
    }),
    search: (payload) => Effect.map(told(client.memories.search({ payload })), itemsOf),
    remember: (payload) =>
      Effect.map(told(client.memories.remember({ payload })), (made) => ("body" in made ? made.body : made)),
    get: (id, query) => told(client.memories.get({ params: { id }, query })),
    explain: (id, payload) => told(client.memories.explain({ params: { id }, payload })),
    change: (id, payload, query) => told(client.memories.change({ params: { id }, query, payload })),
    forget: (payload) => told(client.memories.forget({ payload })),
    entities: (query) => Effect.map(told(client.memories.entities({ query })), itemsOf),
    export: (place) => exported(server, place),
    import: (lines, query) => told(client.memories.import({ query, payload: lines.join("\n") })),
    statistics: told(client.memories.statistics()),
    retention: Effect.map(told(client.memories.retention()), itemsOf),
    retain: (items) => told(client.memories.retain({ payload: { items } }))
  }
})
