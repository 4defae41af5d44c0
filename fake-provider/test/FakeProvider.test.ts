/** The official SDKs can read the fake's answers, both whole and streamed. */
import { Anthropic } from "@anthropic-ai/sdk"
import { type ChatResponse, Ollama } from "ollama"
import { OpenAI } from "openai"
import { afterEach, describe, expect, it } from "vitest"
import * as FakeProvider from "../src/FakeProvider.ts"

const said: FakeProvider.Said = {
  reasoning: "Let me look.",
  text: "Sea otters.",
  calls: [
    { id: "call_a", name: "forecast", arguments: '{"city":"Oslo"}' },
    { id: "call_b", name: "forecast", arguments: '{"city":"Rome"}' }
  ],
  usage: { input: 100, cached: 40, written: 10, output: 20, reasoning: 5 }
}

/** The content that each SDK found in an answer. */
interface Seen {
  readonly reasoning: string
  readonly text: string
  readonly calls: ReadonlyArray<readonly [id: string | undefined, name: string, args: unknown]>
  readonly stop: unknown
  readonly input: number | undefined
  readonly output: number | undefined
}

const messages = [{ role: "user" as const, content: "Which mammals use tools?" }]

const openAi = async (provider: FakeProvider.FakeProvider, stream: boolean): Promise<Seen> => {
  const client = new OpenAI({ apiKey: "k", baseURL: provider.baseURL, maxRetries: 0 })
  const reasoned = (message: object): string =>
    "reasoning_content" in message ? String(message.reasoning_content) : ""
  let completion: OpenAI.ChatCompletion
  let reasoning = ""
  if (stream) {
    const events = client.chat.completions.stream({ model: "m", messages })
    // The SDK collects only OpenAI's own fields.
    for await (const { choices } of events) reasoning += reasoned(choices[0]?.delta ?? {})
    completion = await events.finalChatCompletion()
  } else {
    completion = await client.chat.completions.create({ model: "m", messages })
    reasoning = reasoned(completion.choices[0]!.message)
  }
  const { finish_reason, message } = completion.choices[0]!
  return {
    reasoning,
    text: message.content ?? "",
    calls: (message.tool_calls ?? []).map((call) =>
      call.type === "function"
        ? [call.id, call.function.name, JSON.parse(call.function.arguments)]
        : [call.id, "?", undefined]
    ),
    stop: finish_reason,
    input: completion.usage?.prompt_tokens,
    output: completion.usage?.completion_tokens
  }
}

const responses = async (provider: FakeProvider.FakeProvider, stream: boolean): Promise<Seen> => {
  const client = new OpenAI({ apiKey: "k", baseURL: provider.baseURL, maxRetries: 0 })
  const response = stream
    ? await client.responses.stream({ model: "m", input: messages }).finalResponse()
    : await client.responses.create({ model: "m", input: messages })
  return {
    reasoning: response.output.flatMap((item) => (item.type === "reasoning" ? item.summary : []))[0]?.text ?? "",
    text: response.output_text,
    calls: response.output.flatMap((item): Seen["calls"] =>
      item.type === "function_call" ? [[item.call_id, item.name, JSON.parse(item.arguments)]] : []
    ),
    stop: response.incomplete_details?.reason ?? response.status,
    input: response.usage?.input_tokens,
    output: response.usage?.output_tokens
  }
}

const anthropic = async (provider: FakeProvider.FakeProvider, stream: boolean): Promise<Seen> => {
  const client = new Anthropic({ apiKey: "k", baseURL: provider.origin, maxRetries: 0 })
  const body = { model: "m", max_tokens: 100, messages }
  const message = stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body)
  const { cache_creation_input_tokens, cache_read_input_tokens, input_tokens, output_tokens } = message.usage
  return {
    reasoning: message.content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join(""),
    text: message.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
    calls: message.content.flatMap((block): Seen["calls"] =>
      block.type === "tool_use" ? [[block.id, block.name, block.input]] : []
    ),
    stop: message.stop_reason,
    input: input_tokens + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0),
    output: output_tokens
  }
}

const ollama = async (provider: FakeProvider.FakeProvider, stream: boolean): Promise<Seen> => {
  const client = new Ollama({ host: provider.origin })
  const parts: Array<ChatResponse> = []
  if (stream) for await (const part of await client.chat({ model: "m", messages, stream: true })) parts.push(part)
  else parts.push(await client.chat({ model: "m", messages }))
  const last = parts.at(-1)!
  return {
    reasoning: parts.map(({ message }) => message.thinking ?? "").join(""),
    text: parts.map(({ message }) => message.content).join(""),
    calls: parts.flatMap(({ message }) =>
      (message.tool_calls ?? []).map((call) => [undefined, call.function.name, call.function.arguments] as const)
    ),
    stop: last.done_reason,
    input: last.prompt_eval_count,
    output: last.eval_count
  }
}

