/**
 * A handler whose answers are deterministic and steered by directives in the prompt (`Directives`).
 * It counts every turn of a conversation, so that a test can tell whether one was asked twice.
 *
 * `GET /calls` returns the requests: every turn (last user message and number of messages), how
 * often it was asked, and how often its answer was sent completely. `POST /reset` clears the
 * counts.
 */
import type { Question, Schema } from "./Dialect.ts"
import * as Directives from "./Directives.ts"
import { fail, type Handler, type How, json, reply, type Said } from "./Handlers.ts"
import type { Received } from "./Received.ts"
import type { Responder } from "./Responder.ts"

export interface Options extends Pick<How, "chunks" | "chunkDelay"> {
  /** Milliseconds before every answer. */
  readonly latency?: number
  /** Whether the first tool is called once in every conversation that offers one. */
  readonly tools?: boolean
  /** Connections that are open. */
  readonly open: () => number
}

/** How often one turn of a conversation was asked. */
export interface Turn {
  readonly prompt: string
  readonly messages: number
  asked: number
  answered: number
}

/** The response of `GET /calls`. */
export interface Calls {
  readonly total: number
  readonly answered: number
  readonly open: number
  readonly turns: ReadonlyArray<Turn>
}

export const make = (options: Options): Handler => {
  const turns = new Map<string, Turn>()
  let total = 0
  let answered = 0

  const turnOf = ({ messages, prompt }: Question): Turn => {
    const key = `${messages}:${prompt}`
    let turn = turns.get(key)
    if (turn === undefined) turns.set(key, (turn = { prompt, messages, asked: 0, answered: 0 }))
    return turn
  }

  const complete = (request: Received, response: Responder): void => {
    const { question } = request
    const turn = turnOf(question)
    turn.asked += 1
    total += 1
    const script = Directives.parse(question.prompt)
    if (script.never) return
    const respond = (): void => {
      if (script.fail !== undefined && turn.asked <= script.fail.times) {
        const { status } = script.fail
        const isLimit = status === 429
        const failure = isLimit ? { code: "rate_limit_exceeded" } : {}
        return fail(status, failure, isLimit ? { "retry-after-ms": "20" } : {})(request, response)
      }
      reply(request, response, answerOf(question, script, options), options, () => {
        turn.answered += 1
        answered += 1
      })
    }
    const latency = script.latency ?? options.latency ?? 0
    if (latency > 0) setTimeout(respond, latency)
    else respond()
  }

  return (request, response) => {
    const { dialect, method, path } = request
    if (dialect !== undefined) return complete(request, response)
    if (method === "GET" && path.startsWith("/calls")) {
      const calls: Calls = { total, answered, open: options.open(), turns: [...turns.values()] }
      return json(calls)(request, response)
    }
    if (method === "POST" && path.startsWith("/reset")) {
      turns.clear()
      total = 0
      answered = 0
      return json({})(request, response)
    }
    if (path.includes("/models")) {
      return json({ object: "list", data: [{ id: "fake", object: "model" }] })(request, response)
    }
    return fail(404, { message: "The fake provider knows only chats." })(request, response)
  }
}

const answerOf = (
  { called, prompt, schema, tool }: Question,
  { answer, turns }: Directives.Script,
  { tools = false }: Options
): Said => {
  const scripted = turns[called]
  if (scripted !== undefined) return { calls: scripted }
  if (tools && tool !== undefined && called === 0) {
    return { calls: [{ name: tool.name, arguments: JSON.stringify(sample(tool.parameters)) }] }
  }
  if (answer !== undefined) return { text: answer }
  if (schema !== undefined) return { text: JSON.stringify(sample(schema)) }
  return { text: `Here is what I found after some thought about this: ${Directives.strip(prompt).slice(0, 200)}` }
}

const sample = (schema: Schema | undefined): unknown => {
  if (schema?.enum !== undefined) return schema.enum[0]
  switch (schema?.type) {
    case "object":
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, child]) => [name, sample(child)]))
    case "array":
      return [sample(schema.items)]
    case "integer":
    case "number":
      return 1
    case "boolean":
      return true
    default:
      return "sample"
  }
}
