/**
 * How a fake provider handles a request: it answers in the dialect of the request, or fails as
 * providers and networks fail. A handler is a function, so a test combines them or writes its own.
 */
import * as Dialect from "./Dialect.ts"
import * as Embeddings from "./Dialect/Embeddings.ts"
import type { Received } from "./Received.ts"
import { type Headers, linesOf, type Responder } from "./Responder.ts"

export type Handler = (request: Received, response: Responder) => void | Promise<void>

/** A handler that answers, or begins to, before it returns. */
export type Immediate = (request: Received, response: Responder) => void

/** An answer of a model; omitted parts are empty. */
export interface Said {
  readonly text?: string
  readonly reasoning?: string
  readonly calls?: ReadonlyArray<{ readonly id?: string; readonly name: string; readonly arguments: string }>
  readonly stop?: "length"
  /** The model that answers. Default: the requested model. */
  readonly model?: string
  /** Default: a token per four characters of the request and of the text. */
  readonly usage?: Partial<Dialect.Usage>
}

export interface How {
  /** Whether the answer is streamed. Default: as the request asks. */
  readonly streamed?: boolean
  /** Pieces of a streamed text. Default: 2. */
  readonly chunks?: number
  /**
   * Milliseconds between two events; 0: a separate write for each; absent: the whole stream in one
   * write.
   */
  readonly chunkDelay?: number
}

/** Answers in the dialect of the request. */
export const answer =
  (said: Said | ((request: Received) => Said), how: How = {}): Immediate =>
  (request, response) =>
    reply(request, response, typeof said === "function" ? said(request) : said, how)

/** Answers in the dialect of the request; `done`: the answer is written. */
export const reply = (
  request: Received,
  response: Responder,
  said: Said,
  { chunkDelay, chunks = 2, streamed }: How,
  done: () => void = () => {}
): void => {
  const { dialect } = request
  if (dialect === undefined) return unknown(request, response)
  const { question } = request
  const full = replyOf(request, response, said)
  const headers = requestId(request, response)
  if (!(streamed ?? question.stream)) {
    response.whole(dialect.whole(full), 200, `content-type: application/json\r\n${headers}`)
    return done()
  }
  const events = Dialect.events(dialect, full, (text) => cut(text, chunks))
  const head = `content-type: ${dialect.streamType}\r\n${headers}`
  if (chunkDelay === undefined) {
    response.chunked(events.join(""), head)
    return done()
  }
  response.beginLines(head)
  let at = 0
  const next = (): void => {
    if (!response.isOpen) return
    const event = events[at++]
    if (event === undefined) {
      response.end()
      return done()
    }
    response.write(event)
    if (chunkDelay === 0) setImmediate(next)
    else setTimeout(next, chunkDelay)
  }
  next()
}

/** The answer, as a reply of this server. */
export const replyOf = (request: Received, { number }: Responder, said: Said): Dialect.Reply => {
  const { calls = [], model = request.question.model, reasoning = "", stop, text = "" } = said
  return {
    number,
    model,
    reasoning,
    text,
    calls: calls.map((call, index) => ({ ...call, id: call.id ?? `call_${number}_${index}` })),
    stop,
    usage: {
      input: Math.ceil(request.text.length / 4),
      cached: 0,
      written: 0,
      output: Math.ceil(text.length / 4),
      reasoning: 0,
      ...said.usage
    }
  }
}

const cut = (text: string, chunks: number): ReadonlyArray<string> => {
  const size = Math.max(1, Math.ceil(text.length / chunks))
  const out: Array<string> = []
  for (let at = 0; at < text.length; at += size) out.push(text.slice(at, at + size))
  return out
}

/** The beginning of a streamed answer with these pieces of text, without an end. */
export const beginning = (dialect: Dialect.Dialect, texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const usage = { input: 1, cached: 0, written: 0, output: 1, reasoning: 0 }
  const reply = { number: 1, model: "model-2026", reasoning: "", text: "", calls: [], stop: undefined, usage }
  const writer = dialect.stream(reply)
  return [writer.begin().join(""), ...texts.map((text) => writer.text(text).join(""))]
}

/** Fails in the dialect of the request. */
export const fail =
  (status: number, failure: Partial<Dialect.Failure> = {}, headers: Headers = {}): Immediate =>
  (request, response) => {
    const { code = null, message = `The fake provider was told to answer ${status}.`, type = "fake" } = failure
    const body = { message, type, code }
    json(request.dialect?.failure(body) ?? JSON.stringify({ error: body }), status, headers)(request, response)
  }

/** Answers with JSON, or with a text as it is. */
export const json =
  (body: unknown, status = 200, headers: Headers = {}): Immediate =>
  (request, response) => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const names = Object.keys(headers).map((name) => name.toLowerCase())
    const type = names.includes("content-type") ? "" : "content-type: application/json\r\n"
    const id = names.includes(idHeader(request)) ? "" : requestId(request, response)
    response.whole(text, status, `${type}${id}${linesOf(headers)}`)
  }

/**
 * Writes these pieces one after another, each when the one before has been sent, then does `last`.
 */
export const stream =
  (
    pieces: ReadonlyArray<string | Buffer>,
    last: (response: Responder) => void = (response) => response.end(),
    type = "text/event-stream"
  ): Immediate =>
  (request, response) => {
    response.beginLines(`content-type: ${type}; charset=utf-8\r\n${requestId(request, response)}`)
    let at = 0
    const next = (): void => {
      const piece = pieces[at++]
      if (piece === undefined) last(response)
      else response.write(piece, () => setTimeout(next, 3))
    }
    next()
  }

/** Writes the same piece as fast as the client takes it, for ever. */
export const endless =
  (piece: string, type = "text/event-stream"): Immediate =>
  (request, response) => {
    response.beginLines(`content-type: ${type}\r\n${requestId(request, response)}`)
    const next = (): void => {
      if (response.isOpen) response.write(piece, () => setImmediate(next))
    }
    next()
  }

/** Answers with the vector of each text. */
export const vectors =
  (vectorOf: (text: string) => ReadonlyArray<number>, tokens = 7): Immediate =>
  (request, response) => {
    const dialect = Embeddings.all.find(({ matches }) => matches(request.path))
    if (dialect === undefined) return unknown(request, response)
    const { model } = request.body as { readonly model?: string }
    const all = Embeddings.inputsOf(request.body).map(vectorOf)
    return json(dialect.whole(model ?? "", all, tokens))(request, response)
  }

/** Takes the request and never answers. */
export const silence: Immediate = () => {}

/** Closes the connection instead of an answer. */
export const hangUp: Immediate = (_, response) => response.destroy()

/** One handler per request, in order; the last one also handles all further requests. */
export const inTurn = (...handlers: ReadonlyArray<Handler>): Handler => {
  let at = 0
  return (request, response) => handlers[Math.min(at++, handlers.length - 1)]!(request, response)
}

const unknown = (request: Received, response: Responder): void =>
  response.whole(
    JSON.stringify({
      error: { message: `The fake provider does not know ${request.path}.`, type: "fake", code: null }
    }),
    404,
    "content-type: application/json\r\n"
  )

const idHeader = ({ dialect }: Received): string => dialect?.requestIdHeader ?? "x-request-id"

const requestId = (request: Received, { number }: Responder): string => `${idHeader(request)}: req_${number}\r\n`