const called: Seen["calls"] = [
  ["call_a", "forecast", { city: "Oslo" }],
  ["call_b", "forecast", { city: "Rome" }]
]
const seen = { reasoning: "Let me look.", text: "Sea otters.", calls: called, input: 100, output: 20 }

const dialects = [
  { name: "chat completions", ask: openAi, whole: { ...seen, stop: "tool_calls" }, early: "length" },
  { name: "responses", ask: responses, whole: { ...seen, stop: "completed" }, early: "max_output_tokens" },
  { name: "messages", ask: anthropic, whole: { ...seen, stop: "tool_use" }, early: "max_tokens" },
  {
    name: "Ollama's chat",
    ask: ollama,
    // The SDK does not support call ids.
    whole: { ...seen, calls: called.map(([, ...rest]) => [undefined, ...rest]), stop: "stop" },
    early: "length"
  }
]

let provider: FakeProvider.FakeProvider
const serve = async (handler: FakeProvider.Handler) => (provider = await FakeProvider.start(handler))
afterEach(() => provider.stop())

describe.each(dialects)("$name", ({ ask, early, whole }) => {
  it.each([false, true])("is read by the official SDK (streamed: %s)", async (stream) => {
    expect(await ask(await serve(FakeProvider.answer(said, { chunks: 3 })), stream)).toEqual(whole)
  })

  it("is read however its stream is cut", async () => {
    for (const chunkDelay of [0, 1]) {
      const server = await serve(FakeProvider.answer(said, { chunks: 5, chunkDelay }))
      expect(await ask(server, true)).toEqual(whole)
      if (chunkDelay === 0) await server.stop()
    }
  })

  it("ends early, and fails, in its own words", async () => {
    const handler = FakeProvider.inTurn(
      FakeProvider.answer({ text: "Sea", stop: "length" }),
      FakeProvider.fail(400, { message: "No such thing." })
    )
    const server = await serve(handler)
    expect(await ask(server, false)).toMatchObject({ text: "Sea", calls: [], stop: early })
    await expect(ask(server, false)).rejects.toThrow("No such thing.")
    expect(server.received).toHaveLength(2)
  })
})

it("answers with vectors", async () => {
  const { baseURL, origin } = await serve(FakeProvider.vectors((text) => [text.length, 1]))
  const input = ["otter", "bear"]
  const client = new OpenAI({ apiKey: "k", baseURL })
  const { data } = await client.embeddings.create({ model: "m", input, encoding_format: "float" })
  expect(data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => embedding)).toEqual([
    [5, 1],
    [4, 1]
  ])
  const embedded = await new Ollama({ host: origin }).embed({ model: "m", input })
  expect(embedded.embeddings).toEqual([
    [5, 1],
    [4, 1]
  ])
})

it("keeps requests, counts connections, and notices clients that leave", async () => {
  const server = await serve(FakeProvider.silence)
  const controller = new AbortController()
  const asked = fetch(`${server.baseURL}/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer k" },
    body: JSON.stringify({ model: "m", messages }),
    signal: controller.signal
  })
  await server.asked
  controller.abort()
  await expect(asked).rejects.toThrow("aborted")
  await server.aborted
  const [request] = server.received
  expect(request).toMatchObject({ path: "/v1/chat/completions", method: "POST", body: { model: "m" } })
  expect(request!.headers["authorization"]).toBe("Bearer k")
  expect(server.connections()).toBeGreaterThan(0)
})

it("answers what it does not know with 404, and a body that it cannot read with 400", async () => {
  const server = await serve(FakeProvider.answer({ text: "Otters." }))
  expect((await fetch(`${server.origin}/nothing`)).status).toBe(404)
  const broken = await fetch(`${server.baseURL}/chat/completions`, { method: "POST", body: "{" })
  expect(broken.status).toBe(400)
})

it("writes an endless body as fast as the client takes it, until the client leaves", async () => {
  const server = await serve(FakeProvider.endless("data: {}\n\n"))
  const response = await fetch(`${server.baseURL}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "m", messages })
  })
  let bytes = 0
  for await (const chunk of response.body!) if ((bytes += (chunk as Uint8Array).length) > 10_000) break
  await server.aborted
})
