/**
 * A fake server of OpenAI (chat completions, responses, embeddings), Anthropic (messages) and
 * Ollama (chat, embeddings) on loopback. A handler decides the answer to every request; the
 * requests are kept for tests to inspect.
 */
import type { Handler } from "./Handlers.ts"
import * as HttpServer from "./HttpServer.ts"
import { Received } from "./Received.ts"

export * from "./Handlers.ts"
export type { Body, Received } from "./Received.ts"
export type { Responder } from "./Responder.ts"

export interface Options {
  /** Default: a free one. */
  readonly port?: number
  readonly host?: string
  /** `false`: requests are not kept. */
  readonly keep?: boolean
}

export interface FakeProvider {
  readonly port: number
  /** `http://127.0.0.1:port` */
  readonly origin: string
  /** The origin with OpenAI's version: `http://127.0.0.1:port/v1`. */
  readonly baseURL: string
  /** Every request so far. */
  readonly received: ReadonlyArray<Received>
  /** Connections that were opened so far. */
  readonly connections: () => number
  /** Connections that are open. */
  readonly open: () => number
  /** Resolves when a request has been read. */
  readonly asked: Promise<void>
  /** Resolves when a client has closed a connection before its answer was complete. */
  readonly aborted: Promise<void>
  readonly stop: () => Promise<void>
}

export const start = async (handler: Handler, options: Options = {}): Promise<FakeProvider> => {
  const { host = "127.0.0.1", keep = true, port = 0 } = options
  const received: Array<Received> = []
  const asked = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<void>()
  const server = await HttpServer.listen({
    port,
    host,
    onAborted: aborted.resolve,
    onRequest: (raw, response) => {
      const request = new Received(raw)
      if (keep) received.push(request)
      asked.resolve()
      const failed = (error: unknown): void => {
        if (response.hasBegun) return response.destroy()
        const body = { error: { message: String(error), type: "invalid_request_error", code: null } }
        response.whole(JSON.stringify(body), 400, "content-type: application/json\r\n")
      }
      try {
        handler(request, response)?.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  })
  const origin = `http://${host}:${server.port}`
  return {
    port: server.port,
    origin,
    baseURL: `${origin}/v1`,
    received,
    connections: server.connections,
    open: server.open,
    asked: asked.promise,
    aborted: aborted.promise,
    stop: server.close
  }
}
