/** Ollama servers that read all of a prompt, or cut it to a window without a word. */
import { type Immediate, json } from "../Handlers.ts"
import * as Random from "../Random.ts"

export interface CutPrompt {
  readonly name: string
  /** Words of the prompt to send, a token each. */
  readonly words: number
  readonly isCut: boolean
  readonly handler: Immediate
}

export const cutPrompt = (seed: number): CutPrompt => {
  const random = Random.of(seed)
  const window = random.one([1_024, 2_048, 4_096, 8_192])
  const isCut = random.maybe(0.5)
  const words = Math.round(window * (isCut ? 1.8 + random.next() * 3 : 0.2 + random.next() * 0.6))
  const count = isCut ? window - random.between(0, 40) : words + random.between(5, 60)
  const said = { model: "m", created_at: "2026-01-01T00:00:00Z" }
  const message = (content: string) => ({ role: "assistant", content })
  const end = {
    ...said,
    done: true,
    ...(random.maybe(0.8) && { done_reason: "stop" }),
    ...(random.maybe(0.5) && { total_duration: 1, load_duration: 1 }),
    prompt_eval_count: count,
    eval_count: random.between(1, 9)
  }
  const handler: Immediate = (request, response) => {
    const isStreamed = request.question.stream
    const lines = isStreamed
      ? [
          { ...said, message: message("o"), done: false },
          { ...said, message: message("k"), done: false },
          { ...end, message: message("") }
        ]
      : [{ ...end, message: message("ok") }]
    const body = lines.map((line) => JSON.stringify(line)).join("\n") + (random.maybe(0.5) ? "\n" : "")
    const type = random.cased(isStreamed ? "application/x-ndjson" : "application/json")
    return json(body, 200, { "content-type": type })(request, response)
  }
  return { name: `${words} words, ${count} read, ${isCut ? "cut" : "whole"}`, words, isCut, handler }
}
