/**
 * Servers with their own variants of OpenAI's chat completions, which refuse the same requests as
 * the real ones. The `Habits` of a server are its differences from OpenAI; `Servers` has those of
 * known servers, and `Variants` generates others from a seed.
 */
import type { Habits } from "./Imitated/Habits.ts"
import * as Refusals from "./Imitated/Refusals.ts"
import * as Wire from "./Imitated/Wire.ts"
import { type Handler, type Immediate, json, replyOf, type Said } from "./Handlers.ts"
import type { Reply } from "./Dialect.ts"
import type { Received } from "./Received.ts"
import type { Responder } from "./Responder.ts"

export { type Habits, openAi } from "./Imitated/Habits.ts"
export { servers, type Server } from "./Imitated/Servers.ts"
export { variant } from "./Imitated/Variants.ts"

let handlers = 0

/** Answers as a server with these habits does, or refuses the request as it would. */
export const handler = (habits: Habits, said: (request: Received) => Said): Handler => {
  const issued = new Set<string>()
  // No two servers make the same ids.
  const serial = 1_000 * ++handlers
  return (request, response) => {
    const refusal = Refusals.of(habits, request, issued)
    if (refusal !== undefined) return json(refusal.body, refusal.status)(request, response)
    const made = replied(request, response, said(request))
    const reply = { ...made, number: serial + made.number }
    for (const id of Wire.idsOf(habits, reply)) issued.add(id)
    write(habits, request, response, reply)
  }
}

/** An answer in the words of a server with these habits. */
export const answer =
  (habits: Habits, said: Said): Immediate =>
  (request, response) =>
    write(habits, request, response, replied(request, response, said))

const replied = (request: Received, response: Responder, said: Said): Reply =>
  replyOf(request, response, { ...said, usage: { input: 100, output: 20, ...said.usage } })

const write = (habits: Habits, request: Received, response: Responder, reply: Reply): void => {
  if (!request.question.stream) {
    return response.whole(JSON.stringify(Wire.whole(habits, reply)), 200, "Content-Type: application/json\r\n")
  }
  response.beginLines(`Content-Type: ${habits.streamType}\r\n`)
  for (const event of Wire.events(habits, reply)) response.write(event)
  response.end()
}
