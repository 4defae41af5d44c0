/**
 * An OpenAI-like server on a local port that does what a test tells it to, faults included: it holds the raw response and its socket.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"

/** A request as it came: what a test looks at, and anything else. */
export interface Body {
  readonly messages: ReadonlyArray<unknown>
  readonly response_format?: {
    readonly type: string
    readonly json_schema: { readonly name: string; readonly strict: boolean; readonly schema: unknown }
  }
  readonly [field: string]: unknown
}

export interface Received {
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Body
}

export interface FakeProvider {
  readonly baseURL: string
  readonly received: ReadonlyArray<Received>
  /** Connections opened so far. */
  readonly connections: () => number
  /** Succeeds when a request has been read. */
  readonly asked: Effect.Effect<void>
  /** Succeeds when the client closed a connection whose response was not finished. */
  readonly aborted: Effect.Effect<void>
}

export type Handler = (request: Received, response: Http.ServerResponse) => void

export const start = (handler: Handler): Effect.Effect<FakeProvider, never, Scope.Scope> =>
  Effect.gen(function* () {
    const received: Array<Received> = []
    const asked = yield* Deferred.make<void>()
    const aborted = yield* Deferred.make<void>()
    let connections = 0
    const server = Http.createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8")
      request.on("data", (chunk) => (body += chunk))
      request.on("end", () => {
        const got: Received = { path: request.url ?? "", headers: request.headers, body: JSON.parse(body) }
        received.push(got)
        Deferred.doneUnsafe(asked, Effect.void)
        handler(got, response)
      })
      response.on("close", () => {
        if (!response.writableFinished) Deferred.doneUnsafe(aborted, Effect.void)
      })
    })
    server.on("connection", () => (connections += 1))
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      baseURL: `http://127.0.0.1:${port}/v1`,
      received,
      connections: () => connections,
      asked: Deferred.await(asked),
      aborted: Deferred.await(aborted)
    }
  })

/** Answers with JSON. */
export const json =
  (body: unknown, status = 200, headers: Http.OutgoingHttpHeaders = {}): Handler =>
  (_, response) => {
    response.writeHead(status, { "content-type": "application/json", "x-request-id": "req_1", ...headers })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  }

/** A completion with this message. */
export const completion = (message: object, rest: object = {}, finishReason: string | null = "stop") => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "model-2026",
  choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason: finishReason }],
  usage: {
    prompt_tokens: 100,
    completion_tokens: 20,
    total_tokens: 120,
    prompt_tokens_details: { cached_tokens: 40 },
    completion_tokens_details: { reasoning_tokens: 5 }
  },
  ...rest
})

/** One server-sent event. */
export const event = (delta: object, finishReason: string | null = null, rest: object = {}): string =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", model: "model-2026", choices: [{ index: 0, delta, finish_reason: finishReason }], ...rest })}\n\n`

export const usageEvent = `data: ${JSON.stringify({ id: "chatcmpl-1", choices: [], usage: { prompt_tokens: 10, completion_tokens: 3 } })}\n\n`

/** Writes these pieces one after another, each when the one before has been sent, then does `last`. */
export const stream =
  (
    pieces: ReadonlyArray<string | Buffer>,
    last: (response: Http.ServerResponse) => void = (r) => r.end(),
    type = "text/event-stream"
  ): Handler =>
  (_, response) => {
    response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "x-request-id": "req_1" })
    let at = 0
    const next = (): void => {
      const piece = pieces[at++]
      if (piece === undefined) last(response)
      else response.write(piece, () => setTimeout(next, 3))
    }
    next()
  }
