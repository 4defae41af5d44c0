/**
 * A fake OpenAI server (chat completions) on a raw socket: about 15 µs a request, so that benchmarks measure the caller, and a process of
 * its own, so that it survives the processes that tests kill.
 *
 *     node bench/fake-provider.ts --port 0 [--latency ms] [--chunks n] [--chunk-delay ms] [--tools]
 *
 * The first line on stdout is `{"port":…,"url":…}`. Answers are deterministic. Directives inside the last user message steer them:
 *
 *     [[tool:name {"json":1}]]   call this tool; one directive a turn, in order; `+` between two puts them into the same turn
 *     [[latency:50]]             wait so many milliseconds before the answer
 *     [[answer:text]]            answer with this text, word for word
 *     [[fail:503]] [[fail:429:2]]  answer with this status; with a number, only the first so many requests for this turn
 *     [[never]]                  take the request and never answer
 *
 * `GET /calls` answers with what was asked: every turn (last user message and number of messages), how often it was asked, and how
 * often its answer was written out whole. `POST /reset` forgets. Requests on one connection are answered one after another.
 */
import * as Net from "node:net"
import { parseArgs } from "node:util"

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    latency: { type: "string", default: "0" },
    chunks: { type: "string", default: "20" },
    "chunk-delay": { type: "string", default: "-1" },
    tools: { type: "boolean", default: false }
  }
})
const defaultLatency = Number(flags.latency)
const chunkCount = Math.max(1, Number(flags.chunks))
/** -1: all chunks of a stream in one write; 0: each in a write of its own; above: with so many milliseconds between. */
const chunkDelay = Number(flags["chunk-delay"])

interface Message {
  readonly role: string
  readonly content?: string | ReadonlyArray<{ readonly text?: string }> | null
  readonly tool_calls?: ReadonlyArray<unknown>
}

interface ChatRequest {
  readonly model: string
  readonly messages: ReadonlyArray<Message>
  readonly stream?: boolean
  readonly tools?: ReadonlyArray<{ readonly function: { readonly name: string; readonly parameters?: Schema } }>
  readonly tool_choice?: unknown
  readonly response_format?: { readonly json_schema?: { readonly schema?: Schema } }
}

interface Schema {
  readonly type?: string
  readonly properties?: { readonly [name: string]: Schema }
  readonly items?: Schema
  readonly enum?: ReadonlyArray<unknown>
}

interface Call {
  readonly name: string
  readonly arguments: string
}

/** What was asked: one entry per turn of a conversation. */
interface Turn {
  readonly prompt: string
  readonly messages: number
  asked: number
  answered: number
}

const turns = new Map<string, Turn>()
let total = 0
let answered = 0
let open = 0

// --- what to answer ---------------------------------------------------------------------------------------------------------------

const textOf = (message: Message): string => {
  if (typeof message.content === "string") return message.content
  if (message.content == null) return ""
  return message.content.map((part) => part.text ?? "").join("")
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

/** Where the JSON object or array that begins at `start` ends. */
const endOfJson = (text: string, start: number): number => {
  let depth = 0
  let quoted = false
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (quoted) {
      if (char === "\\") at += 1
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === "{" || char === "[") depth += 1
    else if ((char === "}" || char === "]") && --depth === 0) return at + 1
  }
  return text.length
}

interface Directive {
  readonly kind: string
  readonly argument: string
  readonly json: string | undefined
  readonly start: number
  readonly end: number
}

