/** Resources over the HTTP API of a running server. */
import type * as AskView from "@crewline/core/AskView"
import * as Effect from "effect/Effect"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import { Api } from "../../Api.ts"
import * as Page from "../../Api/Page.ts"
import type * as Problem from "../../Api/Problem.ts"
import * as Failure from "../Failure.ts"
import type { Connection } from "./Connection.ts"

export const make = Effect.fnUntraced(function* (
  url: string,
  key: Redacted.Redacted | undefined
): Effect.fn.Return<Connection> {
  const client = yield* HttpApiClient.make(Api, {
    baseUrl: url,
    ...(key !== undefined && { transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(key)) })
  }).pipe(Effect.provide(FetchHttpClient.layer))

  const told = <A, E extends Error>(effect: Effect.Effect<A, E>) =>
    Effect.mapError(effect, (error: Error) => {
      if ("code" in error && "status" in error) return refused(error as Problem.Problem)
      if (HttpClientError.isHttpClientError(error) && error.reason._tag === "TransportError")
        return Failure.failed(`No server answers at ${url}. Start one with crewline serve, or correct CREWLINE_URL.`)
      return Failure.failed(`What answers at ${url} is no server of this version of Crewline: ${error.message}`)
    })

  const open = Effect.fnUntraced(function* (executionId: string | undefined) {
    const found: Array<AskView.View> = []
    let cursor: string | undefined
    do {
      const { items, nextCursor } = yield* told(
        client.inbox.list({
          query: {
            state: "open",
            limit: Page.maxLimit,
            ...(executionId !== undefined && { executionId }),
            ...(cursor !== undefined && { cursor })
          }
        })
      )
      for (const item of items) found.push(item)
      cursor = nextCursor
    } while (cursor !== undefined)
    return found
  })

  return {
    inbox: { open, answer: (id, answer) => told(client.inbox.answer({ params: { id }, payload: answer })) },
    isServed: true
  }
})

/** A problem with all that is wrong. */
const refused = (problem: Problem.Problem): Failure.Failure => {
  const all = "errors" in problem ? problem.errors.map(({ message }) => message).join("\n") : ""
  const message = all === "" ? (problem.detail ?? problem.title) : all
  return problem.status === 400 ? Failure.invalid(message) : Failure.failed(message)
}
