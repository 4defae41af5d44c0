/**
 * A call of each official SDK as its users write it, with Node's fetch and without our code: the
 * baseline for calls through Crewline.
 */

export const sdks = ["openai", "anthropic", "ollama"] as const
export type Sdk = (typeof sdks)[number]

export interface Options {
  /** Origin of the fake provider. */
  readonly origin: string
  readonly question: string
  readonly streamed: boolean
  /** Called with the first piece of each streamed answer. */
  readonly onFirst: (milliseconds: number) => void
}

export const make = (sdk: Sdk, options: Options): Promise<() => Promise<unknown>> => makers[sdk](options)

const openai = async ({ onFirst, origin, question, streamed }: Options): Promise<() => Promise<unknown>> => {
  const { default: OpenAI } = await import("openai")
  const client = new OpenAI({ apiKey: "none", baseURL: `${origin}/v1`, maxRetries: 0 })
  const asked = { model: "m", messages: [{ role: "user" as const, content: question }] }
  if (!streamed) return () => client.chat.completions.create(asked)
  return async () => {
    const text = gather(onFirst)
    const options = { include_usage: true }
    const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: options })
    for await (const chunk of stream) text.add(chunk.choices[0]?.delta.content ?? "")
    return text.all()
  }
}

const anthropic = async ({ onFirst, origin, question, streamed }: Options): Promise<() => Promise<unknown>> => {
  const { default: Anthropic } = await import("@anthropic-ai/sdk")
  const client = new Anthropic({ apiKey: "none", baseURL: origin, maxRetries: 0 })
  const asked = { model: "m", max_tokens: 4_096, messages: [{ role: "user" as const, content: question }] }
  if (!streamed) return () => client.messages.create(asked)
  return async () => {
    const text = gather(onFirst)
    const stream = await client.messages.create({ ...asked, stream: true })
    for await (const event of stream) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") text.add(event.delta.text)
    }
    return text.all()
  }
}

const ollama = async ({ onFirst, origin, question, streamed }: Options): Promise<() => Promise<unknown>> => {
  const { Ollama } = await import("ollama")
  const client = new Ollama({ host: origin })
  const asked = { model: "m", messages: [{ role: "user", content: question }] }
  if (!streamed) return () => client.chat({ ...asked, stream: false })
  return async () => {
    const text = gather(onFirst)
    for await (const part of await client.chat({ ...asked, stream: true })) text.add(part.message.content)
    return text.all()
  }
}

const makers = { openai, anthropic, ollama }

const gather = (onFirst: Options["onFirst"]) => {
  const began = performance.now()
  let text = ""
  return {
    add: (piece: string): void => {
      if (text === "" && piece !== "") onFirst(performance.now() - began)
      text += piece
    },
    all: () => text
  }
}