const directivesOf = (text: string): Array<Directive> => {
  const out: Array<Directive> = []
  for (let start = text.indexOf("[["); start !== -1; start = text.indexOf("[[", start)) {
    const match = /\[\[(?:(tool|latency|answer|fail):|(never))/y
    match.lastIndex = start
    const found = match.exec(text)
    if (found === null) {
      start += 2
      continue
    }
    const from = match.lastIndex
    const brace = found[1] === "tool" ? /[^\]\s{]* *(?=\{)/y : undefined
    if (brace !== undefined) brace.lastIndex = from
    const name = brace?.exec(text)?.[0]
    const jsonEnd = name === undefined ? from : endOfJson(text, from + name.length)
    const close = text.indexOf("]]", jsonEnd)
    if (close === -1) break
    out.push({
      kind: found[1] ?? "never",
      argument: name === undefined ? text.slice(from, close) : name.trim(),
      json: name === undefined ? undefined : text.slice(from + name.length, jsonEnd),
      start,
      end: close + 2
    })
    start = close + 2
  }
  return out
}

interface Script {
  readonly turns: ReadonlyArray<ReadonlyArray<Call>>
  readonly latency: number
  readonly answer: string | undefined
  readonly fail: { readonly status: number; readonly times: number } | undefined
  readonly never: boolean
}

const nothing: Script = { turns: [], latency: defaultLatency, answer: undefined, fail: undefined, never: false }

const scriptOf = (text: string): Script => {
  if (!text.includes("[[")) return nothing
  const calls: Array<Array<Call>> = []
  let script = nothing
  let end = -1
  for (const { kind, argument, json, start, end: after } of directivesOf(text)) {
    if (kind === "tool") {
      const call = { name: argument, arguments: json ?? "{}" }
      const previous = calls.at(-1)
      if (previous !== undefined && end !== -1 && text.slice(end, start).trim() === "+") previous.push(call)
      else calls.push([call])
    } else if (kind === "latency") script = { ...script, latency: Number(argument) }
    else if (kind === "answer") script = { ...script, answer: argument }
    else if (kind === "fail") {
      const [status, times] = argument.split(":")
      script = { ...script, fail: { status: Number(status), times: times === undefined ? Infinity : Number(times) } }
    } else script = { ...script, never: true }
    end = kind === "tool" ? after : -1
  }
  return { ...script, turns: calls }
}

/** The text without its directives, so that an answer never hands them on. */
const plain = (text: string): string => {
  let out = ""
  let from = 0
  for (const { start, end } of directivesOf(text)) {
    out += text.slice(from, start)
    from = end
  }
  return (out + text.slice(from)).replaceAll("[[", "[").trim()
}

const answerOf = (
  request: ChatRequest,
  prompt: string,
  script: Script
): { text: string; calls: ReadonlyArray<Call> } => {
  let done = 0
  for (const message of request.messages)
    if (message.tool_calls !== undefined && message.tool_calls.length > 0) done += 1
  const scripted = script.turns[done]
  if (scripted !== undefined) return { text: "", calls: scripted }
  const tool = request.tools?.[0]?.function
  if (flags.tools && tool !== undefined && done === 0 && request.tool_choice !== "none") {
    return { text: "", calls: [{ name: tool.name, arguments: JSON.stringify(sample(tool.parameters)) }] }
  }
  if (script.answer !== undefined) return { text: script.answer, calls: [] }
  const schema = request.response_format?.json_schema?.schema
  if (schema !== undefined) return { text: JSON.stringify(sample(schema)), calls: [] }
  return { text: `Here is what I found after some thought about this: ${plain(prompt).slice(0, 200)}`, calls: [] }
}

// --- the wire ---------------------------------------------------------------------------------------------------------------------

const usage = (promptLength: number, answerLength: number): string => {
  const input = Math.ceil(promptLength / 4)
  const output = Math.ceil(answerLength / 4)
  return `{"prompt_tokens":${input},"completion_tokens":${output},"total_tokens":${input + output},"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`
}

const send = (socket: Net.Socket, status: number, body: string, headers = ""): void => {
  socket.write(
    `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\nx-request-id: req_${total}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

const pieces = (text: string): Array<string> => {
  const size = Math.max(1, Math.ceil(text.length / chunkCount))
  const out: Array<string> = []
  for (let at = 0; at < text.length; at += size) out.push(text.slice(at, at + size))
  return out
}

/** The server-sent events of a streamed answer, one string per event. */
const eventsOf = (
  model: string,
  id: string,
  text: string,
  calls: ReadonlyArray<Call>,
  count: string
): Array<string> => {
  const head = `data: {"id":"${id}","object":"chat.completion.chunk","created":1,"model":${JSON.stringify(model)},"choices":`
  const event = (delta: string, finish = "null") =>
    `${head}[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`
  const out = [event('{"role":"assistant","content":""}')]
  for (const piece of pieces(text)) out.push(event(`{"content":${JSON.stringify(piece)}}`))
  calls.forEach((call, index) => {
    out.push(
      event(
        `{"tool_calls":[{"index":${index},"id":"call_${total}_${index}","type":"function","function":{"name":${JSON.stringify(call.name)},"arguments":""}}]}`
      )
    )
    for (const piece of pieces(call.arguments)) {
      out.push(event(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(piece)}}}]}`))
    }
  })
  out.push(
    event("{}", calls.length > 0 ? '"tool_calls"' : '"stop"'),
    `${head}[],"usage":${count}}\n\n`,
    "data: [DONE]\n\n"
  )
  return out
}

const frame = (chunk: string): string => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`

const stream = (socket: Net.Socket, events: Array<string>, done: () => void): void => {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_${total}\r\ntransfer-encoding: chunked\r\n\r\n`
  if (chunkDelay < 0) {
    socket.write(head + frame(events.join("")) + "0\r\n\r\n")
    return done()
  }
  socket.write(head)
  let at = 0
  const next = (): void => {
    if (socket.destroyed) return
    const event = events[at++]
    if (event === undefined) {
      socket.write("0\r\n\r\n")
      return done()
    }
    socket.write(frame(event))
    if (chunkDelay === 0) setImmediate(next)
    else setTimeout(next, chunkDelay)
  }
  next()
}

