/**
 * A fake server of OpenAI (chat completions), Anthropic (messages) and Ollama (chat) on a raw socket: about 15 µs a request, so that
 * benchmarks measure the caller, and a process of its own, so that it survives the processes that tests kill.
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
import * as FakeDialect from "./FakeDialect.ts"

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

type Call = Omit<FakeDialect.Call, "id">

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

const sample = (schema: FakeDialect.Schema | undefined): unknown => {
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
  { called, prompt, schema, tool }: FakeDialect.Question,
  script: Script
): { readonly text: string; readonly calls: ReadonlyArray<Call> } => {
  const scripted = script.turns[called]
  if (scripted !== undefined) return { text: "", calls: scripted }
  if (flags.tools && tool !== undefined && called === 0) {
    return { text: "", calls: [{ name: tool.name, arguments: JSON.stringify(sample(tool.parameters)) }] }
  }
  if (script.answer !== undefined) return { text: script.answer, calls: [] }
  if (schema !== undefined) return { text: JSON.stringify(sample(schema)), calls: [] }
  return { text: `Here is what I found after some thought about this: ${plain(prompt).slice(0, 200)}`, calls: [] }
}

// --- the wire ---------------------------------------------------------------------------------------------------------------------

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

const frame = (chunk: string): string => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`

const stream = (socket: Net.Socket, type: string, events: Array<string>, done: () => void): void => {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\nx-request-id: req_${total}\r\ntransfer-encoding: chunked\r\n\r\n`
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

const complete = (socket: Net.Socket, dialect: FakeDialect.Dialect, body: string, next: () => void): void => {
  const question = dialect.read(body)
  const { messages, model, prompt } = question
  const key = `${messages}:${prompt}`
  let turn = turns.get(key)
  if (turn === undefined) turns.set(key, (turn = { prompt, messages, asked: 0, answered: 0 }))
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
    const { calls, text } = answerOf(question, script)
    const said: FakeDialect.Reply = {
      number: total,
      model,
      text,
      calls: calls.map((call, index) => ({ ...call, id: `call_${total}_${index}` })),
      inputTokens: Math.ceil(body.length / 4),
      outputTokens: Math.ceil(text.length / 4)
    }
    const finish = (): void => {
      turn.answered += 1
      answered += 1
      next()
    }
    if (question.stream) return stream(socket, dialect.streamType, dialect.events(said, pieces), finish)
    send(socket, 200, dialect.whole(said))
    finish()
  }
  if (script.latency > 0) setTimeout(reply, script.latency)
  else reply()
}

const serve = (socket: Net.Socket, line: string, body: string, next: () => void): void => {
  const dialect = line.startsWith("POST ") ? FakeDialect.all.find(({ matches }) => matches(line)) : undefined
  if (dialect !== undefined) {
    try {
      return complete(socket, dialect, body, next)
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
  } else send(socket, 404, '{"error":{"message":"The fake provider knows only chats.","type":"fake","code":null}}')
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
