/**
 * Ollama's chat. Source: https://docs.ollama.com/api/chat
 */
import type { Call, Dialect, Reply, Schema } from "../Dialect.ts"
import * as Chat from "./Chat.ts"

interface Request extends Chat.Request {
  readonly format?: Schema
}

export const dialect: Dialect = {
  name: "Ollama's chat",
  matches: (path) => path.includes("/api/chat"),
  read: (body) => {
    const request = body as Request
    // It streams by default.
    return { ...Chat.read(request), stream: request.stream !== false, schema: request.format }
  },
  whole: (reply) => {
    const { calls, reasoning, text } = reply
    const thinking = reasoning === "" ? "" : `,"thinking":${JSON.stringify(reasoning)}`
    return `${head(reply)}{"role":"assistant","content":${JSON.stringify(text)}${thinking}${called(calls)}},${end(reply)}`
  },
  streamType: "application/x-ndjson",
  stream: (reply) => {
    const line = (content: string, more = "") => [
      `${head(reply)}{"role":"assistant","content":${JSON.stringify(content)}${more}},"done":false}\n`
    ]
    return {
      begin: () => [],
      reasoning: (piece) => line("", `,"thinking":${JSON.stringify(piece)}`),
      text: (piece) => line(piece),
      // A call comes in one piece.
      call: (call) => line("", called([call])),
      end: () => [`${head(reply)}{"role":"assistant","content":""},${end(reply)}\n`]
    }
  },
  failure: ({ message }) => JSON.stringify({ error: message }),
  requestIdHeader: "x-request-id"
}

const head = ({ model }: Reply): string =>
  `{"model":${JSON.stringify(model)},"created_at":"2026-01-01T00:00:00Z","message":`

const end = ({ stop, usage }: Reply): string =>
  `"done":true,"done_reason":"${stop ?? "stop"}","total_duration":1,"load_duration":1,"prompt_eval_count":${usage.input},"prompt_eval_duration":1,"eval_count":${usage.output},"eval_duration":1}`

/** The server parses arguments itself: invalid JSON never gets here. */
const called = (calls: ReadonlyArray<Call>): string =>
  calls.length === 0
    ? ""
    : `,"tool_calls":[${calls.map(({ arguments: json, id, name }) => `{"id":${JSON.stringify(id)},"function":{"name":${JSON.stringify(name)},"arguments":${json || "{}"}}}`).join(",")}]`
