/**
 * Estimates the tokens of a request before it is sent: messages, tools and schema in OpenAI's
 * `o200k_base` encoding; each message is counted once, however often it is sent again. Nothing is
 * downloaded; the encoding is loaded at its first use.
 *
 * It is an estimate from above: frames of messages are counted generously, images and files by the
 * most they usually cost. Other providers cut text otherwise, so callers put a margin on it
 * (`margin`).
 */
import type * as Llm from "@crewline/core/Llm"
import * as Effect from "effect/Effect"

/** Counts the tokens of requests. */
export interface Counter {
  /** Of what is sent as it stands. */
  readonly request: (request: Pick<Llm.Request, "messages" | "tools" | "output">) => number
  /** Of one message, its frame included. */
  readonly message: (message: Llm.Request["messages"][number]) => number
  /** Of what goes with every turn: the tools and the schema of the answer. */
  readonly frame: (request: Pick<Llm.Request, "tools" | "output">) => number
}

/** Tokens around a message, its role and its end. */
const perMessage = 8
/** Tokens around a part of a message, a tool or a schema. */
const perPart = 12
/** Tokens around a whole request. */
const perRequest = 32
/** The most that an image usually costs at the three providers. */
const perImage = 5_000
/**
 * Longer runs are counted in pieces: the time of a long one without spaces grows with its square.
 */
const pieceLength = 2_000

/**
 * By how much an estimate is raised, by provider: the encoding is OpenAI's own; others make more
 * tokens of the same text.
 */
export const margin = (reference: string): number => (reference.startsWith("openai/") ? 1.05 : 1.4)

const make = (countTokens: (text: string) => number): Counter => {
  const known = new WeakMap<object, number>()
  const once = <A extends object>(count: (value: A) => number) => {
    return (value: A): number => {
      let tokens = known.get(value)
      if (tokens === undefined) {
        tokens = count(value)
        known.set(value, tokens)
      }
      return tokens
    }
  }
  const text = (value: string): number => {
    if (value.length <= pieceLength) return countTokens(value)
    let tokens = 0
    for (let at = 0; at < value.length; at += pieceLength) tokens += countTokens(value.slice(at, at + pieceLength))
    return tokens
  }
  const json = (value: unknown): number =>
    value === undefined ? 0 : typeof value === "string" ? text(value) : text(JSON.stringify(value) ?? "")
  // Servers that count no tokens often take one for four characters of what they were sent.
  const counted = <A extends object>(count: (value: A) => number) =>
    once((value: A) => Math.max(count(value), perMessage + Math.ceil(bytesOf(value) / 4)))
  const message = counted((each: Llm.Request["messages"][number]): number => {
    let tokens = perMessage
    if (typeof each.content === "string") return tokens + text(each.content)
    for (const part of each.content) {
      tokens += perPart
      if (part.type === "text" || part.type === "reasoning") tokens += text(part.text)
      else if (part.type === "file") tokens += file(part.mediaType, part.data)
      else if (part.type === "tool-call") tokens += text(part.name) + json(part.params)
      else if (part.type === "tool-result") tokens += text(part.name) + json(part.result)
      else tokens += json(part)
    }
    return tokens
  })
  const tool = counted((each: Llm.ToolDefinition) => perPart + json(each))
  const schema = counted((each: NonNullable<Llm.Request["output"]>["schema"]) => perPart + json(each))
  const frame: Counter["frame"] = ({ output, tools }) => {
    let tokens = perRequest
    for (const each of tools) tokens += tool(each)
    return output === undefined ? tokens : tokens + schema(output.schema)
  }
  return {
    message,
    frame,
    request: (request) => {
      let tokens = frame(request)
      for (const each of request.messages) tokens += message(each)
      return tokens
    }
  }
}

const file = (mediaType: string, data: unknown): number => {
  if (mediaType.startsWith("image/")) return perImage
  // Text of a document, at worst: three bytes of base64 are four characters, and a token has at
  // least two bytes as a rule.
  const size = typeof data === "string" ? data.length * 0.75 : data instanceof Uint8Array ? data.byteLength : 0
  return perImage + Math.ceil(size / 2)
}

let loading: Promise<Counter> | undefined
let loaded: Counter | undefined

/** The counter; the first time it takes about a quarter of a second to load the encoding. */
export const counter: Effect.Effect<Counter> = Effect.suspend(() => {
  if (loaded !== undefined) return Effect.succeed(loaded)
  loading ??= import("gpt-tokenizer/encoding/o200k_base").then(({ countTokens }) => {
    // What looks like a control token in a prompt is text like any other.
    const plain = { disallowedSpecial: new Set<string>() }
    loaded = make((value) => countTokens(value, plain))
    return loaded
  })
  return Effect.promise(() => loading!)
})

const bytes = new WeakMap<object, number>()
const bytesOf = (value: object): number => {
  let known = bytes.get(value)
  if (known === undefined) {
    let files = 0
    // Asking about every value of it takes several times as long: only where there can be a file.
    const json =
      "content" in value && typeof value.content === "string"
        ? JSON.stringify(value)
        : JSON.stringify(value, (_, part) => {
            if (typeof part !== "object" || part === null || part.type !== "file") return part
            files += file(String(part.mediaType), part.data)
            return null
          })
    known = Buffer.byteLength(json) + files + perMessage
    bytes.set(value, known)
  }
  return known
}

/**
 * No encoding makes more tokens of a request than this: a token is a byte at least. Cheap, and far
 * above the truth.
 */
export const maxTokens = ({ messages, output, tools }: Pick<Llm.Request, "messages" | "tools" | "output">): number => {
  let sum = perRequest + (output === undefined ? 0 : bytesOf(output.schema))
  for (const each of messages) sum += bytesOf(each)
  for (const each of tools) sum += bytesOf(each)
  return sum
}
