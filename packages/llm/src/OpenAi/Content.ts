/**
 * The content of a message as compatible servers send it: a text, or a list of parts. Text is the
 * answer, thinking is reasoning, and what is neither is passed over.
 */

export interface Content {
  text: string
  reasoning: string
  refusal: string
}

interface Part {
  readonly type?: unknown
  readonly text?: unknown
  readonly thinking?: unknown
  readonly reasoning?: unknown
  readonly refusal?: unknown
  readonly value?: unknown
  readonly content?: unknown
  readonly summary?: unknown
}

export const read = (content: unknown): Content => {
  const out: Content = { text: "", reasoning: "", refusal: "" }
  if (typeof content === "string") out.text = content
  else if (Array.isArray(content)) for (const part of content) addPart(out, part)
  else if (isPart(content)) addPart(out, content)
  return out
}

const addPart = (out: Content, part: unknown): void => {
  if (typeof part === "string") {
    out.text += part
    return
  }
  if (!isPart(part)) return
  const type = typeof part.type === "string" ? part.type.toLowerCase() : ""
  if (/think|thought|reason/.test(type)) {
    out.reasoning += textOf(part.thinking ?? part.reasoning ?? part.text ?? part.content ?? part.summary)
  } else if (type === "refusal") out.refusal += textOf(part.refusal ?? part.text)
  else if (type === "" || type === "text" || type === "output_text" || type === "text_delta") {
    out.text += textOf(part.text ?? part.value)
  }
}

const isPart = (value: unknown): value is Part => typeof value === "object" && value !== null

/** A text, one in an object, or several. */
const textOf = (value: unknown): string => {
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(textOf).join("")
  return isPart(value) ? textOf(value.text ?? value.value ?? value.content ?? value.thinking) : ""
}
