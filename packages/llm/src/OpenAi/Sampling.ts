/** The options of a model that a server takes, in the words of OpenAI. */
import type { Request } from "@crewline/core/Llm"
import type * as Capabilities from "../Provider/Capabilities.ts"

const none = {}

/**
 * `chat`: all of them; `responses`: those that the responses API has; `sent`: what can be refused.
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
