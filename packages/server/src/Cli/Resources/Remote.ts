/** Resources over the HTTP API of a running server. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import { Api } from "../../Api.ts"
import { tenantHeader } from "../../Api/Access.ts"
import * as Page from "../../Api/Page.ts"
import type * as Problem from "../../Api/Problem.ts"
import * as Failure from "../Failure.ts"
import type { Audit, Inbox, Keys, Outbox, Secrets } from "./Connection.ts"

/** A server, and who asks it. */
export interface Server {
  readonly url: string
  readonly key: Redacted.Redacted | undefined
  /** For which tenant; absent: that of the key. */
  readonly tenant?: string | undefined
}

/** A client of the API. */
export const connect = ({ key, tenant, url }: Server) =>
  HttpApiClient.make(Api, {
    baseUrl: url,
    transformClient: HttpClient.mapRequest((request) =>
      request.pipe(
        key === undefined ? identity : HttpClientRequest.bearerToken(key),
        tenant === undefined ? identity : HttpClientRequest.setHeader(tenantHeader, tenant)
      )
    )
  }).pipe(Effect.provide(FetchHttpClient.layer))

/** Converts failures to the messages of a command. */
export const tellingOf =
  ({ key, url }: Server) =>
  <A, E extends Error>(effect: Effect.Effect<A, E>) =>
    Effect.mapError(effect, (error: Error) => {
      if ("code" in error && "status" in error) return refused(error as Problem.Problem, key)
      if (HttpClientError.isHttpClientError(error) && error.reason._tag === "TransportError")
        return Failure.failed(`No server answers at ${url}. Start one with crewline serve, or correct CREWLINE_URL.`)
      return Failure.failed(`The server at ${url} does not run this version of Crewline: ${error.message}`)
    })

/** All pages of a list. */
const all = Effect.fnUntraced(function* <A>(
  page: (query: {
    readonly limit: number
    readonly cursor?: string
  }) => Effect.Effect<{ readonly items: ReadonlyArray<A>; readonly nextCursor?: string }, Failure.Failure>
) {
  const found: Array<A> = []
  let cursor: string | undefined
  do {
    const { items, nextCursor } = yield* page({ limit: Page.maxLimit, ...(cursor !== undefined && { cursor }) })
    for (const item of items) found.push(item)
    cursor = nextCursor
  } while (cursor !== undefined)
  return found
})

export const inbox = Effect.fnUntraced(function* (server: Server): Effect.fn.Return<Inbox> {
  const client = yield* connect(server)
  const told = tellingOf(server)
  return {
    open: (executionId) =>
      all((query) =>
        told(
          client.inbox.list({
            query: { ...query, state: "open", ...(executionId !== undefined && { executionId }) }
          })
        )
      ),
    answer: (id, answer) => told(client.inbox.answer({ params: { id }, payload: answer })),
    send: (id, message) => told(client.executions.message({ params: { id }, headers: {}, payload: message }))
  }
})

export const audit = Effect.fnUntraced(function* (server: Server): Effect.fn.Return<Audit> {
  const client = yield* connect(server)
  const told = tellingOf(server)
  return {
    list: (limit, filters) =>
      Effect.map(told(client.audit.list({ query: { ...filters, limit } })), ({ items }) => items)
  }
})

export const outbox = Effect.fnUntraced(function* (server: Server): Effect.fn.Return<Outbox> {
  const client = yield* connect(server)
  const told = tellingOf(server)
  return {
    list: (state) =>
      all((query) => told(client.outbox.list({ query: { ...query, ...(state !== undefined && { state }) } }))),
    retry: (id) => told(client.outbox.retry({ params: { id } }))
  }
})

export const secrets = Effect.fnUntraced(function* (server: Server): Effect.fn.Return<Secrets> {
  const client = yield* connect(server)
  const told = tellingOf(server)
  const find = Effect.fnUntraced(function* (name: string) {
    const { items } = yield* told(client.secrets.list({ query: { name, limit: 1 } }))
    return items[0]
  })
  return {
    set: Effect.fnUntraced(function* (body, value) {
      const known = yield* find(body.name)
      const payload = { ...body, value }
      const { body: stored } = yield* known === undefined
        ? told(client.secrets.create({ payload }))
        : told(client.secrets.replace({ params: { id: known.id }, headers: {}, payload }))
      return stored
    }),
    list: all((query) => told(client.secrets.list({ query }))),
    remove: Effect.fnUntraced(function* (name) {
      const known = yield* find(name)
      if (known === undefined) return yield* Failure.failed(`There is no secret ${name}.`)
      yield* told(client.secrets.remove({ params: { id: known.id }, headers: {} }))
    })
  }
})

export const keys = Effect.fnUntraced(function* (server: Server): Effect.fn.Return<Keys> {
  const client = yield* connect(server)
  const told = tellingOf(server)
  return {
    create: (body) => Effect.map(told(client.keys.create({ payload: body })), ({ body: made }) => made),
    list: all((query) => told(client.keys.list({ query }))),
    rotate: (id, overlap) =>
      Effect.map(
        told(client.keys.rotate({ params: { id }, payload: overlap === undefined ? {} : { overlap } })),
        ({ body: made }) => made
      ),
    revoke: (id) => told(client.keys.revoke({ params: { id } }))
  }
})

/** A problem with all that is wrong. */
const refused = (problem: Problem.Problem, key: Server["key"]): Failure.Failure => {
  if (problem.status === 401 && key === undefined)
    return Failure.failed("This server requires an API key: set CREWLINE_KEY.")
  const all = "errors" in problem ? problem.errors.map(({ message }) => message).join("\n") : ""
  const message = all === "" ? (problem.detail ?? problem.title) : all
  return problem.status === 400 ? Failure.invalid(message) : Failure.failed(message)
}