const complete = (socket: Net.Socket, body: string, next: () => void): void => {
  const request: ChatRequest = JSON.parse(body)
  const user = request.messages.findLast((message) => message.role === "user")
  const prompt = user === undefined ? "" : textOf(user)
  const key = `${request.messages.length}:${prompt}`
  let turn = turns.get(key)
  if (turn === undefined) turns.set(key, (turn = { prompt, messages: request.messages.length, asked: 0, answered: 0 }))
  turn.asked += 1
  total += 1
  const script = scriptOf(prompt)
  if (script.never) return
  const reply = (): void => {
    if (socket.destroyed) return
    if (script.fail !== undefined && turn.asked <= script.fail.times) {
      const { status } = script.fail
      send(
        socket,
        status,
        `{"error":{"message":"The fake provider was told to answer ${status}.","type":"fake","code":${status === 429 ? '"rate_limit_exceeded"' : "null"}}}`,
        status === 429 ? "retry-after-ms: 20\r\n" : ""
      )
      return next()
    }
    const { text, calls } = answerOf(request, prompt, script)
    const id = `chatcmpl-${total}`
    const count = usage(body.length, text.length)
    const finish = (): void => {
      turn.answered += 1
      answered += 1
      next()
    }
    if (request.stream === true) return stream(socket, eventsOf(request.model, id, text, calls, count), finish)
    const toolCalls =
      calls.length === 0
        ? ""
        : `,"tool_calls":[${calls.map((call, index) => `{"id":"call_${total}_${index}","type":"function","function":{"name":${JSON.stringify(call.name)},"arguments":${JSON.stringify(call.arguments)}}}`).join(",")}]`
    send(
      socket,
      200,
      `{"id":"${id}","object":"chat.completion","created":1,"model":${JSON.stringify(request.model)},"choices":[{"index":0,"message":{"role":"assistant","content":${calls.length > 0 ? "null" : JSON.stringify(text)}${toolCalls}},"finish_reason":"${calls.length > 0 ? "tool_calls" : "stop"}","logprobs":null}],"usage":${count}}`
    )
    finish()
  }
  if (script.latency > 0) setTimeout(reply, script.latency)
  else reply()
}

const serve = (socket: Net.Socket, line: string, body: string, next: () => void): void => {
  if (line.startsWith("POST ") && line.includes("/chat/completions")) {
    try {
      return complete(socket, body, next)
    } catch (error) {
      send(
        socket,
        400,
        JSON.stringify({ error: { message: String(error), type: "invalid_request_error", code: null } })
      )
      return next()
    }
  }
  if (line.startsWith("GET /calls")) {
    send(socket, 200, JSON.stringify({ total, answered, open, turns: [...turns.values()] }))
  } else if (line.startsWith("POST /reset")) {
    turns.clear()
    total = 0
    answered = 0
    send(socket, 200, "{}")
  } else if (line.includes("/models")) {
    send(socket, 200, '{"object":"list","data":[{"id":"fake","object":"model"}]}')
  } else
    send(
      socket,
      404,
      '{"error":{"message":"The fake provider knows only chat completions.","type":"fake","code":null}}'
    )
  next()
}

const separator = Buffer.from("\r\n\r\n")
const contentLength = /\r\ncontent-length: *(\d+)/i

const server = Net.createServer({ noDelay: true }, (socket) => {
  let pending: Buffer = Buffer.alloc(0)
  let busy = false
  open += 1
  const take = (): void => {
    while (!busy) {
      const end = pending.indexOf(separator)
      if (end === -1) return
      const head = pending.toString("latin1", 0, end)
      const length = Number(contentLength.exec(head)?.[1] ?? 0)
      const start = end + 4
      if (pending.length < start + length) return
      const body = pending.toString("utf8", start, start + length)
      pending = pending.subarray(start + length)
      busy = true
      let immediate = true
      serve(socket, head.slice(0, head.indexOf("\r\n")), body, () => {
        busy = false
        if (!immediate) take()
      })
      immediate = false
    }
  }
  socket.on("data", (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    take()
  })
  socket.on("error", () => socket.destroy())
  socket.on("close", () => {
    open -= 1
  })
})

server.listen(Number(flags.port), flags.host, () => {
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  console.log(JSON.stringify({ port: address.port, url: `http://${flags.host}:${address.port}/v1` }))
})
