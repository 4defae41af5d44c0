/** The model options that a server supports, under OpenAI's names. */
import type { Request } from "@crewline/core/Llm"
import type * as Capabilities from "../Provider/Capabilities.ts"

const none = {}

/**
 * `chat`: all options; `responses`: those of the responses API; `sent`: those that a server can
 * reject.
 */
export const of = (options: Request["options"], lacking: ReadonlySet<Capabilities.Feature>) => {
  if (options === undefined) return { chat: none, responses: none, sent: none }
  const { seed, stop, temperature, topP } = options
  const responses = {
    ...(temperature !== undefined && !lacking.has("temperature") && { temperature }),
    ...(topP !== undefined && !lacking.has("top_p") && { top_p: topP })
  }
  const chat = {
    ...responses,
    ...(seed !== undefined && !lacking.has("seed") && { seed }),
    ...(stop !== undefined && !lacking.has("stop") && { stop: [...stop] })
  }
  const sent: Capabilities.Sent = Object.fromEntries(Object.keys(chat).map((name) => [name, true]))
  return { chat, responses, sent }
}
