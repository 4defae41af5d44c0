/**
 * How the fake provider reads a request and writes an answer, in the words of each API: OpenAI's chat completions, Anthropic's messages,
 * Ollama's chat. What is asked and answered is the same for all.
 */

export interface Schema {
  readonly type?: string
  readonly properties?: { readonly [name: string]: Schema }
  readonly items?: Schema
  readonly enum?: ReadonlyArray<unknown>
}

/** What a request asks, whatever the API. */
export interface Question {
  readonly model: string
  readonly messages: number
  /** The last text of a user. */
  readonly prompt: string
  /** How often the model has called tools so far. */
  readonly called: number
  readonly stream: boolean
  /** The tool that may be called first. */
  readonly tool: { readonly name: string; readonly parameters: Schema | undefined } | undefined
  /** Of the answer. */
  readonly schema: Schema | undefined
}

export interface Call {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

export interface Reply {
  readonly number: number
  readonly model: string
  readonly text: string
  readonly calls: ReadonlyArray<Call>
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface Dialect {
  /** Whether a request line is for this API. */
  readonly matches: (line: string) => boolean
  readonly read: (body: string) => Question
  readonly whole: (reply: Reply) => string
  readonly streamType: string
  /** What is streamed, one string per event. */
  readonly events: (reply: Reply, pieces: (text: string) => ReadonlyArray<string>) => Array<string>
}

interface Part {
  readonly type?: string
  readonly text?: string
}

interface Message {
  readonly role: string
  readonly content?: string | ReadonlyArray<Part> | null
  readonly tool_calls?: ReadonlyArray<unknown>
}

interface Request {
  readonly model: string
  readonly messages: ReadonlyArray<Message>
  readonly stream?: boolean
  readonly tools?: ReadonlyArray<Tool>
  readonly tool_choice?: unknown
  readonly response_format?: { readonly json_schema?: { readonly schema?: Schema } }
  readonly output_config?: { readonly format?: { readonly schema?: Schema } }
  readonly format?: Schema
}

interface Tool {
  readonly function?: { readonly name: string; readonly parameters?: Schema }
  readonly name?: string
  readonly input_schema?: Schema
}

const textOf = ({ content }: Message): string => {
  if (typeof content === "string") return content
  if (content == null) return ""
  return content.map((part) => part.text ?? "").join("")
}

/** The results of tools stand in a message of the user at Anthropic: what was asked stands before them. */
const asks = ({ content, role }: Message): boolean =>
  role === "user" && (typeof content === "string" || content == null || content.some(({ type }) => type === "text"))

const calls = ({ content, tool_calls }: Message): boolean =>
  (tool_calls !== undefined && tool_calls.length > 0) ||
  (Array.isArray(content) && content.some((part: Part) => part.type === "tool_use"))

const read = (body: string): Question => {
  const request: Request = JSON.parse(body)
  const user = request.messages.findLast(asks)
  let called = 0
  for (const message of request.messages) if (calls(message)) called += 1
  const [tool] = request.tools ?? []
  const name = tool?.function?.name ?? tool?.name
  return {
    model: request.model,
    messages: request.messages.length,
    prompt: user === undefined ? "" : textOf(user),
    called,
    stream: request.stream === true,
    tool:
      name === undefined || request.tool_choice === "none"
        ? undefined
        : { name, parameters: tool?.function?.parameters ?? tool?.input_schema },
    schema: request.response_format?.json_schema?.schema ?? request.output_config?.format?.schema ?? request.format
  }
}

// --- OpenAI -----------------------------------------------------------------------------------------------------------------------

const openAiUsage = ({ inputTokens, outputTokens }: Reply): string =>
  `{"prompt_tokens":${inputTokens},"completion_tokens":${outputTokens},"total_tokens":${inputTokens + outputTokens},"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}`

const openAi: Dialect = {
  matches: (line) => line.includes("/chat/completions"),
  read,
  whole: (reply) => {
    const { calls: called, model, number, text } = reply
    const toolCalls =
      called.length === 0
        ? ""
        : `,"tool_calls":[${called.map((call) => `{"id":"${call.id}","type":"function","function":{"name":${JSON.stringify(call.name)},"arguments":${JSON.stringify(call.arguments)}}}`).join(",")}]`
    return `{"id":"chatcmpl-${number}","object":"chat.completion","created":1,"model":${JSON.stringify(model)},"choices":[{"index":0,"message":{"role":"assistant","content":${called.length > 0 ? "null" : JSON.stringify(text)}${toolCalls}},"finish_reason":"${called.length > 0 ? "tool_calls" : "stop"}","logprobs":null}],"usage":${openAiUsage(reply)}}`
  },
  streamType: "text/event-stream",
  events: (reply, pieces) => {
    const head = `data: {"id":"chatcmpl-${reply.number}","object":"chat.completion.chunk","created":1,"model":${JSON.stringify(reply.model)},"choices":`
    const event = (delta: string, finish = "null") =>
      `${head}[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`
    const out = [event('{"role":"assistant","content":""}')]
    for (const piece of pieces(reply.text)) out.push(event(`{"content":${JSON.stringify(piece)}}`))
    reply.calls.forEach((call, index) => {
      out.push(
        event(
          `{"tool_calls":[{"index":${index},"id":"${call.id}","type":"function","function":{"name":${JSON.stringify(call.name)},"arguments":""}}]}`
        )
      )
      for (const piece of pieces(call.arguments)) {
        out.push(event(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(piece)}}}]}`))
      }
    })
    out.push(
      event("{}", reply.calls.length > 0 ? '"tool_calls"' : '"stop"'),
      `${head}[],"usage":${openAiUsage(reply)}}\n\n`,
      "data: [DONE]\n\n"
    )
    return out
  }
}

// --- Anthropic --------------------------------------------------------------------------------------------------------------------

const stopReason = ({ calls: called }: Reply): string => (called.length > 0 ? '"tool_use"' : '"end_turn"')

const anthropicUsage = (inputTokens: number, outputTokens: number): string =>
  `{"input_tokens":${inputTokens},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":${outputTokens}}`

const anthropic: Dialect = {
  matches: (line) => line.includes("/v1/messages"),
  read,
  whole: (reply) => {
    const { calls: called, inputTokens, model, number, outputTokens, text } = reply
    const blocks = called.map(
      (call) =>
        `{"type":"tool_use","id":"${call.id}","name":${JSON.stringify(call.name)},"input":${call.arguments || "{}"}}`
    )
    if (text !== "") blocks.unshift(`{"type":"text","text":${JSON.stringify(text)}}`)
    return `{"id":"msg_${number}","type":"message","role":"assistant","model":${JSON.stringify(model)},"content":[${blocks.join(",")}],"stop_reason":${stopReason(reply)},"stop_sequence":null,"usage":${anthropicUsage(inputTokens, outputTokens)}}`
  },
  streamType: "text/event-stream",
  events: (reply, pieces) => {
    const { calls: called, inputTokens, model, number, outputTokens, text } = reply
    const event = (type: string, rest: string) => `event: ${type}\ndata: {"type":"${type}"${rest}}\n\n`
    const out = [
      event(
        "message_start",
        `,"message":{"id":"msg_${number}","type":"message","role":"assistant","model":${JSON.stringify(model)},"content":[],"stop_reason":null,"stop_sequence":null,"usage":${anthropicUsage(inputTokens, 1)}}`
      )
    ]
    const block = (index: number, start: string, deltas: ReadonlyArray<string>) => {
      out.push(event("content_block_start", `,"index":${index},"content_block":${start}`))
      for (const delta of deltas) out.push(event("content_block_delta", `,"index":${index},"delta":${delta}`))
      out.push(event("content_block_stop", `,"index":${index}`))
    }
    if (text !== "") {
      const deltas = pieces(text).map((piece) => `{"type":"text_delta","text":${JSON.stringify(piece)}}`)
      block(0, '{"type":"text","text":""}', deltas)
    }
    called.forEach((call, index) => {
      const start = `{"type":"tool_use","id":"${call.id}","name":${JSON.stringify(call.name)},"input":{}}`
      const deltas = pieces(call.arguments).map(
        (piece) => `{"type":"input_json_delta","partial_json":${JSON.stringify(piece)}}`
      )
      block(text === "" ? index : index + 1, start, deltas)
    })
    out.push(
      event(
        "message_delta",
        `,"delta":{"stop_reason":${stopReason(reply)},"stop_sequence":null},"usage":{"output_tokens":${outputTokens}}`
      ),
      event("message_stop", "")
    )
    return out
  }
}

// --- Ollama -----------------------------------------------------------------------------------------------------------------------

const ollamaHead = ({ model }: Reply): string =>
  `{"model":${JSON.stringify(model)},"created_at":"2026-01-01T00:00:00Z","message":`

const ollamaEnd = ({ inputTokens, outputTokens }: Reply): string =>
  `"done":true,"done_reason":"stop","total_duration":1,"load_duration":1,"prompt_eval_count":${inputTokens},"prompt_eval_duration":1,"eval_count":${outputTokens},"eval_duration":1}`

const ollamaCalls = ({ calls: called }: Reply): string =>
  called.length === 0
    ? ""
    : `,"tool_calls":[${called.map((call) => `{"function":{"name":${JSON.stringify(call.name)},"arguments":${call.arguments || "{}"}}}`).join(",")}]`

const ollama: Dialect = {
  matches: (line) => line.includes("/api/chat"),
  // It streams unless it is told not to.
  read: (body) => ({ ...read(body), stream: !/"stream":\s*false/.test(body) }),
  whole: (reply) =>
    `${ollamaHead(reply)}{"role":"assistant","content":${JSON.stringify(reply.text)}${ollamaCalls(reply)}},${ollamaEnd(reply)}`,
  streamType: "application/x-ndjson",
  events: (reply, pieces) => {
    const line = (content: string, more = "") =>
      `${ollamaHead(reply)}{"role":"assistant","content":${JSON.stringify(content)}${more}},"done":false}\n`
    const out = pieces(reply.text).map((piece) => line(piece))
    if (reply.calls.length > 0) out.push(line("", ollamaCalls(reply)))
    out.push(`${ollamaHead(reply)}{"role":"assistant","content":""},${ollamaEnd(reply)}\n`)
    return out
  }
}

export const all: ReadonlyArray<Dialect> = [openAi, anthropic, ollama]
